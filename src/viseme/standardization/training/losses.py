"""What an expression network is trained to minimise: each term a pure function, unweighted, with its source.

DSP = C. Wang, "Data standardization for robust lip sync" (newest version); LMID = C. Wang, "Lip movements information
disentanglement for lip sync"; Deep3D = Deng et al., "Accurate 3D face reconstruction with weakly-supervised learning",
2019. `LossWeights` holds the printed weights of both variants. Pixels are those of the 224-pixel crop, light is
linear in [0, 1], coefficients are unit-variance (expression divided by `FaceModel.expression_spread`). Knows torch;
refuses to know networks and renderers.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from viseme.core.errors import ConfigError

__all__ = [
    "LossWeights",
    "albedo_uniformity_loss",
    "coefficient_loss",
    "dsp_weights",
    "known_expression_loss",
    "landmark_loss",
    "light_loss",
    "lmid_weights",
    "photometric_loss",
    "recognition_loss",
    "skin_probability",
]


@dataclass(frozen=True, kw_only=True, slots=True)
class LossWeights:
    """Weights of the terms; the defaults are DSP's as printed."""

    photometric: float = 1.92
    """Of `photometric_loss`."""
    landmarks: float = 1.6e-3
    """Of `landmark_loss`, per pixel (per square pixel where squared)."""
    squared: bool = False
    """Square the landmark distances, as Deep3D's code does; the papers print them plain."""
    lips: float = 10.0
    """Weight of a lip landmark."""
    contour: float = 1.0
    """Weight of a landmark of the face's outline."""
    nose: float = 1.0
    """Weight of a landmark of the nose."""
    coefficients: float = 3e-4
    """Of `coefficient_loss`."""
    identity: float = 0.5
    """Share of the identity inside it."""
    expression: float = 2.0
    """Share of the expression inside it, in units of `FaceModel.expression_spread`; high, so that it does not absorb
    identity."""
    texture: float = 0.5
    """Share of the texture inside it."""
    uniformity: float = 0.0
    """Of `albedo_uniformity_loss`."""
    light: float = 0.0
    """Of `light_loss`."""
    recognition: float = 0.0
    """Of `recognition_loss`: 0, for the trainer has no recognition network; a loop of your own may add the term."""
    known: float = 0.0
    """Of `known_expression_loss`, per pixel; ours, for synthetic frames alone."""

    def __post_init__(self) -> None:
        negative = [name for name in self.__dataclass_fields__ if getattr(self, name) < 0]
        if negative:
            raise ConfigError(f"the loss weight {negative[0]!r} must not be negative")
        if self.recognition > 0:
            raise ConfigError(
                f"the loss weight 'recognition' is {self.recognition:g}, but the trainer has no face-recognition "
                "network; leave it at 0, or add `recognition_loss` with a network of your own in your own loop"
            )


def dsp_weights() -> LossWeights:
    """DSP, section IV-D, as printed: expression weighs 2.0 in the prior, lips 10 among landmarks."""
    return LossWeights()


def lmid_weights() -> LossWeights:
    """LMID, section 3.3, as printed; its recognition term (.2) is left at 0, for it needs a network we cannot ship."""
    return LossWeights(lips=20.0, contour=10.0, nose=10.0, identity=0.8, expression=0.8, texture=2.0, uniformity=5.0)


def photometric_loss(seen: Tensor, drawn: Tensor, attention: Tensor) -> Tensor:
    """Mean colour distance of a frame and its rendering, RGB in [0, 1]; unitless.

    Args:
        seen: (..., H, W, 3).
        drawn: (..., H, W, 3).
        attention: (..., H, W) the mask M times the skin probability A; 0 where nothing was drawn.

    Source:
        DSP equation 5, LMID equation 5: sum_M A_i |I_i - I'_i|_2 / sum_M A_i. The mean is over all frames given.
    """
    distance = torch.linalg.vector_norm(seen - drawn, dim=-1)
    return (attention * distance).sum() / attention.sum().clamp(min=1e-6)


