"""What training of a talker lessens, with the printed weights. Knows tensors alone.

Source: Yaman et al. 2024, section 3.6: L = L_GAN + 10 L_pixel + 1 L_per + 0.5 L_sync.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits, relu

from viseme.talker.networks import Discriminator, TalkerGenerator

__all__ = [
    "PERCEPTUAL_WEIGHT", "PIXEL_WEIGHT", "SYNC_WEIGHT", "Gan", "SyncLoss", "TalkerLoss", "TalkerTrainee",
    "adversarial_loss", "discriminator_loss", "masked_pose", "negative_log", "tensors_of",
]  # fmt: skip

PIXEL_WEIGHT, PERCEPTUAL_WEIGHT, SYNC_WEIGHT = 10.0, 1.0, 0.5
"""lambda_1, lambda_2 and lambda_3 of equation 3."""
LEAST_COSINE = 0.05
"""Cosine below which the logarithm goes on as a line."""

Gan = Literal["original", "hinge"]


def negative_log(cosine: Float[Tensor, "..."], least: float = LEAST_COSINE) -> Float[Tensor, "..."]:
    """-log of a cosine; below `least` the tangent at `least`, as a logarithm ends at 0 and a cosine at -1.

    Source:
        Yaman et al. 2024, equation 1; the line is ours.

    Example:
        >>> [round(v, 3) for v in negative_log(torch.tensor([1.0, 0.05, -1.0])).tolist()]
        [-0.0, 2.996, 23.996]
    """
    line = -math.log(least) + (least - cosine) / least
    return torch.where(cosine < least, line, -torch.log(cosine.clamp_min(least)))


def masked_pose(faces: Float[Tensor, "... H W"]) -> Float[Tensor, "... H W"]:
    """Pose references: the lower half of the rows is zero."""
    kept = torch.ones(faces.shape[-2], 1, device=faces.device, dtype=faces.dtype)
    kept[faces.shape[-2] // 2 :] = 0
    return faces * kept


def discriminator_loss(
    real: Float[Tensor, " B"], made: Float[Tensor, " B"], kind: Gan = "original"
) -> Float[Tensor, ""]:
    """What the discriminator lessens, from logits of real and of generated faces.

    Source:
        Goodfellow et al., "Generative Adversarial Nets", 2014; "hinge": Lim and Ye, "Geometric GAN", 2017.
    """
    if kind == "hinge":
        return relu(1 - real).mean() + relu(1 + made).mean()
    return binary_cross_entropy_with_logits(real, torch.ones_like(real)) + binary_cross_entropy_with_logits(
        made, torch.zeros_like(made)
    )


def adversarial_loss(made: Float[Tensor, " B"], kind: Gan = "original") -> Float[Tensor, ""]:
    """What the generator lessens, from logits of generated faces; "original" in the form that does not saturate."""
    return -made.mean() if kind == "hinge" else binary_cross_entropy_with_logits(made, torch.ones_like(made))


class SyncLoss(Protocol):
    """Whether generated lips fit the audio, as an expert finds."""

    def __call__(self, made: Float[Tensor, "B K 3 H W"], batch: Mapping[str, Tensor]) -> Float[Tensor, ""]:
        """Mean over clips of a batch of the loss of their generated frames."""
        ...


class TalkerTrainee(nn.Module):
    """Generator and discriminator, trained in one step."""

    def __init__(self, generator: TalkerGenerator, discriminator: Discriminator) -> None:
        super().__init__()
        self.generator, self.discriminator = generator, discriminator


def tensors_of(batch: Mapping[str, Any], device: torch.device) -> dict[str, Tensor]:
    """A batch on a device; bytes become values in [0, 1], pixels first."""
    found = {}
    for name, values in batch.items():
        tensor = torch.from_numpy(values).to(device, non_blocking=True)
        found[name] = tensor.float().div(255).movedim(-1, -3).contiguous() if tensor.dtype == torch.uint8 else tensor
    return found


@dataclass(frozen=True)
class TalkerLoss:
    """The loss of generator and discriminator on a batch of `TalkerDraw`."""

    perceptual: Callable[[Tensor, Tensor], Tensor] | None
    """Distance of faces as a network sees them; None = is left out."""
    sync: SyncLoss | None
    """None = is left out."""
    gan: Gan = "original"

    def __call__(self, network: Any, batch: Mapping[str, Any]) -> tuple[Tensor, dict[str, Tensor]]:
        """The sum of both losses: gradients of either reach its own network alone."""
        generator, discriminator = network.generator, network.discriminator
        given = tensors_of(batch, next(generator.parameters()).device)
        real = given["faces"]
        size, num = real.shape[:2]
        flat = real.flatten(0, 1)
        identity = given["identity"].repeat_interleave(num, 0)
        made = generator(identity, masked_pose(flat), given["mel"].flatten(0, 1))
        with _still(discriminator):
            adversarial = adversarial_loss(discriminator(made), self.gan)
        pixel = (made - flat).abs().mean()
        value = adversarial + PIXEL_WEIGHT * pixel
        shown = {"l1": pixel.detach(), "gan": adversarial.detach()}
        if self.perceptual is not None:
            seen = self.perceptual(made, flat)
            value, shown["per"] = value + PERCEPTUAL_WEIGHT * seen, seen.detach()
        if self.sync is not None:
            synced = self.sync(made.unflatten(0, (size, num)), given)
            value, shown["sync"] = value + SYNC_WEIGHT * synced, synced.detach()
        judged = discriminator(torch.cat([flat, made.detach()]))
        told = discriminator_loss(judged[: len(flat)], judged[len(flat) :], self.gan)
        return value + told, {**shown, "disc": told.detach()}


@contextmanager
def _still(network: nn.Module) -> Iterator[None]:
    """Gradients pass through the network and do not reach its parameters."""
    network.requires_grad_(False)
    try:
        yield
    finally:
        network.requires_grad_(True)
