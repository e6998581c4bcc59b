"""How unlike two images are, for training. Knows tensors; refuses to know of what the images are."""

from __future__ import annotations

from functools import lru_cache

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import conv2d

__all__ = ["ssim_loss"]

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


@lru_cache(maxsize=4)
def _window(device: torch.device) -> Tensor:
    weights = torch.exp(-0.5 * (torch.arange(-_RADIUS, _RADIUS + 1, device=device) / _SIGMA) ** 2)
    return weights / weights.sum()


def _blurred(images: Float[Tensor, "N B C H W"]) -> Tensor:
    """(N, B, C, H - 10, W - 10) Gaussian means around the pixels whose whole window lies in the image."""
    window, flat = _window(images.device), images.flatten(0, 2)[:, None]
    flat = conv2d(conv2d(flat, window[None, None, None]), window[None, None, :, None])
    return flat[:, 0].unflatten(0, images.shape[:3])
