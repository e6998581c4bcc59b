"""The square of a frame that becomes the standard crop, and points in it. Knows arrays; refuses to know models."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["CROP_SIZE", "MARGIN", "crop_again", "crop_frame", "crop_squares", "into_crop"]

CROP_SIZE = 224
"""Side of the standard crop, pixels."""
MARGIN = 1.7
"""Side of the crop over the larger side of the box around the 468 surface landmarks."""


def crop_squares(landmarks: NDArray[np.floating]) -> NDArray[np.float64]:
    """Centre x, centre y, side of the crop of each frame.

    Args:
        landmarks: (T, 478, 3) or (T, 468, 3), source pixels.

    Returns:
        (T, 3); NaN where a landmark is not finite.
    """
    points = np.asarray(landmarks, np.float64)[:, :468, :2]
    finite = np.asarray(np.isfinite(points).all((1, 2)))
    points = np.where(finite[:, None, None], points, 0.0)  # infinity minus infinity is a warning
    low, high = points.min(1), points.max(1)
    side = MARGIN * (high - low).max(1)
    out = np.concatenate([(low + high) / 2, side[:, None]], 1)
    out[~finite] = np.nan
    return out


def into_crop(points: NDArray[np.floating], crops: NDArray[np.floating]) -> NDArray[np.float64]:
    """Source pixels (T, K, 2 or 3) to pixels of the 224 x 224 crop; depth is scaled alike and not shifted."""
    corner, scale = crops[:, None, :2] - crops[:, None, 2:] / 2, CROP_SIZE / crops[:, None, 2:]
    out = np.array(points, np.float64)
    out[..., :2] -= corner
    return out * scale


def crop_frame(
    image: NDArray[np.uint8], crop: NDArray[np.floating], *, scale: float = 1.0, size: int = CROP_SIZE
) -> NDArray[np.uint8]:
    """One square crop of a frame.

    Args:
        image: (H, W, 3) RGB, perhaps reduced.
        crop: (3,) centre x, centre y, side, source pixels.
        scale: Width of `image` over width of the source frame.
        size: Side of the result, pixels.

    Returns:
        (size, size, 3); the edge is repeated where the crop leaves the frame. Linear interpolation; a pixel of a large
        crop (500 pixels or more for 224) is the mean of all it covers, or fine structure would turn into noise. A
        square of `size` pixels whose corner lies on whole pixels gives those pixels themselves.
    """
    x, y, side = (float(v) * scale for v in crop)
    resample = _means if side > LARGE * size else _interpolated
    rows, columns = (_Axis(centre - side / 2, side / size, size) for centre in (y, x))
    part = _part(image, rows.covered, columns.covered).astype(np.float32)
    mixed = resample(resample(part, rows).swapaxes(0, 1), columns).swapaxes(0, 1)
    return np.ascontiguousarray((mixed + np.float32(0.5)).astype(np.uint8))


def crop_again(
    image: NDArray[np.uint8], shown: NDArray[np.floating], crop: NDArray[np.floating], *, size: int = CROP_SIZE
) -> NDArray[np.uint8]:
    """(size, size, 3) a square crop of a larger one.

    Args:
        image: (S, S, 3) the larger crop.
        shown: (3,) centre x, centre y, side of what it shows, source pixels.
        crop: (3,) the same of what is wanted.
        size: Side of the result, pixels.
    """
    scale = len(image) / float(shown[2])
    corner = shown[:2] - shown[2] / 2
    return crop_frame(image, np.array([*(crop[:2] - corner), crop[2]]) * scale, size=size)


LARGE = 1 / 0.45
"""Source pixels a crop's pixel from which means are taken."""


class _Axis(NamedTuple):
    """Where a crop's pixels lie along one axis of the frame."""

    start: float
    step: float
    """Source pixels of one of the crop's."""
    size: int

    @property
    def covered(self) -> tuple[int, int]:
        """First and last + 1 source pixel that the crop needs."""
        return int(np.floor(self.start - 0.5)), int(np.ceil(self.start + self.size * self.step + 0.5)) + 1


def _part(image: NDArray[np.uint8], rows: tuple[int, int], columns: tuple[int, int]) -> NDArray[np.uint8]:
    """That part of the frame; the edge is repeated outside it."""
    height, width = image.shape[:2]
    if rows[0] >= 0 and columns[0] >= 0 and rows[1] <= height and columns[1] <= width:
        return image[slice(*rows), slice(*columns)]
    return image[np.arange(*rows).clip(0, height - 1)][:, np.arange(*columns).clip(0, width - 1)]


def _interpolated(part: NDArray[np.float32], axis: _Axis) -> NDArray[np.float32]:
    """(size, ...) values at the middles of the crop's pixels, between the middles of the source's."""
    return _rows(part, axis.start + (np.arange(axis.size) + 0.5) * axis.step - 0.5 - axis.covered[0])


def _means(part: NDArray[np.float32], axis: _Axis) -> NDArray[np.float32]:
    """(size, ...) means over what each of the crop's pixels covers: differences of the running sum at their edges."""
    total = np.concatenate([np.zeros_like(part[:1]), np.cumsum(part, 0)])
    return (
        np.diff(_rows(total, axis.start + np.arange(axis.size + 1) * axis.step - axis.covered[0]), axis=0) / axis.step
    )


def _rows(values: NDArray[np.float32], at: NDArray[np.floating]) -> NDArray[np.float32]:
    """Rows at fractional positions."""
    left = np.floor(at).astype(int)
    share = (at - left).astype(np.float32)[:, None, None]
    return np.asarray(values[left] * (1 - share) + values[left + 1] * share, np.float32)
