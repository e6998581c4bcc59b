"""Residual networks of our own: the papers' ResNet-50, and one small enough for two CPU cores. Know no face.

Parameters are named as in the widely shared ImageNet files (`conv1`, `layer1.0.conv1`, `downsample.0`, `fc`), so that
a user's own file starts the papers' network.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from torch import Tensor, nn

from viseme.core.errors import ConfigError

__all__ = ["ResNet"]


@dataclass(frozen=True, kw_only=True, slots=True)
class ResNetConfig:
    """Shape of a residual network."""

    block: Literal["basic", "bottleneck"] = "bottleneck"
    """Two 3x3 convolutions, or 1x1, 3x3, 1x1 with four times as many channels out."""
    depths: tuple[int, ...] = (3, 4, 6, 3)
    """Blocks of each stage; all stages but the first halve the frame."""
    width: int = 64
    """Channels of the first stage; doubled by each further one."""
    stem: int = 7
    """Side of the first convolution, pixels; odd."""
    stem_stride: int = 2
    """Its stride; more of it sees large frames at the cost of small ones."""

    def __post_init__(self) -> None:
        known = self.block in ("basic", "bottleneck") and self.stem % 2 == 1
        if not known or min(self.width, self.stem_stride, *self.depths, len(self.depths)) < 1:
            raise ConfigError(f"impossible residual network: {self}")


def _convolution(inputs: int, outputs: int, size: int, stride: int = 1) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, size, stride, size // 2, bias=False)


class _Block(nn.Module):
    """Convolutions and normalisation beside a shortcut."""

    def __init__(self, inputs: int, width: int, stride: int, kind: str) -> None:
        super().__init__()
        deep = kind == "bottleneck"
        outputs = 4 * width if deep else width
        self.conv1 = _convolution(inputs, width, 1 if deep else 3, 1 if deep else stride)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = _convolution(width, width, 3, stride if deep else 1)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = _convolution(width, outputs, 1) if deep else None
        self.bn3 = nn.BatchNorm2d(outputs) if deep else None
        self.relu = nn.ReLU(inplace=True)
        self.downsample = None
        if stride != 1 or inputs != outputs:
            self.downsample = nn.Sequential(_convolution(inputs, outputs, 1, stride), nn.BatchNorm2d(outputs))

    def forward(self, x: Tensor) -> Tensor:
        y = self.bn2(self.conv2(self.relu(self.bn1(self.conv1(x)))))
        if self.conv3 is not None and self.bn3 is not None:
            y = self.bn3(self.conv3(self.relu(y)))
        return self.relu(y + (x if self.downsample is None else self.downsample(x)))


class ResNet(nn.Module):
    """Frames in, numbers out; the default is ResNet-50.

    Source:
        He, Zhang, Ren, Sun, "Deep residual learning for image recognition", 2016, table 1. The stride of a bottleneck
        sits on its 3x3 convolution, as in the shared ImageNet weights.

    Example:
        >>> sum(p.numel() for p in ResNet(97).parameters())
        23706785
    """

    Config = ResNetConfig

    def __init__(self, num_outputs: int, config: ResNetConfig | None = None) -> None:
        super().__init__()
        self.config = config = config or ResNetConfig()
        self.conv1 = _convolution(3, config.width, config.stem, config.stem_stride)
        self.bn1 = nn.BatchNorm2d(config.width)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(3, 2, 1)
        channels = config.width
        growth = 4 if config.block == "bottleneck" else 1
        for stage, depth in enumerate(config.depths):
            blocks = []
            for index in range(depth):
                width = config.width << stage
                blocks.append(_Block(channels, width, 2 if stage and not index else 1, config.block))
                channels = growth * width
            setattr(self, f"layer{stage + 1}", nn.Sequential(*blocks))
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(channels, num_outputs)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, x: Tensor) -> Tensor:
        """(B, 3, H, W), normalised -> (B, num_outputs)."""
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        for stage in range(len(self.config.depths)):
            x = getattr(self, f"layer{stage + 1}")(x)
        return self.fc(self.avgpool(x).flatten(1))
