"""Finding the watermark again, blind: without the original, after a crop, another size, another encoding. Knows pixels;
refuses to know files and faces.

The mark turns over every third of a second, so what stands still or drifts is taken out first; what is smooth or strong
in the rest is made weak; then every scale that a resized or cropped copy may have is tried, and at each the place where
the pilot pattern fits best. A cut at the beginning moves the turns; they are one angle, which the pilot tells too.

**False alarms.** Each pattern is a unit vector drawn at random, for instance independently of any video. A video
without the mark therefore gives, at one scale and place, a cosine between itself and the sum of patterns of one
message that is distributed as that of a random direction in D dimensions: P(cosine >= c) = I(1 - c^2; (D - 1) / 2, 1/2)
/ 2, I being the regularised incomplete beta function. Times the messages, scales, places and angles tried, that is the
probability of a find; the threshold keeps it below one in 100,000 a video.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.special import betaincinv

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
from viseme.provenance.watermark_spectrum import MOST_CELLS, correlation, reduced, spectra_of, whitened
from viseme.provenance.watermark_turning import Turning

__all__ = ["Found", "MarkSearch", "least_cosine", "read_watermark"]

FALSE_ALARM = 1e-5
"""Largest probability of a find in a video without a mark."""
_LUMA = np.array([0.299, 0.587, 0.114], np.float32)
_LEAST_CELLS = 120.0
"""Cells along the square root of the area of the smallest frame, or piece of one, that is looked for."""
_STEP = 0.02
"""Ratio of scales tried, less one; half of it moves the border of the largest frame by a sixth of the shortest wave."""
_FINE = (-0.007, 0.007)
_NUM_CANDIDATES = 12
_NUM_ANGLES = 16
"""Angles of the turns that are told apart: half a step costs 2 % of the likeness."""


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
    """Frames taken."""
    mirrored: bool
    """Whether left and right are exchanged."""


class MarkSearch:
    """Accumulator of frames, then the search."""

    def __init__(self) -> None:
        self._turning = Turning()
        self._shape: tuple[int, ...] = ()
        self.num_frames = 0
        """Frames taken."""

    def add(self, frame: NDArray[np.uint8], time: float) -> None:
        """Take one frame.

        Args:
            frame: (H, W, 3) RGB or (H, W) luma; one of another size than the first is left out.
            time: Seconds, from any instant; they grow.
        """
        if self._shape and self._shape != frame.shape[:2]:
            return
        self._shape = frame.shape[:2]
        self._turning.add(reduced(frame @ _LUMA if frame.ndim == 3 else frame), time)
        self.num_frames += 1

    def find(self) -> Found | None:
        """The watermark; None where there is none. Further frames begin another search."""
        detail = self._turning.detail()
        if detail is None or min(self._shape) < 32:
            return None
        best = _best(detail)
        return None if best is None else replace(best, num_frames=self.num_frames)


def read_watermark(frames: Iterable[NDArray[np.uint8]], *, rate: float = 25.0) -> Found | None:
    """Look for a watermark in the frames of one video.

    Args:
        frames: (H, W, 3) RGB or (H, W) luma, two seconds or more; frames much larger than 600 pixels may be scaled
            down.
        rate: Frames a second.
    """
    search = MarkSearch()
    for number, frame in enumerate(frames):
        search.add(frame, number / rate)
    return search.find()


@lru_cache(maxsize=1)
def least_cosine() -> float:
    """The threshold of `Found.cosine`: what a video without a mark exceeds with probability `FALSE_ALARM` at most.

    Example:
        >>> round(least_cosine(), 2)
        0.34
    """
    size = 2 * waves().shape[1]
    num_scales = 2 * len(_scales()) + _NUM_CANDIDATES * len(_FINE)
    tried = 2.0**MESSAGE_BITS * num_scales * TILE**2 * _NUM_ANGLES
    return math.sqrt(1.0 - float(betaincinv((size - 1) / 2, 0.5, 2 * FALSE_ALARM / tried)))


def _scales() -> list[float]:
    """Cells along the side of a square as large as the frame, that are tried."""
    largest = MOST_CELLS * 1.01
    num = math.ceil(math.log(largest / _LEAST_CELLS) / _STEP)
    return [largest * math.exp(-_STEP * i) for i in range(num + 1)]


@dataclass(frozen=True, kw_only=True, eq=False)
class _Candidate:
    """Where a mark may be."""

    fit: float
    """Likeness of the video to the pilot there."""
    row: float
    """Cells down."""
    column: float
    """Cells to the right."""
    cells: float
    mirrored: bool
    spectrum: NDArray[np.complex64]


def _placed(detail: NDArray[np.complex64], cells: float) -> list[_Candidate]:
    """The best place and angle of the pilot in a video, and in its mirror image."""
    found = []
    for mirrored, pair in enumerate(spectra_of(detail, cells)):
        pair = whitened(pair)
        fits = [correlation(one, patterns()[0]) for one in pair]
        y, x = np.unravel_index(int((fits[0] ** 2 + fits[1] ** 2).argmax()), fits[0].shape)
        step = 2 * np.pi / _NUM_ANGLES
        angle = step * round(float(np.arctan2(fits[1][y, x], fits[0][y, x])) / step)
        spectrum = whitened(math.cos(angle) * pair[0] + math.sin(angle) * pair[1])
        fit = float(np.hypot(fits[0][y, x], fits[1][y, x])) / (float(np.linalg.norm(pair)) + 1e-12)
        found.append(
            _Candidate(fit=fit, row=float(y), column=float(x), cells=cells, mirrored=bool(mirrored), spectrum=spectrum)
        )
    return found


def _best(detail: NDArray[np.complex64]) -> Found | None:
    """The likeliest mark above the threshold."""
    candidates = [found for cells in _scales() for found in _placed(detail, cells)]
    candidates.sort(key=lambda found: -found.fit)
    best = None
    for first in candidates[:_NUM_CANDIDATES]:
        finer = [_placed(detail, first.cells * (1 + change))[first.mirrored] for change in _FINE]
        for found in (first, *finer):
            cosine, message = _decoded(found)
            if message is not None and cosine >= least_cosine() and (best is None or cosine > best.cosine):
                cells, mirrored = found.cells, found.mirrored
                best = Found(message=message, cosine=cosine, cells=cells, num_frames=0, mirrored=mirrored)
    return best


@lru_cache(maxsize=1)
def _real_patterns() -> NDArray[np.float32]:
    """(1 + NUM_GROUPS * NUM_SYMBOLS, D) the patterns, real parts before imaginary ones."""
    rows = patterns()
    return np.concatenate([rows.real, rows.imag], axis=1).astype(np.float32)


def _decoded(found: _Candidate) -> tuple[float, int | None]:
    """Cosine to the mark of the likeliest message whose checksum fits, and the message; None where none fits.

    The likeliest pattern of every group, or of every group but one, of which the second: were more of them exchanged, a
    checksum of 8 bits would soon fit a wrong message.
    """
    rows, columns = waves()
    moved = found.spectrum * np.exp(2j * np.pi * (rows * found.row + columns * found.column) / TILE)
    fits = _real_patterns() @ np.concatenate([moved.real, moved.imag]).astype(np.float32)
    fits = fits.astype(np.float64) / (float(np.linalg.norm(found.spectrum)) + 1e-12)
    groups = fits[1:].reshape(NUM_GROUPS, NUM_SYMBOLS)
    likely = np.argsort(-np.abs(groups), axis=1)[:, :2]
    length = math.sqrt(PILOT_WEIGHT**2 + NUM_GROUPS)
    best: tuple[float, int | None] = (0.0, None)
    swapped = np.where(np.eye(NUM_GROUPS, dtype=bool), likely[:, 1], likely[:, 0])
    for chosen in (likely[:, 0], *swapped):
        values = groups[np.arange(NUM_GROUPS), chosen]
        message = message_of([(int(k), 1.0 if v > 0 else -1.0) for k, v in zip(chosen, values)])
        cosine = float(PILOT_WEIGHT * fits[0] + np.abs(values).sum()) / length
        if message is not None and cosine > best[0]:
            best = cosine, message
    return best
