"""LR-ASD: the successor of Light-ASD; its convolutions follow each other, both streams are weighed before and after.

Knows tensors; the weights are the user's own. Names of parameters are those of the published files.

Source:
    Liao, Duan, Feng, et al., "LR-ASD: Lightweight and Robust Network for Active Speaker Detection", IJCV 2025;
    Junhua-Liao/LR-ASD (MIT). Written anew from the description and the layout.
"""

from __future__ import annotations

from itertools import pairwise

import torch
from jaxtyping import Float
from torch import Tensor, nn

from viseme.speakers.models.light_asd import CHANNELS, PIXEL_PARTS, AudioEncoder, VideoEncoder, convolution, norm
from viseme.weights.graphs import GraphPart

__all__ = ["LRASD"]


class _SerialBlock(nn.Module):
    """Two convolutions (sizes 5 and 3) across space (or cepstra), then two along time.

    Parameters: `<a>_1, <a>_norm_1, <a>_2, <a>_norm_2, t_1, ...` with `a` = "s" for frames, "m" for audio.
    """

    def __init__(self, letter: str, inputs: int, outputs: int, *, halve: bool = False) -> None:
        super().__init__()
        dims = 3 if letter == "s" else 2
        widths = {f"{letter}_1": (inputs, outputs // 2), f"{letter}_2": (outputs // 2, outputs)}
        widths |= {"t_1": (outputs, outputs), "t_2": (outputs, outputs)}
        self._order = tuple(widths)
        for name, (a, b) in widths.items():
            kind, _, number = name.partition("_")
            size = 5 if number == "1" else 3
            across = (1, size, size) if dims == 3 else (size, 1)
            along = (size, 1, 1) if dims == 3 else (1, size)
            stride = (1, 2, 2) if halve and name == "s_1" else None
            self.add_module(name, convolution(dims, a, b, along if kind == "t" else across, stride))
            self.add_module(f"{kind}_norm_{number}", norm(dims, b))

    def forward(self, x: Tensor) -> Tensor:
        for name in self._order:
            kind, _, number = name.partition("_")
            x = torch.relu(getattr(self, f"{kind}_norm_{number}")(getattr(self, name)(x)))
        return x


class _Weighed(nn.Module):
    """Two streams side by side, each channel times a weight between 0 and 1 that both decide."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.attention = nn.Conv1d(width, width, 1, bias=False)
        self.bn = norm(1, width)

    def forward(self, a: Float[Tensor, "B T D"], b: Float[Tensor, "B T D"]) -> Float[Tensor, "B T E"]:
        both = torch.cat([a, b], -1).transpose(1, 2)
        return (both * torch.sigmoid(self.bn(self.attention(both)))).transpose(1, 2)


class _Detector(nn.Module):
    """A recurrent layer each way over the same input, then weighed."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.gru_forward = nn.GRU(width, width // 4, batch_first=True)
        self.gru_backward = nn.GRU(width, width // 4, batch_first=True)
        self.attention = _Weighed(width // 2)

    def forward(self, x: Float[Tensor, "B T D"]) -> Float[Tensor, "B T E"]:
        return self.attention(self.gru_forward(x)[0], self.gru_backward(x.flip(1))[0].flip(1))


class LRASD(nn.Module):
    """Logit of "speaks" for every frame, from grey mouths at 25 a second and 13 cepstra at 100 a second."""

    def __init__(self) -> None:
        super().__init__()
        pairs = list(pairwise(CHANNELS))
        self.visualEncoder = VideoEncoder(_SerialBlock("s", a, b, halve=a == 1) for a, b in pairs)
        self.audioEncoder = AudioEncoder(_SerialBlock("m", a, b) for a, b in pairs)
        self.fusion = _Weighed(256)
        self.detector = _Detector(256)
        self.FC = nn.Linear(128, 2)

    def forward(self, audio: Float[Tensor, "B A 13"], mouths: Float[Tensor, "B T 112 112"]) -> Float[Tensor, "B T"]:
        """A = 4 T."""
        both = self.fusion(self.audioEncoder(audio), self.visualEncoder(mouths))
        return self.FC(self.detector(both))[..., 1]

    def graph_parts(self) -> dict[str, GraphPart]:
        """What is run; see `PixelScorer`."""
        return PIXEL_PARTS
