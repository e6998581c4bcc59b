"""The networks of the atlas talker: audio to the motion of anybody's lips, and a painter of lips. Tensors alone."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import gelu, interpolate, pixel_shuffle, pixel_unshuffle, silu

from viseme.core.errors import ConfigError
from viseme.sync.heard import STEPS
from viseme.weights.graphs import GraphPart

__all__ = ["NUM_VERTICES", "SIDE", "AtlasTalker", "LipMover", "LipPainter"]

NUM_VERTICES = 468
SIDE = 96
"""Side of the part of the lip crop that is painted, `lip_atlas.WINDOW`."""
GIVEN = 10
"""Channels of what is painted from: own and seen lips, the inside of the mouth, displacement, distance."""


@dataclass(frozen=True, kw_only=True)
class TalkerSizes:
    """Sizes of both networks."""

    num_heard: int = 256
    """Values of one embedding of the audio."""
    channels: int = 96
    """Channels of each instant of a window."""
    width: int = 256
    """Hidden units of a frame."""
    num_shapes: int = 24
    """Components of the motion that all people share."""
    dropout: float = 0.2
    """Probability of dropping a hidden unit, in training."""
    paints: tuple[int, int, int] = (32, 64, 96)
    """Channels of the painter at half, a quarter and an eighth of the size."""

    def __post_init__(self) -> None:
        if (
            min(self.num_heard, self.channels, self.width, self.num_shapes, *self.paints) < 1
            or not 0 <= self.dropout < 1
        ):
            raise ConfigError(f"AtlasTalker: impossible sizes {self}")


class LipMover(nn.Module):
    """A window of embedded audio to coefficients of motion, in standard deviations of all people's motion."""

    basis: Tensor
    mean: Tensor

    def __init__(self, sizes: TalkerSizes) -> None:
        super().__init__()
        c = sizes
        self.drop = nn.Dropout(c.dropout)
        self.instant = nn.Linear(c.num_heard + 1, c.channels)
        self.window = nn.Linear(STEPS * c.channels, c.width)
        self.hidden = nn.Linear(c.width, c.width)
        self.norm = nn.LayerNorm(c.width)
        self.coefficients = nn.Linear(c.width, c.num_shapes)
        self.register_buffer("mean", torch.zeros(NUM_VERTICES * 3))
        self.register_buffer("basis", torch.zeros(c.num_shapes, NUM_VERTICES * 3))

    def set_components(self, mean: Tensor, basis: Tensor) -> None:
        """Take in components of vertices minus those at rest: (1404,) and (K, 1404)."""
        self.mean.copy_(mean)
        self.basis.copy_(basis)

    def forward(self, heard: Float[Tensor, "B T D"]) -> Float[Tensor, "B K"]:
        """Coefficients."""
        x = gelu(self.instant(heard)).flatten(1)
        x = gelu(self.window(self.drop(x)))
        x = self.norm(x + self.hidden(self.drop(x)))
        return self.coefficients(x)


class _Block(nn.Module):
    def __init__(self, before: int, after: int, stride: int = 1) -> None:
        super().__init__()
        self.conv = nn.Conv2d(before, after, 3, stride, 1)
        self.norm = nn.GroupNorm(8 if after % 8 == 0 else 1, after)

    def forward(self, x: Tensor) -> Tensor:
        return silu(self.norm(self.conv(x)))


class LipPainter(nn.Module):
    """Own lips at rest and lips that were seen, both carried to one shape, to the lips as they look in that shape.

    What it answers is a mixture of both and a change of colour. Before training it is what was seen.
    """

    def __init__(self, sizes: TalkerSizes) -> None:
        super().__init__()
        a, b, c = sizes.paints
        self.begin = nn.Sequential(_Block(4 * GIVEN, a), _Block(a, a))
        self.down = nn.Sequential(_Block(a, b, 2), _Block(b, b))
        self.deep = nn.Sequential(_Block(b, c, 2), _Block(c, c))
        self.up = nn.Conv2d(c, b, 1)
        self.middle = _Block(b, b)
        self.upper = nn.Conv2d(b, a, 1)
        self.end = _Block(a, a)
        self.last = nn.Conv2d(a, 16, 3, 1, 1)
        nn.init.zeros_(self.last.weight)
        self.last.bias = nn.Parameter(torch.tensor([0.0] * 12 + [2.0] * 4))

    def forward(
        self,
        own: Float[Tensor, "B 3 H W"],
        seen: Float[Tensor, "B 3 H W"],
        inside: Float[Tensor, "B 1 H W"],
        moved: Float[Tensor, "B 2 H W"],
        far: Float[Tensor, "B 1"],
    ) -> Float[Tensor, "B 3 H W"]:
        """Lips in [0, 1] but for overshoot; `moved` in pixels, `far` the distance of what was seen, pixels."""
        distance = torch.exp(-far)[..., None, None].expand_as(inside)
        given = torch.cat([own - 0.5, seen - 0.5, inside, moved / 8, distance], 1)
        x = self.begin(pixel_unshuffle(given, 2))
        y = self.down(x)
        z = self.deep(y)
        y = self.middle(y + self.up(interpolate(z, scale_factor=2.0, mode="nearest")))
        x = self.end(x + self.upper(interpolate(y, scale_factor=2.0, mode="nearest")))
        out = pixel_shuffle(self.last(x), 2)
        part = torch.sigmoid(out[:, 3:])
        return own + part * (seen - own) + 0.5 * torch.tanh(out[:, :3])


class AtlasTalker(nn.Module):
    """Both networks, as they ship."""

    Config = TalkerSizes

    def __init__(self, config: TalkerSizes | None = None) -> None:
        super().__init__()
        self.config = config or TalkerSizes()
        self.mover = LipMover(self.config)
        self.painter = LipPainter(self.config)

    @staticmethod
    def tiny() -> TalkerSizes:
        """The smallest configuration that exercises every part."""
        return TalkerSizes(num_heard=8, channels=4, width=8, num_shapes=3, paints=(4, 4, 4))

    def spoken(self, heard: Float[Tensor, "B T D"]) -> Float[Tensor, "B 468 3"]:
        """Vertices minus those at rest."""
        return (self.mover.mean + self.mover(heard) @ self.mover.basis).unflatten(1, (NUM_VERTICES, 3))

    def painted(
        self,
        own: Float[Tensor, "B H W 3"],
        seen: Float[Tensor, "B H W 3"],
        inside: Float[Tensor, "B H W"],
        moved: Float[Tensor, "B H W 2"],
        far: Float[Tensor, "B 1"],
    ) -> Float[Tensor, "B H W 3"]:
        """Lips in [0, 1]."""
        images = (x.permute(0, 3, 1, 2) for x in (own, seen, inside[..., None], moved))
        return self.painter(*images, far).clamp(0, 1).permute(0, 2, 3, 1)

    def graph_parts(self) -> dict[str, GraphPart]:
        """What ships."""
        given: dict[str, tuple[int | str, ...]] = {
            "own": ("B", SIDE, SIDE, 3),
            "seen": ("B", SIDE, SIDE, 3),
            "inside": ("B", SIDE, SIDE),
            "moved": ("B", SIDE, SIDE, 2),
            "far": ("B", 1),
        }
        return {
            "spoken": GraphPart("spoken", {"heard": ("B", STEPS, self.config.num_heard + 1)}, ("vertices",)),
            "painted": GraphPart("painted", given, ("lips",)),
        }
