"""The pixels of a square, rotated region, as a network takes them. Knows NumPy only.

Three colours travel in one 64-bit number, 16 bits each, so that a bilinear mean of four pixels is four products with
weights that add up to 256, for all colours at once. Which pixels and weights those are depends on the side and the
rotation only: they are kept for the next frame.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

__all__ = ["RoiCrop", "crop_roi"]

_LANES, _HALF = np.uint64(0x00FF_00FF_00FF), np.uint64(0x0002_0002_0002)
_ROWS = 32
"""Rows of the crop that are worked on at once: their numbers stay in the processor's cache."""
_MAX_STEP = 1.5
"""Frame pixels per crop pixel above which the frame is first halved, by means of 2 x 2 pixels."""


@dataclass(frozen=True)
class RoiCrop:
    """A crop, and the region it really shows: the asked one, moved by at most half a pixel, 0.8 % and 0.008 radians."""

    pixels: NDArray[np.float32]
    """(3, size, size) RGB, 0 to 1."""
    x: float
    """Centre in the frame, pixels."""
    y: float
    side: float
    """Pixels of the frame."""
    rotation: float
    """Radians, clockwise in the image."""

    def to_frame(self, points: NDArray[np.float32]) -> NDArray[np.float32]:
        """Points of the crop, (..., 3) in its pixels, in pixels of the frame; z keeps the scale of x and y."""
        scale = self.side / self.pixels.shape[-1]
        u, v = np.moveaxis(points[..., :2] * scale - self.side / 2, -1, 0)
        cos, sin = np.cos(self.rotation), np.sin(self.rotation)
        place = [self.x + u * cos - v * sin, self.y + u * sin + v * cos, points[..., 2] * scale]
        return np.stack(place, axis=-1).astype(np.float32)


def crop_roi(
    frame: NDArray[np.uint8], roi: NDArray[np.floating], pixels: NDArray[np.float32], *, outside: str = "edge"
) -> RoiCrop:
    """Sample a region bilinearly.

    Args:
        frame: (H, W, 3) RGB.
        roi: (4,) centre x, centre y, side in pixels, rotation in radians clockwise.
        pixels: (3, size, size), filled with the crop.
        outside: What lies beyond the frame: "edge", its nearest pixel, or "black".
    """
    x, y, side, rotation = map(float, roi)
    side, size = max(side, 4.0), pixels.shape[-1]
    unit = 2 ** max(int(np.ceil(np.log2(side / size / _MAX_STEP))), 0)
    x, y = round(x / unit) * unit, round(y / unit) * unit
    step = 2.0 ** np.floor(np.log2(side)) / 64
    side, rotation = round(side / step) * step, round(rotation * 64) / 64
    taps = _taps(side / unit, rotation, size)
    window = _window(frame, x - taps.reach * unit, y - taps.reach * unit, 2 * taps.reach, unit, outside)
    taps.mean(window, pixels)
    return RoiCrop(pixels, x, y, side, rotation)


