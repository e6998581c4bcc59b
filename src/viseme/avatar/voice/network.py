"""The voice network as it is trained: log-mels in, the visible part of the vocal tract out. Knows tensors alone."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn

from viseme.avatar.voice.features import CURVES, FRAMES_A_STEP, SPEAKING
from viseme.core.errors import ConfigError
from viseme.weights.graphs import GraphPart

__all__ = ["VoiceToFace"]


class _Shifted(nn.Module):
    """Three steps at a distance through one linear map: a convolution, faster on a CPU than the real one."""

    def __init__(self, inputs: int, outputs: int, *, dilation: int = 1, causal: bool = False) -> None:
        super().__init__()
        self.dilation = dilation
        self.before, self.after = (2 * dilation, 0) if causal else (dilation, dilation)
        self.linear = nn.Linear(3 * inputs, outputs)

    def forward(self, x: Float[Tensor, "B T D"]) -> Float[Tensor, "B T O"]:
        d, padded = self.dilation, nn.functional.pad(x, (0, 0, self.before, self.after))
        return self.linear(torch.cat([padded[:, : -2 * d], padded[:, d:-d], padded[:, 2 * d :]], -1))


class _Block(nn.Module):
    """Gated residual convolution over three steps; causal ones look back alone."""

    def __init__(self, width: int, dilation: int, causal: bool, dropout: float) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.conv = _Shifted(width, 2 * width, dilation=dilation, causal=causal)
        self.mix = nn.Linear(width, width)
        self.drop = nn.Dropout(dropout)

    def forward(self, x: Float[Tensor, "B T D"]) -> Float[Tensor, "B T D"]:
        return x + self.drop(self.mix(nn.functional.glu(self.conv(self.norm(x)), dim=-1)))


class VoiceToFace(nn.Module):
    """What lips and jaw do, from some 100 ms of audio ahead and 600 ms behind."""

    @dataclass(frozen=True, kw_only=True)
    class Config:
        """Sizes."""

        num_mels: int = 40
        """Mel bands."""
        width: int = 96
        """Channels."""
        dilations: tuple[int, ...] = (1, 1, 2)
        """Of the blocks that look both ways, in 20 ms steps; their sum is how far ahead the network looks."""
        causal_dilations: tuple[int, ...] = (4, 8)
        """Of the blocks that look back alone."""
        dropout: float = 0.1
        """Probability of dropping a hidden unit, in training."""

        def __post_init__(self) -> None:
            if min(self.width, self.num_mels, *self.dilations, *self.causal_dilations, 1) < 1:
                raise ConfigError(f"VoiceToFace: impossible sizes {self}")
            if not 0 <= self.dropout < 1:
                raise ConfigError(f"VoiceToFace: dropout must lie in [0, 1), not {self.dropout}")

        @property
        def ahead_frames(self) -> int:
            """Audio frames after the two of a step that the step depends on."""
            return 2 + 2 * sum(self.dilations)

        @property
        def behind_frames(self) -> int:
            """Audio frames before the two of a step that the step depends on."""
            return self.ahead_frames + 4 * sum(self.causal_dilations)

        @classmethod
        def tiny(cls) -> VoiceToFace.Config:
            """The smallest configuration that exercises every part."""
            return cls(width=8, dilations=(1,), causal_dilations=(1,))

    def __init__(self, config: Config | None = None) -> None:
        super().__init__()
        self.config = c = config or self.Config()
        self.first = _Shifted(FRAMES_A_STEP * c.num_mels, c.width)
        blocks = [(d, False) for d in c.dilations] + [(d, True) for d in c.causal_dilations]
        self.blocks = nn.Sequential(*(_Block(c.width, d, causal, c.dropout) for d, causal in blocks))
        self.last = nn.Sequential(nn.LayerNorm(c.width), nn.Linear(c.width, len(CURVES)))

    def forward(self, mels: Float[Tensor, "B A M"]) -> Float[Tensor, "B T D"]:
        """(B, A / 2, len(CURVES)) in the units of `SCALE`; of the last two, log-odds."""
        pairs = mels.reshape(mels.shape[0], -1, FRAMES_A_STEP * self.config.num_mels)
        return self.last(self.blocks(nn.functional.gelu(self.first(pairs))))

    def curves(self, mels: Float[Tensor, "B A M"]) -> Float[Tensor, "B T D"]:
        """As `forward`, with the last two from 0 to 1."""
        found = self(mels)
        return torch.cat([found[..., : SPEAKING - 1], found[..., SPEAKING - 1 :].sigmoid()], -1)

    def graph_parts(self) -> dict[str, GraphPart]:
        """What ships."""
        return {"curves": GraphPart("curves", {"mels": ("B", "A", self.config.num_mels)}, ("curves",))}