def landmark_loss(points: Tensor, found: Tensor, weights: Tensor, *, squared: bool = False) -> Tensor:
    """Weighted distance of landmarks, pixels of the 224-pixel crop (square pixels where `squared`).

    Args:
        points: (B, K, 2) as tracked.
        found: (B, K, 2) as projected.
        weights: (K,).
        squared: As Deep3D's code.

    Source:
        DSP and LMID equation 6: (1/N) sum_n w_n |l_n - l'_n|_2. The sum is over N, not over the weights.

    Example:
        >>> there, here = torch.zeros(1, 2, 2), torch.tensor([[[3.0, 4.0], [0.0, 1.0]]])
        >>> float(landmark_loss(there, here, torch.tensor([1.0, 10.0])))
        7.5
    """
    distance = torch.linalg.vector_norm(points - found, dim=-1)
    return ((distance**2 if squared else distance) * weights).mean()


def coefficient_loss(
    alpha: Tensor, beta: Tensor, delta: Tensor, *, identity: float, expression: float, texture: float
) -> Tensor:
    """Prior: squared norms, mean over the batch; unitless. (B, A), (B, E), (B, D) -> scalar.

    All of unit variance: expression in units of the face model's `expression_spread`.

    Source:
        DSP equation 7, LMID equation 8.
    """
    return (
        identity * alpha.square().sum(-1).mean()
        + expression * beta.square().sum(-1).mean()
        + texture * delta.square().sum(-1).mean()
    )


def albedo_uniformity_loss(albedo: Tensor) -> Tensor:
    """Variance of the skin's albedo, RGB in [0, 1]; unitless.

    Args:
        albedo: (B, T, 3) of the skin vertices.

    Source:
        LMID equation 9: (1/T) sum_skin |t_i - mean|^2.
    """
    return (albedo - albedo.mean(-2, keepdim=True)).square().sum(-1).mean()


def light_loss(gamma: Tensor) -> Tensor:
    """Variance of the light over colour channels: white light is likelier. (B, 27) -> scalar, unitless.

    Source:
        Deep3D's code; in neither paper's sum.
    """
    light = gamma.reshape(-1, 3, 9)
    return (light - light.mean(1, keepdim=True)).square().mean()


def recognition_loss(seen: Tensor, drawn: Tensor, *, least: float = 1e-8) -> Tensor:
    """One minus the cosine of recognition features (B, D) of frames and renderings; unitless, 0 to 2.

    Source:
        LMID equation 7. The features come from a network of the user's own.
    """
    norms = (torch.linalg.vector_norm(seen, dim=-1) * torch.linalg.vector_norm(drawn, dim=-1)).clamp(min=least)
    return (1 - (seen * drawn).sum(-1) / norms).mean()


def known_expression_loss(beta: Tensor, truth: Tensor, basis: Tensor, weights: Tensor) -> Tensor:
    """How far the landmarks of a predicted expression lie from those of the true one, pixels of the 224-pixel crop.

    Ours, in neither paper: on synthetic frames the expression is known. Identity, pose and light take no part, so
    nothing can be traded against them.

    Args:
        beta: (B, E) predicted.
        truth: (B, E) true.
        basis: (K, 3, E) expression basis of the landmarks, pixels a unit (decimetres times 101.5).
        weights: (K,).
    """
    moved = torch.einsum("kce,be->bkc", basis, beta - truth)
    return (torch.linalg.vector_norm(moved, dim=-1) * weights).mean()


@torch.no_grad()
def skin_probability(images: Tensor, mask: Tensor, *, spread: float = 0.04) -> Tensor:
    """How likely each pixel is skin of this person: 1 at the usual chroma of the face, less with the distance to it.

    Relative to the person and the light, so that no skin tone is the norm; hair, teeth, hands in gloves and
    spectacle frames fall out.

    Args:
        images: (B, H, W, 3) RGB in [0, 1].
        mask: (B, H, W) where the face is.
        spread: Chroma distance at which the probability is exp(-1/2).

    Returns:
        (B, H, W), 0 outside the mask.
    """
    total = images.sum(-1, keepdim=True).clamp(min=0.06)
    chroma = images[..., :2] / total
    inside = mask.bool()
    usual = torch.stack(
        [c[m].median(0).values if m.any() else c.new_full((2,), 1 / 3) for c, m in zip(chroma, inside, strict=True)]
    )
    distance = (chroma - usual[:, None, None]).square().sum(-1)
    return torch.exp(-distance / (2 * spread**2)) * mask
