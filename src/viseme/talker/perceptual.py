"""Distances of faces as a network trained on ImageNet sees them: the user's VGG-19, or MobileNetV2 (extra `[fid]`).

Knows state dicts and tensors; reads them without running anything in them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor, nn

from viseme.core.errors import WeightsError
from viseme.metrics.frame_features import MobileNetV2
from viseme.weights import weights_id
from viseme.weights.export import load_arrays
from viseme.weights.packaged import packaged_file
from viseme.weights.torch_file import read_state_arrays

__all__ = ["MOBILENET", "MobileNetFeatures", "PerceptualLoss", "Vgg19Features", "perceptual_loss_of"]

MOBILENET = "mobilenet-v2"
"""Name of the network that the extra `[fid]` brings."""
COEFFICIENTS = (1 / 32, 1 / 16, 1 / 8, 1 / 4, 1.0)
"""c_i of equation 2, from the first layer to the last; the paper does not print them."""
_VGG_WIDTHS = (64, 64, 0, 128, 128, 0, 256, 256, 256, 256, 0, 512, 512, 512, 512, 0, 512)
"""Convolutions up to relu5_1; 0 = pooling."""
_VGG_LAYERS = (1, 6, 11, 20, 29)
"""relu1_1, relu2_1, relu3_1, relu4_1, relu5_1."""
_MOBILE_PLAN = (
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
)
"""Expansion, channels, blocks, stride."""
_MOBILE_LAYERS = (1, 3, 6, 13, 17)
"""The last block at each of five sizes."""


class Vgg19Features(nn.Module):
    """The five layers of VGG-19, with torchvision's names. Source: Simonyan and Zisserman, 2015."""

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        before = 3
        for width in _VGG_WIDTHS:
            if width:
                layers += [nn.Conv2d(before, width, 3, padding=1), nn.ReLU()]
                before = width
            else:
                layers.append(nn.MaxPool2d(2))
        self.features = nn.Sequential(*layers)

    def forward(self, x: Float[Tensor, "B 3 H W"]) -> list[Tensor]:
        return _outputs(self.features, _VGG_LAYERS, x)


class _Inverted(nn.Module):
    """Inverted residual block of MobileNetV2."""

    def __init__(self, before: int, after: int, stride: int, expansion: int) -> None:
        super().__init__()
        wide = before * expansion
        layers: list[nn.Module] = [] if expansion == 1 else [_normal(before, wide, 1)]
        layers += [_normal(wide, wide, 3, stride, groups=wide), nn.Conv2d(wide, after, 1, bias=False)]
        self.conv = nn.Sequential(*layers, nn.BatchNorm2d(after))
        self._adds = stride == 1 and before == after

    def forward(self, x: Float[Tensor, "B C H W"]) -> Float[Tensor, "B D ..."]:
        found = self.conv(x)
        return x + found if self._adds else found


class MobileNetFeatures(nn.Module):
    """Five blocks of MobileNetV2, with torchvision's names. Source: Sandler et al., 2018."""

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = [_normal(3, 32, 3, 2)]
        before = 32
        for expansion, width, num, stride in _MOBILE_PLAN:
            for number in range(num):
                layers.append(_Inverted(before, width, 1 if number else stride, expansion))
                before = width
        self.features = nn.Sequential(*layers)

    def forward(self, x: Float[Tensor, "B 3 H W"]) -> list[Tensor]:
        return _outputs(self.features, _MOBILE_LAYERS, x)


class PerceptualLoss(nn.Module):
    """Sum over five layers of c_i times the root mean square difference of features.

    Source:
        Yaman et al. 2024, equation 2, whose norms are taken here over the root of the number of features: five layers
        of different sizes then weigh as the coefficients say.
    """

    mean: Tensor
    spread: Tensor

    def __init__(self, network: nn.Module, name: str) -> None:
        """A frozen network that gives five layers, and its name for the card."""
        super().__init__()
        self.network = network.eval().requires_grad_(False)
        self.name = name
        self.register_buffer("mean", torch.tensor([0.485, 0.456, 0.406])[:, None, None])
        self.register_buffer("spread", torch.tensor([0.229, 0.224, 0.225])[:, None, None])

    def forward(self, made: Float[Tensor, "B 3 H W"], real: Float[Tensor, "B 3 H W"]) -> Float[Tensor, ""]:
        self.to(made.device)
        with torch.no_grad():
            wanted = self.network((real - self.mean) / self.spread)
        found = self.network((made - self.mean) / self.spread)
        parts = [
            c * ((f - w).square().flatten(1).mean(1) + 1e-12).sqrt().mean()
            for c, f, w in zip(COEFFICIENTS, found, wanted)
        ]
        return torch.stack(parts).sum()


def perceptual_loss_of(name: str) -> PerceptualLoss | None:
    """Read the network.

    Args:
        name: "mobilenet-v2", "none", or your file with the state dict of torchvision's `vgg19`.

    Raises:
        MissingExtra: MobileNetV2 is asked for without the extra `[fid]`.
        WeightsError: the file is missing, or is another network's.
    """
    if name == "none":
        return None
    if name == MOBILENET:
        file = packaged_file(MobileNetV2.PACKAGE, MobileNetV2.FILE, MobileNetV2.SHA256)
        return PerceptualLoss(_loaded(MobileNetFeatures(), read_state_arrays(file), file), weights_id(file))
    file = Path(name)
    return PerceptualLoss(_loaded(Vgg19Features(), read_state_arrays(file), file), weights_id(file))


def _loaded(network: nn.Module, state: Mapping[str, NDArray[Any]], file: Path) -> nn.Module:
    """The network with those of the tensors that it has."""
    own = network.state_dict()
    kept = {k: np.asarray(v) for k, v in state.items() if k in own and not k.endswith("num_batches_tracked")}
    try:
        load_arrays(network, kept)
    except WeightsError:
        kind = "VGG-19" if isinstance(network, Vgg19Features) else "MobileNetV2"
        raise WeightsError(f"{file} does not hold the state dict of torchvision's {kind}") from None
    return network


def _outputs(layers: nn.Sequential, numbers: Sequence[int], x: Tensor) -> list[Tensor]:
    """What some of the layers give."""
    found = []
    for number, layer in enumerate(layers):
        x = layer(x)
        if number in numbers:
            found.append(x)
        if number == numbers[-1]:
            break
    return found


def _normal(before: int, after: int, kernel: int, stride: int = 1, groups: int = 1) -> nn.Sequential:
    """Convolution, normalisation, ReLU6."""
    conv = nn.Conv2d(before, after, kernel, stride, kernel // 2, groups=groups, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(after), nn.ReLU6())
