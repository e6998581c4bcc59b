"""What training of an avatar lessens: texture, geometry and blendshapes. Knows tensors alone.

Source: Lahiri et al., "LipSync3D", 2021, section 3.2: R = R_tex + 3.0 R_geo + 0.3 R_bs, where R_tex is one minus the
structural similarity, R_geo the distance of vertices and R_bs the absolute error of blendshape weights.
"""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor

__all__ = ["BLENDSHAPE_WEIGHT", "GEOMETRY_WEIGHT", "geometry_loss", "weighted_mean"]

GEOMETRY_WEIGHT, BLENDSHAPE_WEIGHT = 3.0, 0.3
"""alpha_1 and alpha_2 of the paper."""


def geometry_loss(
    found: Float[Tensor, "B V 3"], wanted: Float[Tensor, "B V 3"], unit: float = 1.0
) -> Float[Tensor, " B"]:
    """Root mean square distance of corresponding vertices of each frame, in units of `unit`."""
    return ((found - wanted).square().sum(2).mean(1) + 1e-12).sqrt() / unit


def weighted_mean(values: Float[Tensor, " B"], weights: Float[Tensor, " B"]) -> Float[Tensor, ""]:
    """Mean over frames, some of which count more."""
    return (values * weights).sum() / weights.sum()
