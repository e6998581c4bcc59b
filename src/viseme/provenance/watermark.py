"""An invisible watermark in the luma of frames: writing it. Knows pixels; refuses to know files and faces.

The mark is a faint pattern of long waves. It is added to the frames for a third of a second and taken away from them
for the next third, and so on: a codec keeps what stands still that long, and the reader, who compares one with the
other, is not disturbed by what the frames show, as long as that does not move. `watermark_reading` finds it again.

Source:
    Our own design. That a watermark lies in the change over time is Haitsma and Kalker's ("A Watermarking Scheme for
    Digital Cinema", 2001), who change the mean of whole frames.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from math import ceil, floor

import numpy as np
from numpy.typing import NDArray
from scipy.special import erfc

from viseme.provenance.watermark_code import TILE, message_weights, waves
from viseme.provenance.watermark_spectrum import PERIOD_S, cells_of

__all__ = ["STRENGTH", "Watermark", "changed_part", "mark_frames"]

STRENGTH = 0.5
"""RMS of the pattern where there is no detail, grey levels; it is then rounded and cut to `_LARGEST`."""
_MOST, _PER_DETAIL = 1.5, 0.05
"""Largest ratio to that where there is detail, and its growth with the deviation of a block, grey levels."""
_BLOCK, _SKIP = 8, 2
"""Detail is measured in blocks of so many pixels both ways, at every second one."""
_KEPT_FRAMES = 12
"""Frames for which the strength stays what it is: quick, and what stands still costs a codec little."""
_LARGEST = 1
"""Largest change, grey levels: what is even and just above the dead zone of a codec is seen least and kept best."""
_RAMP = 0.04
"""Width of the soft edge of a region, part of the square root of the area of the frame."""

Box = Sequence[float]


class Watermark:
    """A message, ready to be laid into frames.

    Example:
        >>> frame = np.full((288, 360, 3), 120, np.uint8)
        >>> change = Watermark(0xC0FFEE).mark(frame, 0.0).astype(float) - 120
        >>> bool(0.4 < change.std() < 1.5)
        True
    """

    def __init__(self, message: int, *, strength: float = STRENGTH) -> None:
        """Prepare the pattern.

        Args:
            message: 24 bits, such as `manifest.watermark_message` tells.
            strength: RMS change, grey levels.

        Raises:
            ValueError: the message is not a number of 24 bits.
        """
        self.message = message
        """What it says."""
        self._weights: NDArray[np.complex128] = message_weights(message) * strength
        self._size, self._half, self._age = (0, 0), 0, 0

    def mark(self, frame: NDArray[np.uint8], time: float, region: Box | None = None) -> NDArray[np.uint8]:
        """A copy of a frame with the mark in it.

        Args:
            frame: (H, W, 3) RGB, or (H, W) luma; the frames of a video one after the other, all of one size. The
                strength follows the detail of every twelfth at least.
            time: Seconds from the first frame.
            region: Box xyxy in pixels outside which nothing is changed, with a soft edge inside; None = the whole
                frame, which alone carries the accuracy that the documentation states.
        """
        height, width = frame.shape[:2]
        if self._size != (height, width):
            self._size, self._age = (height, width), 0
            self._pattern = _rendered(self._weights, cells_of(height, width), height, width)
        half = floor(2 * time / PERIOD_S + 1e-6)
        if half != self._half or self._age >= _KEPT_FRAMES:
            self._half, self._age = half, 0
        if self._age == 0:
            self._change = self._pattern * _strength(frame) * (-1) ** (half % 2)
            self._whole = _bytes(self._change)
        self._age += 1
        if region is None:
            return _added(frame, *self._whole)
        x0, y0, x1, y1 = _inside(region, height, width)
        out = frame.copy()
        if x1 > x0 and y1 > y0:
            ramp = _RAMP * float(np.sqrt(height * width))
            window = _ramps(y1 - y0, ramp)[:, None] * _ramps(x1 - x0, ramp)
            change = (self._change[y0:y1, x0:x1] * window).astype(np.float32)
            out[y0:y1, x0:x1] = _added(frame[y0:y1, x0:x1], *_bytes(change))
        return out


def mark_frames(
    frames: Iterable[NDArray[np.uint8]],
    message: int,
    *,
    rate: float = 25.0,
    region: Box | None = None,
    strength: float = STRENGTH,
) -> Iterator[NDArray[np.uint8]]:
    """Frames with the mark in them, one at a time.

    Args:
        frames: Each (H, W, 3) RGB or (H, W) luma, all of one size.
        message: 24 bits.
        rate: Frames a second.
        region: As for `Watermark.mark`.
        strength: As for `Watermark`.
    """
    mark = Watermark(message, strength=strength)
    for number, frame in enumerate(frames):
        yield mark.mark(frame, number / rate, region)


def changed_part(frame: NDArray[np.uint8], strength: float) -> float:
    """Part of the pixels of a frame that a mark changes, by one grey level each.

    Example:
        >>> round(changed_part(np.full((64, 64, 3), 120, np.uint8), 0.5), 2)
        0.32
    """
    return float(erfc(0.5 / (strength * np.sqrt(2.0) * _strength(frame)[::_BLOCK, ::_BLOCK])).mean())


def _rendered(weights: NDArray[np.complex128], cells: float, height: int, width: int) -> NDArray[np.float32]:
    """(H, W) pattern, pixel centres at +0.5; its RMS is the length of the weights."""
    rows, columns = waves()
    reach = int(np.abs(rows).max())
    table = np.zeros((2 * reach + 1, int(columns.max()) + 1), np.complex64)
    table[rows + reach, columns] = weights
    unit = 2j * np.pi * cells / (TILE * float(np.sqrt(height * width)))
    down = np.exp(unit * np.outer(np.arange(height) + 0.5, np.arange(-reach, reach + 1))).astype(np.complex64)
    across = np.exp(unit * np.outer(np.arange(table.shape[1]), np.arange(width) + 0.5)).astype(np.complex64)
    return (np.sqrt(2) * (down @ table @ across).real).astype(np.float32)


def _inside(region: Box, height: int, width: int) -> tuple[int, int, int, int]:
    """Whole pixels of the box that lie in the frame."""
    x0, y0, x1, y1 = map(float, region)
    return max(0, ceil(x0)), max(0, ceil(y0)), min(width, floor(x1)), min(height, floor(y1))


def _ramps(size: int, ramp: float) -> NDArray[np.float32]:
    """(size,) factor that rises at one end and falls at the other."""
    at = np.arange(size) + 0.5
    return np.sin(np.pi / 2 * np.clip(np.minimum(at, size - at) / ramp, 0.0, 1.0)).astype(np.float32)


def _strength(frame: NDArray[np.uint8]) -> NDArray[np.float32]:
    """(H, W) ratio, by blocks: more where there is detail that hides the mark.

    Detail is the deviation of green, which is most of luma.
    """
    height, width = frame.shape[:2]
    rows, columns, size = -(-height // _BLOCK), -(-width // _BLOCK), _BLOCK // _SKIP
    green = (frame[..., 1] if frame.ndim == 3 else frame)[::_SKIP, ::_SKIP].astype(np.float32)
    wide = np.pad(green, ((0, rows * size - green.shape[0]), (0, columns * size - green.shape[1])), mode="edge")
    deviation = wide.reshape(rows, size, columns, size).std(axis=(1, 3))
    ratio = np.minimum(1.0 + _PER_DETAIL * deviation, _MOST).astype(np.float32)
    return np.repeat(np.repeat(ratio, _BLOCK, axis=1)[:, :width], _BLOCK, axis=0)[:height]


def _bytes(change: NDArray[np.float32]) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """What is added and what is taken away, each (H, W, 3)."""
    levels = np.repeat(np.rint(np.clip(change, -_LARGEST, _LARGEST)).astype(np.int8)[..., None], 3, axis=2)
    return np.maximum(levels, 0).view(np.uint8), np.maximum(-levels, 0).view(np.uint8)


def _added(part: NDArray[np.uint8], up: NDArray[np.uint8], down: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The sum, held within 0 to 255, in bytes all along."""
    if part.ndim == 2:
        up, down = up[..., 0], down[..., 0]
    out = np.minimum(part, 255 - up)
    out += up
    np.maximum(out, down, out=out)
    out -= down
    return out
