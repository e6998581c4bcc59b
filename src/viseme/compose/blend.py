"""One image passed into another without a seam: coarse structure over a wide border, fine structure over a narrow one.

Knows pixels; refuses to know faces.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["LEVELS", "blended_change"]

LEVELS = 3
"""Bands of the blend."""


def blended_change(
    difference: NDArray[np.float32],
    mask: NDArray[np.float32],
    fine: NDArray[np.float32] | None = None,
    *,
    levels: int = LEVELS,
    num_fine: int = 1,
) -> NDArray[np.float32]:
    """What to add to an image so that another one shows through a mask; zero where the mask is zero.

    Args:
        difference: (H, W, C) the other image minus this one.
        mask: (H, W) in [0, 1].
        fine: (H, W) the mask of the finest bands where it is another; None = `mask`.
        levels: Bands of one octave each; 1 = plain alpha blending.
        num_fine: Bands that `fine` is for.

    Returns:
        (H, W, C).

    Source:
        Burt & Adelson, "A Multiresolution Spline with Application to Image Mosaics", 1983; since pyramids are linear,
        the difference alone is split into bands.
    """
    fine = mask if fine is None else fine
    if levels < 2 or min(mask.shape) < 2**levels:
        return difference * mask[..., None]
    images, masks, finer = [difference], [mask], [fine]
    for level in range(1, levels):
        images.append(_half(images[-1]))
        masks.append(_half(masks[-1][..., None])[..., 0])
        if level < num_fine:
            finer.append(_half(finer[-1][..., None])[..., 0])
    for level in range(min(num_fine, levels - 1)):
        masks[level] = finer[level]
    change = images[-1] * masks[-1][..., None]
    for level in range(levels - 2, -1, -1):
        image = images[level]
        height, width = image.shape[:2]
        band = image - _double(images[level + 1], height, width)
        change = _double(change, height, width)
        change += band * masks[level][..., None]
    change *= np.minimum(mask * 20, 1)[..., None]  # coarse bands reach over the border by a few pixels
    return change


def _half(image: NDArray[np.float32]) -> NDArray[np.float32]:
    """Means of 2 x 2 pixels; the edge is repeated."""
    height, width = image.shape[:2]
    if height % 2 or width % 2:
        image = np.pad(image, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")
    total = image[0::2] + image[1::2]
    return np.asarray((total[:, 0::2] + total[:, 1::2]) * np.float32(0.25), np.float32)


def _double(image: NDArray[np.float32], height: int, width: int) -> NDArray[np.float32]:
    """Twice the size, bilinear: each pixel centre lies a quarter of a coarse pixel from the nearest coarse centre."""
    return _double_rows(_double_rows(image, height).swapaxes(0, 1), width).swapaxes(0, 1)


def _double_rows(image: NDArray[np.float32], height: int) -> NDArray[np.float32]:
    before = np.concatenate([image[:1], image[:-1]])
    after = np.concatenate([image[1:], image[-1:]])
    out = np.empty((2 * len(image), *image.shape[1:]), np.float32)
    mine = image * np.float32(0.75)
    out[0::2] = mine + before * np.float32(0.25)
    out[1::2] = mine + after * np.float32(0.25)
    return out[:height]
