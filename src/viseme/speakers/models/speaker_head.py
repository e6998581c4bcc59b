"""Our head on top of the scores, as it is trained: two small temporal networks, for faces and for voices.

Knows tensors; refuses to know files and where features come from. Some 200,000 parameters.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from viseme.core.errors import ConfigError
from viseme.speakers.head import CLASSES, INPUTS, NUM_VOICE_INPUTS
from viseme.weights.graphs import GraphPart

__all__ = ["SpeakerHead", "TorchHead"]


class _Block(nn.Module):
    """Gated residual convolution over time; the norm is over channels, so nothing leaks along time."""

    def __init__(self, width: int, dilation: int, dropout: float) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.conv = nn.Conv1d(width, 2 * width, 5, padding=2 * dilation, dilation=dilation)
        self.drop = nn.Dropout(dropout)

    def forward(self, x: Float[Tensor, "B D T"]) -> Float[Tensor, "B D T"]:
        normed = self.norm(x.transpose(1, 2)).transpose(1, 2)
        return x + self.drop(nn.functional.glu(self.conv(normed), dim=1))


class _Temporal(nn.Module):
    """(B, T, inputs) to (B, T, outputs) with `2 * sum(dilations)` steps of context either way."""

    def __init__(
        self, num_inputs: int, num_outputs: int, width: int, dilations: tuple[int, ...], dropout: float
    ) -> None:
        super().__init__()
        self.first = nn.Linear(num_inputs, width)
        self.blocks = nn.Sequential(*(_Block(width, d, dropout) for d in dilations))
        self.last = nn.Linear(width, num_outputs)

    def forward(self, x: Float[Tensor, "B T D"]) -> Float[Tensor, "B T O"]:
        hidden = self.blocks(self.first(x).transpose(1, 2)).transpose(1, 2)
        return self.last(hidden)


class SpeakerHead(nn.Module):
    """What a face does, from the evidence around each step; and whether anybody is heard."""

    @dataclass(frozen=True, kw_only=True)
    class Config:
        """Sizes."""

        width: int = 48
        """Channels of the face network."""
        dilations: tuple[int, ...] = (1, 2, 4, 8, 16)
        """Of its blocks, in 40 ms steps."""
        voice_width: int = 32
        """Channels of the voice network."""
        voice_dilations: tuple[int, ...] = (1, 2, 4, 8)
        """Of its blocks."""
        dropout: float = 0.1
        """Probability of dropping a hidden unit, in training."""

        def __post_init__(self) -> None:
            if min(self.width, self.voice_width, *self.dilations, *self.voice_dilations) < 1:
                raise ConfigError(f"SpeakerHead: impossible sizes {self}")
            if not 0 <= self.dropout < 1:
                raise ConfigError(f"SpeakerHead: dropout must lie in [0, 1), not {self.dropout}")

        @property
        def reach_steps(self) -> int:
            """Later steps that either network looks at."""
            return 2 * max(sum(self.dilations), sum(self.voice_dilations))

        @classmethod
        def tiny(cls) -> SpeakerHead.Config:
            """The smallest configuration that exercises every part."""
            return cls(width=8, dilations=(1,), voice_width=4, voice_dilations=(1,))

    def __init__(self, config: Config | None = None) -> None:
        super().__init__()
        self.config = c = config or self.Config()
        self.face = _Temporal(len(INPUTS), len(CLASSES), c.width, c.dilations, c.dropout)
        self.audio = _Temporal(NUM_VOICE_INPUTS, 1, c.voice_width, c.voice_dilations, c.dropout)

    def forward(self, x: Float[Tensor, "B T D"]) -> Float[Tensor, "B T 3"]:
        """Logits of `CLASSES` from `face_inputs`."""
        return self.face(x)

    def voice(self, x: Float[Tensor, "B T 41"]) -> Float[Tensor, "B T"]:
        """Log-odds of a voice from `voice_inputs`."""
        return self.audio(x)[..., 0]

    def graph_parts(self) -> dict[str, GraphPart]:
        """What ships."""
        return {
            "face": GraphPart("forward", {"x": ("B", "T", len(INPUTS))}, ("logits",)),
            "voice": GraphPart("voice", {"x": ("B", "T", NUM_VOICE_INPUTS)}, ("log_odds",)),
        }


class TorchHead:
    """A head under training, in place of one that ships: the same NumPy calls (`HeadNetworks`)."""

    def __init__(self, head: SpeakerHead) -> None:
        """`head` is put in evaluation mode."""
        self._head = head.eval()
        self.reach_steps = head.config.reach_steps

    @torch.inference_mode()
    def face(self, x: Float[np.ndarray, "T D"]) -> Float[np.ndarray, "T 3"]:
        """See `HeadNetworks.face`."""
        return self._head(self._given(x))[0].cpu().numpy()

    @torch.inference_mode()
    def voice(self, x: Float[np.ndarray, "T D"]) -> Float[np.ndarray, "T"]:
        """See `HeadNetworks.voice`."""
        return self._head.voice(self._given(x))[0].cpu().numpy()

    def _given(self, values: np.ndarray) -> Tensor:
        return torch.from_numpy(values[None]).to(next(self._head.parameters()))
