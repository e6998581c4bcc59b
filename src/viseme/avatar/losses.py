"""What training of an avatar lessens: texture, geometry and blendshapes. Knows tensors alone.

Source: Lahiri et al., "LipSync3D", 2021, section 3.2: R = R_tex + 3.0 R_geo + 0.3 R_bs, where R_tex is one minus the
structural similarity, R_geo the distance of vertices and R_bs the absolute error of blendshape weights.
"""

from __future__ import annotations

from functools import lru_cache

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import conv2d

__all__ = ["BLENDSHAPE_WEIGHT", "GEOMETRY_WEIGHT", "geometry_loss", "ssim_loss", "weighted_mean"]

GEOMETRY_WEIGHT, BLENDSHAPE_WEIGHT = 3.0, 0.3
"""alpha_1 and alpha_2 of the paper."""
_RADIUS, _SIGMA = 5, 1.5
_C1, _C2 = 0.01**2, 0.03**2


def ssim_loss(
    found: Float[Tensor, "B 3 H W"], wanted: Float[Tensor, "B 3 H W"], valid: Float[Tensor, "B 1 H W"]
) -> Float[Tensor, " B"]:
    """One minus the structural similarity of images in [0, 1], mean over the valid pixels of each.

    Windows of 11 x 11 pixels with a Gaussian of 1.5; a pixel counts as much of its window is valid, and what is not
    valid is taken to be right.

    Source:
        Wang et al., "Image Quality Assessment", 2004; `viseme.metrics.ssim` measures the same.
    """
    found = torch.where(valid > 0.5, found, wanted)
    mean_f, mean_w, squares, product = _blurred(torch.stack([found, wanted, found**2 + wanted**2, found * wanted]))
    both = 2 * (product - mean_f * mean_w) + _C2
    spread = squares - mean_f**2 - mean_w**2 + _C2
    level = (2 * mean_f * mean_w + _C1) / (mean_f**2 + mean_w**2 + _C1)
    share = _blurred(valid[None])[0]
    similar = (level * both / spread * share).sum((1, 2, 3)) / (3 * share.sum((1, 2, 3)).clamp_min(1e-6))
    return 1 - similar


def geometry_loss(
    found: Float[Tensor, "B V 3"], wanted: Float[Tensor, "B V 3"], unit: float = 1.0
) -> Float[Tensor, " B"]:
    """Root mean square distance of corresponding vertices of each frame, in units of `unit`."""
    return ((found - wanted).square().sum(2).mean(1) + 1e-12).sqrt() / unit


def weighted_mean(values: Float[Tensor, " B"], weights: Float[Tensor, " B"]) -> Float[Tensor, ""]:
    """Mean over frames, some of which count more."""
    return (values * weights).sum() / weights.sum()


@lru_cache(maxsize=4)
def _window(device: torch.device) -> Tensor:
    weights = torch.exp(-0.5 * (torch.arange(-_RADIUS, _RADIUS + 1, device=device) / _SIGMA) ** 2)
    return weights / weights.sum()


def _blurred(images: Float[Tensor, "N B C H W"]) -> Tensor:
    """(N, B, C, H - 10, W - 10) Gaussian means around the pixels whose whole window lies in the image."""
    window, flat = _window(images.device), images.flatten(0, 2)[:, None]
    flat = conv2d(conv2d(flat, window[None, None, None]), window[None, None, :, None])
    return flat[:, 0].unflatten(0, images.shape[:3])
