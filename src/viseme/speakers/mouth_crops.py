"""Grey mouths as the published networks see them: the crop that `CropRecorder` keeps for them, 12.5 kB a frame.

Knows boxes and frames; refuses to know networks.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from viseme.faces.geometry import face_boxes
from viseme.faces.syncnet_crop import syncnet_square

__all__ = ["CROP_PX", "GreyMouth", "mouth_square"]

CROP_PX = 112
"""Side of a crop."""
OUTSIDE = 110
"""Grey of what lies outside the frame, as in the published crops."""


def mouth_square(box: NDArray[np.floating]) -> tuple[float, float, float]:
    """Centre and side of the square that the published networks see of a face's box (xyxy).

    Source:
        Light-ASD cuts SyncNet's square, scales it to 224 and keeps the middle 112: half of its side.
    """
    x, y, side = syncnet_square(box)
    return x, y, side / 2


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
