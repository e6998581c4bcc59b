"""From a face crop to coefficients: a backbone, and a head that follows the face model's sizes.

Knows crops and coefficients; refuses to know training, files and how frames are made from coefficients.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

import torch
from torch import Tensor, nn

from viseme.core.errors import ConfigError
from viseme.faces.crops import CROP_SIZE
from viseme.standardization.networks.resnet import ResNet
from viseme.weights.graphs import GraphPart

__all__ = ["ExpressionNetwork", "Prediction", "full_config", "small_config"]

_MEAN, _DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""Of ImageNet's RGB values in [0, 1]."""


class Prediction(NamedTuple):
    """Coefficients of a batch; see `standardize.interface.Coefficients` for units."""

    beta: Tensor
    """(B, E) expression."""
    gamma: Tensor
    """(B, 27) light, RGB major."""
    pose: Tensor
    """(B, 6) pitch, yaw, roll, tx, ty, tz in the camera of the crop."""
    alpha: Tensor | None = None
    """(B, A) identity; None where it is shared and not read off the frame."""
    delta: Tensor | None = None
    """(B, D) texture; None as `alpha`."""
    bias: Tensor | None = None
    """(B, E) the part of `beta` that comes from the shape of the face, estimated from each frame; `without_bias`
    subtracts it."""

    def single(self) -> Prediction:
        """The same in single precision."""
        return Prediction(
            beta=self.beta.float(),
            gamma=self.gamma.float(),
            pose=self.pose.float(),
            alpha=None if self.alpha is None else self.alpha.float(),
            delta=None if self.delta is None else self.delta.float(),
            bias=None if self.bias is None else self.bias.float(),
        )

    def without_bias(self, people: Tensor | None = None) -> Prediction:
        """Subtract, from the expression, each person's mean bias over this batch; unchanged where there is no bias.

        Args:
            people: (B,) a number for the person of each frame; None = all frames show one person.
        """
        if self.bias is None:
            return self
        if people is None:
            people = self.bias.new_zeros(len(self.bias))
        same = (people[:, None] == people[None]).to(self.bias.dtype)
        return self._replace(beta=self.beta - same @ self.bias / same.sum(1, keepdim=True), bias=None)


@dataclass(frozen=True, kw_only=True, slots=True)
class ExpressionConfig:
    """An expression network."""

    backbone: ResNet.Config = field(default_factory=ResNet.Config)
    """What looks at the frame."""
    size: int = CROP_SIZE
    """Side of the frame it looks at; the crop is averaged down to it. Divides 224."""
    num_expression: int = 64
    """Columns of the face model's expression basis."""
    num_identity: int = 0
    """Columns of its identity basis where identity is read off the frame (per-image baseline), else 0."""
    num_texture: int = 0
    """Columns of its texture basis where texture is read off the frame, else 0."""
    person_bias: bool = False
    """Whether the network also estimates `Prediction.bias`."""
    expression_unit: float = 1.0
    """Coefficient that an expression output of 1 stands for, more than 0: 1, or `FaceModel.expression_spread`."""
    pose_at_rest: tuple[float, float, float, float, float, float] = (0.0, 0.0, 0.0, 0.0, 0.0, 0.0)
    """Pose that the network's zero stands for: radians and decimetres."""

    def __post_init__(self) -> None:
        negative = min(self.num_identity, self.num_texture) < 0 or self.expression_unit <= 0
        if CROP_SIZE % self.size or self.num_expression < 1 or negative:
            raise ConfigError(f"impossible expression network: {self}")

    @property
    def num_outputs(self) -> int:
        """Numbers of the last layer: 97 for the papers' E-Net, 257 for the per-image baseline."""
        return sum(self.widths.values())

    @property
    def widths(self) -> dict[str, int]:
        """Name -> numbers a frame, of what is read off the frame; in the order of `Prediction`."""
        own = {"beta": self.num_expression, "gamma": 27, "pose": 6}
        bias = self.num_expression if self.person_bias else 0
        more = {"alpha": self.num_identity, "delta": self.num_texture, "bias": bias}
        return own | {name: width for name, width in more.items() if width}


class ExpressionNetwork(nn.Module):
    """E-Net, or the per-image baseline where the head has identity and texture too.

    The last layer starts small: the first prediction is a frontal, relaxed, evenly lit face. Light is learnt as
    its difference from [.8, 0, ..., 0] in each channel.

    Source:
        C. Wang, "Data standardization for robust lip sync", section 3.2 (ResNet-50, last layer of 97).
    """

    Config = ExpressionConfig
    mean: Tensor
    deviation: Tensor
    light: Tensor
    rest: Tensor

    def __init__(self, config: ExpressionConfig | None = None) -> None:
        super().__init__()
        self.config = config = config or ExpressionConfig()
        self.backbone = ResNet(config.num_outputs, config.backbone)
        nn.init.normal_(self.backbone.fc.weight, std=1e-3)
        nn.init.zeros_(self.backbone.fc.bias)
        light = torch.zeros(3, 9)
        light[:, 0] = 0.8
        for name, value in (
            ("mean", torch.tensor(_MEAN).view(3, 1, 1)),
            ("deviation", torch.tensor(_DEVIATION).view(3, 1, 1)),
            ("light", light.reshape(27)),
            ("rest", torch.tensor(config.pose_at_rest)),
        ):
            self.register_buffer(name, value, persistent=False)

    def forward(self, images: Tensor) -> Prediction:
        """(B, 3, 224, 224) RGB in [0, 1] -> coefficients."""
        c = self.config
        sizes = [c.num_identity, c.num_expression, c.num_texture, 27, 6, c.widths.get("bias", 0)]
        alpha, beta, delta, gamma, pose, bias = self.backbone(self.normalise(images)).split(sizes, 1)
        return Prediction(
            beta=beta * c.expression_unit,
            gamma=gamma + self.light,
            pose=pose + self.rest,
            alpha=alpha if c.num_identity else None,
            delta=delta if c.num_texture else None,
            bias=bias * c.expression_unit if c.person_bias else None,
        )

    def graph_parts(self) -> dict[str, GraphPart]:
        """What ships."""
        images = ("B", 3, CROP_SIZE, CROP_SIZE)
        return {"coefficients": GraphPart("forward", {"images": images}, tuple(self.config.widths), low=0.0)}

    def normalise(self, images: Tensor) -> Tensor:
        """(B, 3, 224, 224) RGB in [0, 1] -> (B, 3, size, size), what the backbone is given."""
        shrink = CROP_SIZE // self.config.size
        if shrink > 1:
            images = nn.functional.avg_pool2d(images, shrink)
        return (images - self.mean) / self.deviation


def full_config() -> ExpressionConfig:
    """The papers' network for the default sizes: ResNet-50 at 224 pixels, 23,706,785 parameters."""
    return ExpressionConfig()


def small_config() -> ExpressionConfig:
    """Ours for CPUs: eighteen layers, 48 channels in the first stage, a first convolution that takes four pixels at a
    step, so that lips are seen at full size; 12.7 MB in half precision."""
    return ExpressionConfig(
        backbone=ResNet.Config(block="basic", depths=(2, 2, 2, 2), width=48, stem=11, stem_stride=4)
    )
