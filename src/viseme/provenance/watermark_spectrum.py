"""What turns over in a video, as waves of the watermark's tile: what the writer lays its message into, and what the
reader looks at. Knows pixels; refuses to know messages.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, uniform_filter

from viseme.provenance.watermark_code import TILE, waves

__all__ = ["MOST_CELLS", "PERIOD_S", "cells_of", "correlation", "detail_of", "reduced", "spectra_of", "whitened"]

PERIOD_S = 0.64
"""The pattern is added for half of so many seconds, then taken away for the other half: 8 frames each at 25/s."""

MOST_CELLS = 360.0
"""Cells of the pattern along the square root of the area of a large frame."""
_CELL_PIXELS, _LEAST_CELLS = 1.75, 184.0
"""Pixels of a cell in frames of middling size, and the cells of a frame that is smaller still."""
_SIDE = 150
"""Pixels along the square root of the area, about, of a frame made small: six to a wave of the largest frames."""
_COARSE, _CONTRAST = 0.02, 0.08
"""Parts of that: deviation of the smoothing whose result is taken out, and side of the square of local contrast."""
_LEAST_CONTRAST, _POWER = 0.4, 2.0
"""Grey levels where nothing moves, and the power of contrast that detail is divided by: whitening takes one; a mark
that is stronger than its surroundings where these stand still deserves another."""


def cells_of(height: int, width: int) -> float:
    """Cells along the square root of the area of a frame that is marked.

    Example:
        >>> round(cells_of(288, 360)), round(cells_of(1080, 1920)), round(cells_of(128, 128))
        (184, 360, 184)
    """
    return min(max(math.sqrt(height * width) / _CELL_PIXELS, _LEAST_CELLS), MOST_CELLS)


def detail_of(turning: NDArray[np.complex64]) -> NDArray[np.complex64]:
    """(h, w) amplitude of what turns over: without what is coarse, weaker where much does.

    Args:
        turning: Of a frame that `reduced` made, grey levels.
    """
    side = math.sqrt(turning.size)
    parts = [part - gaussian_filter(part, _COARSE * side, truncate=2.5) for part in (turning.real, turning.imag)]
    power = uniform_filter((parts[0] ** 2 + parts[1] ** 2) / 2, int(_CONTRAST * side) | 1) + _LEAST_CONTRAST**2
    return ((parts[0] + 1j * parts[1]) / power ** (_POWER / 2)).astype(np.complex64)


def reduced(luma: NDArray[np.floating] | NDArray[np.uint8]) -> NDArray[np.float32]:
    """A frame made small: means of squares of pixels; what is left over at the edges is left out."""
    factor = max(1, round(math.sqrt(luma.size) / _SIDE))
    if factor == 1:
        return luma.astype(np.float32)
    height, width = (size // factor for size in luma.shape)
    whole = luma[: height * factor, : width * factor].astype(np.float32)
    return whole.reshape(height, factor, width, factor).mean(axis=(1, 3))


def spectra_of(detail: NDArray[np.complex64], cells: float) -> NDArray[np.complex64]:
    """(2, 2, D / 2) amplitude of each wave of the tile in a frame and in its mirror image; real part, imaginary part.

    The mirror stands at the left edge.

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
    found = [down @ part for part in (detail.real, detail.imag)]
    both = [[(part @ way)[rows + reach, columns] for part in found] for way in (across, across.conj())]
    return np.array(both, np.complex64)


def whitened(spectrum: NDArray[np.complex64]) -> NDArray[np.complex64]:
    """(..., D / 2) rings of equal length brought to equal power, that of all rows together."""
    rows, columns = waves()
    ring = np.rint(np.hypot(rows, columns)).astype(int)
    power = (np.abs(spectrum.reshape(-1, rows.size)) ** 2).sum(axis=0)
    mean = np.bincount(ring, power) / np.maximum(np.bincount(ring), 1)
    return (spectrum / np.sqrt(mean[ring] + 1e-12)).astype(np.complex64)


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
