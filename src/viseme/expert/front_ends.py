"""What stands before fusion: a ResNet over mouths, a small temporal network over lip points, a projection of audio.

Names of parameters are those of published files. Knows tensors; refuses to know files and faces.
"""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from viseme.expert.interface import AUDIO_FEATURES
from viseme.expert.sizes import ExpertConfig

__all__ = ["AudioFrontEnd", "PixelFrontEnd", "PointFrontEnd"]


class _Block(nn.Module):
    """Basic block of ResNet-18 with a PReLU a channel after the first normalisation and after the addition."""

    def __init__(self, before: int, width: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(before, width, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.relu1 = nn.PReLU(width)
        self.relu2 = nn.PReLU(width)
        self.conv2 = nn.Conv2d(width, width, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.downsample = (
            nn.Sequential(nn.Conv2d(before, width, 1, stride, bias=False), nn.BatchNorm2d(width))
            if stride > 1 or before != width
            else None
        )

    def forward(self, x: Float[Tensor, "N C H W"]) -> Float[Tensor, "N D ..."]:
        kept = x if self.downsample is None else self.downsample(x)
        return self.relu2(kept + self.bn2(self.conv2(self.relu1(self.bn1(self.conv1(x))))))


class _Trunk(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        before = width
        for number in range(1, 5):
            wide = width * 2 ** (number - 1)
            stride = 1 if number == 1 else 2
            setattr(self, f"layer{number}", nn.Sequential(_Block(before, wide, stride), _Block(wide, wide, 1)))
            before = wide

    def forward(self, x: Float[Tensor, "N C H W"]) -> Float[Tensor, "N D"]:
        for number in range(1, 5):
            x = getattr(self, f"layer{number}")(x)
        return x.mean((2, 3))


class _ResNet(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.frontend3D = nn.Sequential(
            nn.Conv3d(1, width, (5, 7, 7), (1, 2, 2), (2, 3, 3), bias=False),
            nn.BatchNorm3d(width),
            nn.PReLU(width),
            nn.MaxPool3d((1, 3, 3), (1, 2, 2), (0, 1, 1)),
        )
        self.trunk = _Trunk(width)

    def forward(self, video: Float[Tensor, "B 1 T H W"]) -> Float[Tensor, "B T D"]:
        x = self.frontend3D(video)
        size, _, num = x.shape[:3]
        return self.trunk(x.transpose(1, 2).flatten(0, 1)).view(size, num, -1)


class PixelFrontEnd(nn.Module):
    """(B, T, 88, 88) mouths to (B, T, D)."""

    def __init__(self, config: ExpertConfig) -> None:
        super().__init__()
        self.resnet = _ResNet(config.video_width)
        self.proj = nn.Linear(8 * config.video_width, config.width)

    def forward(
        self, video: Float[Tensor, "B T H W"], pad: Bool[Tensor, "B T"] | None = None
    ) -> Float[Tensor, "B T D"]:
        if pad is not None:
            video = video.masked_fill(pad[..., None, None], 0)  # what the convolution takes for frames after the end
        return self.proj(self.resnet(video[:, None]))


class PointFrontEnd(nn.Module):
    """(B, T, K, 3) lip points in eye distances, their mean over time removed, to (B, T, D): places and velocities."""

    def __init__(self, config: ExpertConfig, *, width: int = 192) -> None:
        super().__init__()
        self.enter = nn.Conv1d(6 * config.num_points, width, 1)
        self.mix = nn.ModuleList(nn.Conv1d(width, width, 5, padding=2) for _ in range(2))
        self.proj = nn.Linear(width, config.width)

    def forward(
        self, video: Float[Tensor, "B T K C"], pad: Bool[Tensor, "B T"] | None = None
    ) -> Float[Tensor, "B T D"]:
        x = video.flatten(2).transpose(1, 2) * 20
        velocity = torch.nn.functional.pad(x[..., 1:] - x[..., :-1], (1, 0)) * 2
        x = self.enter(torch.cat([x, velocity], 1))
        for mix in self.mix:
            x = x if pad is None else x.masked_fill(pad[:, None], 0)  # what a convolution sees after the end
            x = x + torch.nn.functional.gelu(mix(x))
        return self.proj(x.transpose(1, 2))


class AudioFrontEnd(nn.Module):
    """(B, T, 104) filter banks to (B, T, D)."""

    def __init__(self, config: ExpertConfig) -> None:
        super().__init__()
        self.proj = nn.Linear(AUDIO_FEATURES, config.width)

    def forward(self, audio: Float[Tensor, "B T F"]) -> Float[Tensor, "B T D"]:
        return self.proj(audio)
