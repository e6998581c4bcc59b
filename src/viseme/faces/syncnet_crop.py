"""Faces as SyncNet sees them: the published square around a box, smoothed over time, grey where the frame ends.

Knows boxes and images of tracks; refuses to know networks.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from scipy.signal import medfilt

from viseme.faces.crops import crop_again
from viseme.faces.interface import FaceImages

__all__ = ["MEDIAN_FRAMES", "SYNCNET_PX", "syncnet_frame", "syncnet_frames", "syncnet_square", "syncnet_squares"]

SYNCNET_PX = 224
"""Side of a crop, pixels."""
OUTSIDE = 110
"""Grey of what lies outside the frame."""
MEDIAN_FRAMES = 13


def syncnet_square(box: NDArray[np.floating]) -> tuple[float, float, float]:
    """Centre and side of the square that SyncNet sees of a face's box (xyxy).

    Source:
        joonson/syncnet_python with crop scale .4: 1.4 half-sides to the left and right of the box's centre, one above
        it and 1.8 below.

    Example:
        >>> syncnet_square(np.array([10.0, 20.0, 30.0, 40.0]))
        (20.0, 34.0, 28.0)
    """
    x0, y0, x1, y1 = (float(v) for v in box)
    half = max(x1 - x0, y1 - y0) / 2
    return (x0 + x1) / 2, (y0 + y1) / 2 + 0.4 * half, 2.8 * half


def syncnet_squares(boxes: NDArray[np.floating]) -> NDArray[np.float64]:
    """(T, 3) `syncnet_square` of every frame, centres and sides of the boxes smoothed by a median over 13 frames.

    Beyond either end zeros are counted, as the published program does: the first frame has the least of the first seven
    values. A face seen for fewer than 13 frames is not smoothed.

    Args:
        boxes: (T, 4) xyxy of one face, 25 a second, positive coordinates.
    """
    boxes = np.asarray(boxes, np.float64).reshape(-1, 4)
    half = np.maximum(boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1]) / 2
    values = [(boxes[:, 0] + boxes[:, 2]) / 2, (boxes[:, 1] + boxes[:, 3]) / 2, half]
    if len(boxes) >= MEDIAN_FRAMES:
        values = [medfilt(v, MEDIAN_FRAMES) for v in values]
    x, y, half = values
    return np.array([syncnet_square(b) for b in np.stack([x - half, y - half, x + half, y + half], 1)]).reshape(-1, 3)


def syncnet_frames(
    images: FaceImages, squares: NDArray[np.floating], *, width: int, height: int
) -> Iterator[NDArray[np.uint8]]:
    """(224, 224, 3) RGB of every frame, cut from larger crops of the face.

    Args:
        images: T crops with room around the face (`FacePatch`).
        squares: (T, 3) what is to be seen, source pixels, see `syncnet_squares`.
        width: Of the source frame, pixels.
        height: Of the source frame, pixels.
    """
    for row, square in enumerate(squares):
        yield syncnet_frame(images[row : row + 1][0], images.squares[row], square, width=width, height=height)


def syncnet_frame(
    image: NDArray[np.uint8],
    shown: NDArray[np.floating],
    square: NDArray[np.floating],
    *,
    width: float = np.inf,
    height: float = np.inf,
) -> NDArray[np.uint8]:
    """(224, 224, 3) RGB of one frame; see `syncnet_frames`.

    Args:
        image: (S, S, 3) larger crop of the face.
        shown: (3,) centre x, centre y, side of what it shows, source pixels.
        square: (3,) what is to be seen.
        width: Of the source frame, pixels; infinite = not known, and the edge of `image` is repeated instead.
        height: Of the source frame, pixels.
    """
    crop = crop_again(image, shown, square, size=SYNCNET_PX)
    along = (np.arange(SYNCNET_PX) + 0.5) / SYNCNET_PX * square[2] - square[2] / 2
    if np.isfinite([width, height]).all():
        crop[(along + square[1] < 0) | (along + square[1] > height)] = OUTSIDE
        crop[:, (along + square[0] < 0) | (along + square[0] > width)] = OUTSIDE
    return crop
