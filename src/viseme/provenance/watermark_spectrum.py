"""A frame as waves of the watermark's tile: what the writer lays its message into, and what the reader looks at. Knows
pixels; refuses to know messages.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, uniform_filter

from viseme.provenance.watermark_code import TILE, waves

__all__ = ["MOST_CELLS", "PATTERN_SIZES", "cells_of", "correlation", "detail_of", "spectra_of"]

MOST_CELLS = 360.0
"""Cells of the pattern along the square root of the area of a large frame."""
_CELL_PIXELS, _LEAST_CELLS = 1.75, 128.0
"""Pixels of a cell in frames of middling size, and the cells of a frame that is smaller still."""
PATTERN_SIZES = tuple(1 + 0.02 * step for step in range(-4, 5))
"""Ratios to `cells_of` of which the writer chooses one."""
_SIDE = 150
"""Pixels along the square root of the area, about, of a frame made small: six to a wave of the largest frames."""
_COARSE, _CONTRAST = 0.02, 0.08
"""Parts of that: deviation of the smoothing whose result is taken out, and side of the square of local contrast."""
_LEAST_CONTRAST, _POWER = 0.8, 1.5
"""Grey levels where there is no detail, and the power of contrast that detail is divided by: whitening takes one; a
mark that is stronger than its surroundings where these are flat deserves another, but codecs harm it there."""


def cells_of(height: int, width: int) -> float:
    """Cells along the square root of the area of a frame that is marked.

    Example:
        >>> round(cells_of(288, 360)), round(cells_of(1080, 1920)), round(cells_of(128, 128))
        (184, 360, 128)
    """
    return min(max(math.sqrt(height * width) / _CELL_PIXELS, _LEAST_CELLS), MOST_CELLS)


def detail_of(luma: NDArray[np.floating]) -> NDArray[np.float32]:
    """(H, W) luma to (h, w): small, without what is coarse, weaker where there is contrast."""
    small = _reduced(luma, max(1, round(math.sqrt(luma.size) / _SIDE)))
    side = math.sqrt(small.size)
    fine = small - gaussian_filter(small, _COARSE * side, truncate=2.5)
    contrast = uniform_filter(fine * fine, int(_CONTRAST * side) | 1) + _LEAST_CONTRAST**2
    detail = fine / contrast ** (_POWER / 2)
    return (detail - detail.mean()).astype(np.float32)


def _reduced(luma: NDArray[np.floating], factor: int) -> NDArray[np.float32]:
    """Means of squares of so many pixels; what is left over at the edges is left out."""
    if factor == 1:
        return luma.astype(np.float32)
    height, width = (size // factor for size in luma.shape)
    whole = luma[: height * factor, : width * factor].astype(np.float32)
    return whole.reshape(height, factor, width, factor).mean(axis=(1, 3))


def spectra_of(detail: NDArray[np.float32], cells: float) -> NDArray[np.complex64]:
    """(2, D / 2) amplitude of each wave of the tile in a frame and in its mirror image.

    Rings of equal length are brought to equal power. The mirror stands at the left edge.

    Args:
        detail: Of `detail_of`.
        cells: Along the square root of its area.
    """
    rows, columns = waves()
    reach = int(np.abs(rows).max())
    unit = -2j * np.pi * cells / (TILE * math.sqrt(detail.size))
    at_y, at_x = (np.arange(size, dtype=np.float64) + 0.5 for size in detail.shape)
    down = np.exp(unit * np.outer(np.arange(-reach, reach + 1), at_y)).astype(np.complex64)
    across = np.exp(unit * np.outer(at_x, np.arange(reach + 1))).astype(np.complex64)
    found = down @ detail
    both = np.stack([(found @ waves_across)[rows + reach, columns] for waves_across in (across, across.conj())])
    ring = np.rint(np.hypot(rows, columns)).astype(int)
    num = np.maximum(np.bincount(ring), 1)
    power = np.stack([np.bincount(ring, np.abs(one) ** 2) / num for one in both])
    return (both / np.sqrt(power[:, ring] + 1e-12)).astype(np.complex64)


def correlation(spectrum: NDArray[np.complex64], weights: NDArray[np.complex128]) -> NDArray[np.floating]:
    """(TILE, TILE) sum of products of a frame and a pattern that is moved by so many cells, down and right.

    Args:
        spectrum: One row of `spectra_of`.
        weights: (D / 2,) of the waves of the pattern.
    """
    rows, columns = waves()
    table = np.zeros((TILE, TILE // 2 + 1), np.complex64)
    table[rows % TILE, columns] = spectrum * np.conj(weights)
    return np.fft.irfft2(table, s=(TILE, TILE), norm="forward")
