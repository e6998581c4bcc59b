"""Grey mouths as the published networks see them: the crop that `CropRecorder` keeps for them, 12.5 kB a frame.

Knows boxes and frames; refuses to know networks.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from viseme.faces.geometry import face_boxes

__all__ = ["CROP_PX", "GreyMouth", "mouth_square"]

CROP_PX = 112
"""Side of a crop."""
OUTSIDE = 110
"""Grey of what lies outside the frame, as in the published crops."""


def mouth_square(box: NDArray[np.floating]) -> tuple[float, float, float]:
    """Centre and side of the square that the published networks see of a face's box (xyxy).

    Source:
        Light-ASD cuts a square of 2.8 half-sizes, .4 of one lower than the box, scales it to 224 and keeps the middle
        112: a square of 1.4 half-sizes.
    """
    x0, y0, x1, y1 = (float(v) for v in box)
    half = max(x1 - x0, y1 - y0) / 2
    return (x0 + x1) / 2, (y0 + y1) / 2 + 0.4 * half, 1.4 * half


class GreyMouth:
    """A `CropKind`: the mouth, 112 x 112 grey."""

    shape = (CROP_PX, CROP_PX)

    def square(self, landmarks: NDArray[np.floating]) -> NDArray[np.float64]:
        """See `mouth_square`."""
        return np.array(mouth_square(face_boxes(landmarks)))

    def cut(self, image: NDArray[np.uint8], square: NDArray[np.floating], scale: float) -> NDArray[np.uint8]:
        """The nearest pixels of the square."""
        x, y, side = (float(v) * scale for v in square)
        at = (np.arange(CROP_PX) + 0.5) / CROP_PX * side - side / 2
        columns, rows = np.floor(x + at).astype(int), np.floor(y + at).astype(int)
        height, width = image.shape[:2]
        inside = ((rows >= 0) & (rows < height))[:, None] & ((columns >= 0) & (columns < width))[None]
        picked = image[np.clip(rows, 0, height - 1)[:, None], np.clip(columns, 0, width - 1)[None]]
        grey = picked @ np.array([0.299, 0.587, 0.114], np.float32)
        return np.where(inside, grey, OUTSIDE).astype(np.uint8)
