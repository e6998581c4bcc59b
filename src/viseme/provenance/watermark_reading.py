"""Finding the watermark again, blind: without the original, after a crop, another size, another encoding. Knows pixels;
refuses to know files and faces.

Frames are averaged, since the mark is the same in all; what is smooth or strong is taken out; then every scale that a
resized or cropped copy may have is tried, and at each the place where the pilot pattern fits best.

**False alarms.** Each pattern is a unit vector drawn at random, for instance independently of any video. A video
without the mark therefore gives, at one scale and place, a cosine between itself and the sum of patterns of one
message that is distributed as that of a random direction in D dimensions: P(cosine >= c) = I(1 - c^2; (D - 1) / 2, 1/2)
/ 2, I being the regularised incomplete beta function. Times the messages, scales and places tried, that is the
probability stated by `Found.false_alarm`; the threshold keeps it below one in a million a video.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import product

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, uniform_filter
from scipy.special import betaincinv

from viseme.provenance.watermark import CELLS
from viseme.provenance.watermark_code import (
    MESSAGE_BITS,
    NUM_GROUPS,
    NUM_SYMBOLS,
    PILOT_WEIGHT,
    TILE,
    message_of,
    patterns,
    waves,
)

__all__ = ["Found", "MarkSearch", "least_cosine", "read_watermark"]

FALSE_ALARM = 1e-6
"""Largest probability of a find in a video without a mark."""
_LUMA = np.array([0.299, 0.587, 0.114], np.float32)
_SMALLEST_CELLS = 200.0
"""Cells along the square root of the area of the smallest frame, or piece of one, that is looked for."""
_STEP = 0.012
"""Ratio of scales tried, less one; half of it moves the border of the largest frame by a sixth of the shortest wave."""
_FINE = (-0.004, 0.0, 0.004)
_NUM_CANDIDATES = 12
_FINE_PIXELS = 8.0
"""Deviation of the smoothing whose result is taken out, pixels of a frame of 322 x 322."""
_CONTRAST_PIXELS = 31.0
_SIDE, _LARGEST_SIDE = 322.0, 480.0


@dataclass(frozen=True, kw_only=True)
class Found:
    """A watermark that was read."""

    message: int
    """Its 24 bits."""
    cosine: float
    """Likeness of the video to the mark, 0 to 1; at least `least_cosine()`."""
    cells: float
    """Cells along the square root of the frame's area; that of the marked video where nothing was cut off."""
    num_frames: int
    """Frames averaged."""


class MarkSearch:
    """Accumulator of frames, then the search."""

    def __init__(self) -> None:
        self._total: NDArray[np.float32] | None = None
        self.num_frames = 0
        """Frames taken."""

    def add(self, frame: NDArray[np.uint8]) -> None:
        """Take one frame, (H, W, 3) RGB or (H, W) luma; a frame of another size than the first is left out."""
        luma = frame @ _LUMA if frame.ndim == 3 else frame.astype(np.float32)
        if self._total is None:
            self._total = luma
        elif self._total.shape != luma.shape:
            return
        else:
            self._total += luma
        self.num_frames += 1

    def find(self) -> Found | None:
        """The watermark; None where there is none."""
        if self._total is None or min(self._total.shape) < 32:
            return None
        detail = _detail(self._total / np.float32(self.num_frames))
        side = math.sqrt(detail.size)
        likely = (min(side, CELLS), min(2 * side, CELLS))
        for scales in ([c * (1 + f) for c in likely for f in _FINE], _scales(side)):
            found = _best(detail, scales)
            if found is not None:
                message, cosine, cells = found
                return Found(message=message, cosine=cosine, cells=cells, num_frames=self.num_frames)
        return None


def read_watermark(frames: Iterable[NDArray[np.uint8]]) -> Found | None:
    """Look for a watermark in the frames of one video.

    Args:
        frames: (H, W, 3) RGB or (H, W) luma, some 50 or more; frames much larger than 1000 pixels may be scaled down.
    """
    search = MarkSearch()
    for frame in frames:
        search.add(frame)
    return search.find()


@lru_cache(maxsize=1)
def least_cosine() -> float:
    """The threshold of `Found.cosine`: what a video without a mark exceeds with probability `FALSE_ALARM` at most.

    Example:
        >>> round(least_cosine(), 2)
        0.35
    """
    size = 2 * waves().shape[1]
    num_scales = len(_scales(_SMALLEST_CELLS)) * (len(_FINE) + 1) + 2 * len(_FINE)
    tried = 2.0**MESSAGE_BITS * num_scales * TILE**2
    return math.sqrt(1.0 - float(betaincinv((size - 1) / 2, 0.5, 2 * FALSE_ALARM / tried)))


