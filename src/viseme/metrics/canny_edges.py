"""Canny's edges of a grey frame: smoothed, Sobel gradients, thinned across the edge, linked by two thresholds.

Knows one frame. CPBD is defined on them; nothing else here uses them.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

__all__ = ["canny_edges", "sobel"]

SIGMA = 1.0
"""Standard deviation of the Gaussian, pixels."""
STRIP = 32
"""Rows that are thinned at once: what is computed of them stays in the processor's cache."""


def canny_edges(grey: NDArray[np.floating], *, low: float, high: float) -> NDArray[np.bool_]:
    """Where edges run, one pixel wide; the outermost pixels have none.

    Args:
        grey: (H, W), in any unit.
        low: Gradient (3 x 3 Sobel operator, not normalised: 8 times the step from pixel to pixel) from which a pixel
            belongs to an edge that has a pixel of at least `high`.
        high: See `low`.

    Returns:
        (H, W).

    Source:
        Canny, "A Computational Approach to Edge Detection", 1986. The same choices as `skimage.feature.canny`:
        a Gaussian of 1 px that is normalised where it leaves the frame, gradients interpolated between the two
        neighbours across the edge, links to all eight neighbours.

    Example:
        >>> step = np.zeros((9, 9))
        >>> step[:, 4], step[:, 5:] = 40.0, 100.0
        >>> canny_edges(step, low=10, high=20).sum(0).tolist()
        [0, 0, 0, 0, 7, 0, 0, 0, 0]
    """
    image = np.asarray(grey, np.float64)
    smooth = _smooth(image) / _inside(image.shape)
    down, across = sobel(smooth, 0), sobel(smooth, 1)
    strength = np.sqrt(down**2 + across**2)
    thin = _largest_across(strength, down, across) & (strength >= low)
    labelled: Any = ndimage.label(thin, np.ones((3, 3)))
    pieces, num = labelled
    kept = np.zeros(num + 1, bool)
    kept[np.unique(pieces[thin & (strength >= high)])] = True
    return kept[pieces]


def sobel(image: NDArray[np.floating], axis: int) -> NDArray[np.float64]:
    """(H, W) 3 x 3 Sobel gradient along an axis, the edge repeated: as SciPy has it, in half the time."""
    framed = np.pad(np.asarray(image, np.float64), 1, mode="edge")
    if axis == 1:
        slope = framed[:, 2:] - framed[:, :-2]
        before, middle, after = slope[:-2], slope[1:-1], slope[2:]
    else:
        slope = framed[2:] - framed[:-2]
        before, middle, after = slope[:, :-2], slope[:, 1:-1], slope[:, 2:]
    found = before + after
    found += 2 * middle
    return found


@lru_cache(maxsize=8)
def _inside(shape: tuple[int, ...]) -> NDArray[np.floating]:
    """(H, W) share of the Gaussian at a pixel that lies within the frame."""
    return _smooth(np.ones(shape)) + np.finfo(float).eps


def _smooth(image: NDArray[np.floating]) -> NDArray[np.floating]:
    return ndimage.gaussian_filter(image, SIGMA, mode="constant")


def _largest_across(
    strength: NDArray[np.floating], down: NDArray[np.floating], across: NDArray[np.floating]
) -> NDArray[np.bool_]:
    """(H, W) where the gradient is no smaller than one pixel further along it, either way; interpolated between the
    straight and the diagonal neighbour."""
    kept = np.zeros(strength.shape, bool)
    if min(strength.shape) < 3:
        return kept
    for top in range(0, len(strength) - 2, STRIP):
        rows = slice(top, top + STRIP + 2)
        kept[top + 1 : min(top + STRIP, len(strength) - 2) + 1, 1:-1] = _in_strip(
            strength[rows], down[rows], across[rows]
        )
    return kept


def _in_strip(
    strength: NDArray[np.floating], down: NDArray[np.floating], across: NDArray[np.floating]
) -> NDArray[np.bool_]:
    """(H - 2, W - 2) `_largest_across` without the outermost pixels."""
    y, x, here = down[1:-1, 1:-1], across[1:-1, 1:-1], strength[1:-1, 1:-1]
    size_y, size_x = np.abs(y), np.abs(x)
    steep, same_sign = size_y >= size_x, (x >= 0) == (y >= 0)
    share = np.minimum(size_y, size_x) / np.maximum(np.maximum(size_y, size_x), 1e-300)
    largest = here > 0
    for way in (1, -1):
        straight = np.where(steep, _moved(strength, way, 0), _moved(strength, 0, way))
        against = np.where(steep, _moved(strength, way, -way), _moved(strength, -way, way))
        diagonal = np.where(same_sign, _moved(strength, way, way), against)
        diagonal -= straight
        diagonal *= share
        straight += diagonal
        largest &= straight <= here
    return largest


def _moved(values: NDArray[np.floating], rows: int, columns: int) -> NDArray[np.floating]:
    """The inner pixels' neighbours so many rows below and columns to the right."""
    height, width = values.shape
    return values[1 + rows : height - 1 + rows, 1 + columns : width - 1 + columns]
