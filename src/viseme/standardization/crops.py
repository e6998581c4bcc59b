"""The square of a frame that becomes the standard crop, and points in it. Knows arrays; refuses to know models."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from viseme.standardization.interface import CROP_SIZE

__all__ = ["crop_frame", "crop_squares", "into_crop"]

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


def crop_frame(image: NDArray[np.uint8], crop: NDArray[np.floating], *, scale: float = 1.0) -> NDArray[np.uint8]:
    """One 224 x 224 crop of a frame.

    Args:
        image: (H, W, 3) RGB, perhaps reduced.
        crop: (3,) centre x, centre y, side, source pixels.
        scale: Width of `image` over width of the source frame.

    Returns:
        (224, 224, 3); the edge is repeated where the crop leaves the frame.
    """
    import cv2

    x, y, side = (float(v) * scale for v in crop)
    factor = CROP_SIZE / side
    # cv2 counts pixel centres from 0, we from .5
    shift = [(0.5 * CROP_SIZE - x * factor) + 0.5 * factor - 0.5, (0.5 * CROP_SIZE - y * factor) + 0.5 * factor - 0.5]
    matrix = np.array([[factor, 0, shift[0]], [0, factor, shift[1]]])
    size = (CROP_SIZE, CROP_SIZE)
    if factor < 0.45:  # reduce in two steps, or fine structure turns to noise
        small = cv2.resize(image, None, fx=2 * factor, fy=2 * factor, interpolation=cv2.INTER_AREA)
        return crop_frame(np.asarray(small, np.uint8), np.asarray(crop), scale=scale * small.shape[1] / image.shape[1])
    return np.asarray(
        cv2.warpAffine(image, matrix, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE), np.uint8
    )
