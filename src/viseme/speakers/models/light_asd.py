"""Light-ASD: grey mouths and cepstra through split convolutions, added, then a recurrent layer each way.

Knows tensors; the weights are the user's own. Names of parameters are those of the published files; pooling, which has
none, follows the paper and the published code.

Source:
    Liao, Duan, Feng, Zhao, Yang, Chen, "A Light Weight Model for Active Speaker Detection", CVPR 2023;
    Junhua-Liao/Light-ASD (MIT). Written anew from the description and the layout.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise

import torch
from jaxtyping import Float
from torch import Tensor, nn

from viseme.weights.graphs import GraphPart

__all__ = ["CHANNELS", "PIXEL_PARTS", "AudioEncoder", "LightASD", "VideoEncoder", "convolution", "norm"]

GREY_MEAN, GREY_SPREAD = 0.4161, 0.1688
CHANNELS = (1, 32, 64, 128)


def convolution(dims: int, inputs: int, outputs: int, kernel: Iterable[int], stride: Iterable[int] | None = None):
    """A convolution without bias that keeps the size (before its stride), in 2 or 3 dimensions."""
    kernel = tuple(kernel)
    kind = nn.Conv3d if dims == 3 else nn.Conv2d
    padding = tuple((k - 1) // 2 for k in kernel)
    return kind(inputs, outputs, kernel, stride=tuple(stride or (1,) * dims), padding=padding, bias=False)  # type: ignore[arg-type]


def norm(dims: int, channels: int) -> nn.Module:
    """Batch normalisation with the constants of the published networks."""
    kind = {1: nn.BatchNorm1d, 2: nn.BatchNorm2d, 3: nn.BatchNorm3d}[dims]
    return kind(channels, momentum=0.01, eps=0.001)


class _SplitBlock(nn.Module):
    """Two branches (sizes 3 and 5), each across space (or cepstra), then along time; summed, mixed.

    Parameters: `<a>_3, bn_<a>_3, t_3, bn_t_3, <a>_5, ..., last, bn_last` with `a` = "s" for frames, "m" for audio.
    """

    def __init__(self, letter: str, inputs: int, outputs: int, *, halve: bool = False) -> None:
        super().__init__()
        self._letter = letter
        dims = 3 if letter == "s" else 2
        for size in (3, 5):
            across = (1, size, size) if dims == 3 else (size, 1)
            along = (size, 1, 1) if dims == 3 else (1, size)
            stride = (1, 2, 2) if halve else None
            self.add_module(f"{letter}_{size}", convolution(dims, inputs, outputs, across, stride))
            self.add_module(f"bn_{letter}_{size}", norm(dims, outputs))
            self.add_module(f"t_{size}", convolution(dims, outputs, outputs, along))
            self.add_module(f"bn_t_{size}", norm(dims, outputs))
        self.last = convolution(dims, outputs, outputs, (1,) * dims)
        self.bn_last = norm(dims, outputs)

    def forward(self, x: Tensor) -> Tensor:
        total = torch.zeros((), device=x.device)
        for size in (3, 5):
            hidden = x
            for name in (f"{self._letter}_{size}", f"t_{size}"):
                hidden = torch.relu(getattr(self, f"bn_{name}")(getattr(self, name)(hidden)))
            total = total + hidden
        return torch.relu(self.bn_last(self.last(total)))


class VideoEncoder(nn.Module):
    """Three blocks; space halves before and between them; the largest response over space is kept."""

    def __init__(self, blocks: Iterable[nn.Module]) -> None:
        super().__init__()
        self.block1, self.block2, self.block3 = blocks

    def forward(self, x: Float[Tensor, "B T 112 112"]) -> Float[Tensor, "B T 128"]:
        hidden = self.block1(((x / 255 - GREY_MEAN) / GREY_SPREAD)[:, None])
        for block in (self.block2, self.block3):
            hidden = block(nn.functional.max_pool3d(hidden, (1, 3, 3), (1, 2, 2), (0, 1, 1)))
        return hidden.amax((3, 4)).transpose(1, 2)


class AudioEncoder(nn.Module):
    """Three blocks; time halves between them; the mean over cepstra is kept."""

    def __init__(self, blocks: Iterable[nn.Module]) -> None:
        super().__init__()
        self.block1, self.block2, self.block3 = blocks

    def forward(self, x: Float[Tensor, "B A 13"]) -> Float[Tensor, "B T 128"]:
        hidden = self.block1(x.transpose(1, 2)[:, None])
        for block in (self.block2, self.block3):
            hidden = block(nn.functional.max_pool2d(hidden, (1, 3), (1, 2), (0, 1)))
        return hidden.mean(2).transpose(1, 2)


class _Recurrent(nn.Module):
    """One layer forward, then one backward over what it said."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.gru_forward = nn.GRU(width, width, batch_first=True)
        self.gru_backward = nn.GRU(width, width, batch_first=True)

    def forward(self, x: Float[Tensor, "B T D"]) -> Float[Tensor, "B T D"]:
        there = nn.functional.gelu(self.gru_forward(x)[0])
        back = self.gru_backward(there.flip(1))[0].flip(1)
        return nn.functional.gelu(back)


PIXEL_PARTS = {
    "face": GraphPart("forward", {"audio": ("B", "A", 13), "mouths": ("B", "T", 112, 112)}, ("logits",), high=255.0)
}
"""Of the networks that take cepstra and grey mouths (0 to 255)."""


class LightASD(nn.Module):
    """Logit of "speaks" for every frame, from grey mouths at 25 a second and 13 cepstra at 100 a second."""

    def __init__(self) -> None:
        super().__init__()
        pairs = list(pairwise(CHANNELS))
        self.visualEncoder = VideoEncoder(_SplitBlock("s", a, b, halve=a == 1) for a, b in pairs)
        self.audioEncoder = AudioEncoder(_SplitBlock("m", a, b) for a, b in pairs)
        self.GRU = _Recurrent(128)
        self.FC = nn.Linear(128, 2)

    def forward(self, audio: Float[Tensor, "B A 13"], mouths: Float[Tensor, "B T 112 112"]) -> Float[Tensor, "B T"]:
        """A = 4 T."""
        return self.FC(self.GRU(self.audioEncoder(audio) + self.visualEncoder(mouths)))[..., 1]

    def graph_parts(self) -> dict[str, GraphPart]:
        """What is run; see `PixelScorer`."""
        return PIXEL_PARTS