def _scales(side: float) -> list[float]:
    """Cells along the side of a square as large as the frame, that are tried."""
    largest = CELLS * 1.01
    num = math.ceil(math.log(largest / _SMALLEST_CELLS) / _STEP)
    return [largest * math.exp(-_STEP * i) for i in range(num + 1)]


def _detail(luma: NDArray[np.floating]) -> NDArray[np.float32]:
    """(H, W) what the mark could be: fine, weak, over the contrast around."""
    ratio = min(math.sqrt(luma.size), _LARGEST_SIDE) / _SIDE
    fine = luma - gaussian_filter(luma, _FINE_PIXELS * ratio, truncate=2.5)
    limit = 6.0 * float(np.median(np.abs(fine))) + 0.3
    fine = np.clip(fine, -limit, limit)
    contrast = np.sqrt(uniform_filter(fine * fine, int(_CONTRAST_PIXELS * ratio) | 1))
    detail = fine / (contrast + 0.2)
    return (detail - detail.mean()).astype(np.float32)


def _spectrum(detail: NDArray[np.float32], cells: float) -> NDArray[np.complex128]:
    """(D / 2,) amplitude of each wave of the tile, rings of equal length brought to equal power."""
    rows, columns = waves()
    reach = int(np.abs(rows).max())
    unit = -2j * np.pi * cells / (TILE * math.sqrt(detail.size))
    at_y, at_x = (np.arange(size, dtype=np.float64) + 0.5 for size in detail.shape)
    down = np.exp(unit * np.outer(np.arange(-reach, reach + 1), at_y)).astype(np.complex64)
    across = np.exp(unit * np.outer(at_x, np.arange(reach + 1))).astype(np.complex64)
    found = (down @ detail @ across)[rows + reach, columns].astype(np.complex128)
    ring = np.rint(np.hypot(rows, columns)).astype(int)
    power = np.bincount(ring, np.abs(found) ** 2) / np.maximum(np.bincount(ring), 1)
    return found / np.sqrt(power[ring] + 1e-12)


def _place(spectrum: NDArray[np.complex128]) -> tuple[float, float, float]:
    """How far the pilot's best place stands out (standard deviations), and the place, rows and columns in cells."""
    rows, columns = waves()
    size = TILE
    table = np.zeros((size, size // 2 + 1), np.complex64)
    table[rows % size, columns] = spectrum * np.conj(patterns()[0])
    fits = np.fft.irfft2(table, s=(size, size), norm="forward")
    y, x = np.unravel_index(int(fits.argmax()), fits.shape)
    return float(fits[y, x] / (fits.std() + 1e-12)), float(y), float(x)


def _best(detail: NDArray[np.float32], scales: list[float]) -> tuple[int, float, float] | None:
    """Message, cosine and scale of the likeliest mark above the threshold."""
    coarse = []
    for cells in scales:
        spectrum = _spectrum(detail, cells)
        coarse.append((_place(spectrum), cells, spectrum))
    coarse.sort(key=lambda found: -found[0][0])
    best = None
    for (_, y, x), cells, spectrum in _refined(detail, coarse[:_NUM_CANDIDATES]):
        cosine, message = _decoded(spectrum, y, x)
        if message is not None and cosine >= least_cosine() and (best is None or cosine > best[1]):
            best = message, cosine, cells
    return best


def _refined(detail: NDArray[np.float32], coarse: list) -> Iterator:
    """The candidates, each with its scale a little changed as well."""
    for place, cells, spectrum in coarse:
        yield place, cells, spectrum
        for change in _FINE:
            if change:
                other = _spectrum(detail, cells * (1 + change))
                yield _place(other), cells * (1 + change), other


def _decoded(spectrum: NDArray[np.complex128], y: float, x: float) -> tuple[float, int | None]:
    """Cosine to the mark of the likeliest message whose checksum fits, and the message; None where none fits.

    The two likeliest patterns of each group are combined.
    """
    rows, columns = waves()
    moved = spectrum * np.exp(2j * np.pi * (rows * y + columns * x) / TILE)
    fits = (moved * np.conj(patterns())).real.sum(axis=1) / math.sqrt(float((np.abs(spectrum) ** 2).sum()) + 1e-12)
    groups = fits[1:].reshape(NUM_GROUPS, NUM_SYMBOLS)
    likely = np.argsort(-np.abs(groups), axis=1)[:, :2]
    length = math.sqrt(PILOT_WEIGHT**2 + NUM_GROUPS)
    best: tuple[float, int | None] = (0.0, None)
    for chosen in product(*likely):
        values = groups[np.arange(NUM_GROUPS), chosen]
        message = message_of([(int(k), 1.0 if v > 0 else -1.0) for k, v in zip(chosen, values)])
        cosine = float(PILOT_WEIGHT * fits[0] + np.abs(values).sum()) / length
        if message is not None and cosine > best[0]:
            best = cosine, message
    return best