class _Taps:
    """Which four pixels of a window of 2 reach x 2 reach make up each pixel of a crop, and with what weights."""

    def __init__(self, side: float, rotation: float, size: int) -> None:
        """The window's middle is the middle of the region."""
        cos, sin = np.cos(rotation), np.sin(rotation)
        along = (np.arange(size) + 0.5) * (side / size) - side / 2
        self.reach = int(np.ceil(along[-1] * (abs(cos) + abs(sin)))) + 1
        middle = self.reach - 0.5
        x_of_column, x_of_row, y_of_column, y_of_row = (
            np.rint(values * 256).astype(np.int32)
            for values in (along * cos + middle, -along[:, None] * sin, along * sin + middle, along[:, None] * cos)
        )
        self.first = np.empty((size, size), np.intp)
        self.weights = np.empty((4, size, size), np.uint64)
        for start in range(0, size, _ROWS):
            rows = slice(start, start + _ROWS)
            x, y = x_of_column + x_of_row[rows], y_of_column + y_of_row[rows]
            self.first[rows] = (y >> 8) * (2 * self.reach) + (x >> 8)
            right, down = x & 255, y & 255
            both = (right * down + 128) >> 8
            for weight, values in zip(self.weights, (256 - right - down + both, right - both, down - both, both)):
                weight[rows] = values

    def mean(self, window: NDArray[np.uint64], crop: NDArray[np.float32]) -> None:
        """Fill the crop (3, size, size), 0 to 1, from a packed window."""
        size, flat = len(self.first), window.ravel()
        shifts = 1, 2 * self.reach, 2 * self.reach + 1
        for start in range(0, size, _ROWS):
            rows = slice(start, start + _ROWS)
            mean = flat.take(self.first[rows], mode="clip")  # none is out of bounds; "clip" is the fastest mode
            mean *= self.weights[0, rows]
            for shift, weight in zip(shifts, self.weights[1:, rows]):
                tap = flat[shift:].take(self.first[rows], mode="clip")
                tap *= weight
                mean += tap
            colours = mean.view(np.uint16).reshape(*mean.shape, 4)
            for colour in range(3):
                crop[colour, rows] = colours[..., colour]
            crop[:, rows] *= np.float32(1 / (255 * 256))


_taps = lru_cache(maxsize=12)(_Taps)


def _window(frame: NDArray[np.uint8], left: int, top: int, size: int, unit: int, outside: str) -> NDArray[np.uint64]:
    """A square of size x size cells of unit x unit pixels, which may leave the frame; the mean colours of each cell.

    The mean is that of four pixels, whatever the unit.
    """
    lanes = _scratch("lanes", (size, size, 4))
    offsets = [0] if unit == 1 else [unit // 4, unit - 1 - unit // 4]
    rows = _rows(frame, left, top + unit * np.arange(size)[:, None] + np.array(offsets), size * unit, outside)
    cells = rows.reshape(size, size, unit, 3)
    for colour in range(3):
        if unit == 1:
            lanes[..., colour] = cells[:, :, 0, colour]
        else:
            np.add(cells[:, :, offsets[0], colour], cells[:, :, offsets[-1], colour], out=lanes[..., colour])
    packed = lanes.view(np.uint64)[..., 0]
    if unit > 1:
        packed += _HALF
        packed >>= np.uint64(2)
        packed &= _LANES
    return packed


def _rows(frame: NDArray[np.uint8], left: int, rows: NDArray[np.intp], width: int, outside: str) -> NDArray[np.uint16]:
    """Sums of rows (M, one or two) of the frame over `width` columns from `left` on, which may leave the frame.

    Returns:
        (M, width, 3).
    """
    left = min(max(left, 1 - width), frame.shape[1] - 1)  # beyond, all columns are alike
    sums = _scratch("rows", (len(rows), width, 3))
    first, last = np.clip([left, left + width - 1], 0, frame.shape[1] - 1)
    inner = slice(max(first - left, 0), min(last - left + 1, width))
    inside = (rows >= 0) & (rows < frame.shape[0])
    for i in range(rows.shape[1]):
        step = int(rows[1, i] - rows[0, i])
        source = frame[rows[0, i] :: step][: len(rows)] if inside.all() else frame[rows[:, i].clip(0, len(frame) - 1)]
        source = source[:, first : last + 1]
        if outside == "black" and not inside.all():
            source = source * inside[:, i, None, None]
        place = sums[:, inner]
        np.copyto(place, source) if i == 0 else np.add(place, source, out=place)
    black = outside == "black"
    sums[:, : inner.start] = 0 if black else sums[:, inner][:, :1]
    sums[:, inner.stop :] = 0 if black else sums[:, inner][:, -1:]
    return sums


_memory = threading.local()


def _scratch(name: str, shape: tuple[int, ...]) -> NDArray[np.uint16]:
    """Memory that the next crop of this thread uses again: fresh memory costs more than the work done in it."""
    size = int(np.prod(shape))
    kept = getattr(_memory, name, None)
    if kept is None or kept.size < size:
        kept = np.zeros(size, np.uint16)
        setattr(_memory, name, kept)
    return kept[:size].reshape(shape)
