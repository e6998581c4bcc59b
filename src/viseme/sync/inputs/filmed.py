"""`raw`: the lower face as it was filmed. Knows crops; refuses to know models of faces."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from viseme.faces import FaceTrack

__all__ = ["IMAGE_SIZE", "REGION_PX", "Raw", "lower_face"]

IMAGE_SIZE = 48
"""Side of the images that networks see, pixels."""
REGION_PX = 96
"""Side of the part of the 224-pixel crop that becomes such an image."""
LEFT, TOP = 64, 100
"""Corner of that part: the mouth with nostrils and chin."""
BATCH = 256
"""Crops read at a time: 38 MB."""


def lower_face(images: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """(T, 224, 224, 3) crops -> (T, 3, 48, 48) mouth and chin, each pixel the mean of four."""
    part = images[:, TOP : TOP + REGION_PX, LEFT : LEFT + REGION_PX].astype(np.uint16)
    small = part.reshape(len(part), IMAGE_SIZE, 2, IMAGE_SIZE, 2, 3).sum((2, 4))
    return np.ascontiguousarray(((small + 2) // 4).astype(np.uint8).transpose(0, 3, 1, 2))


class Raw:
    """The lower face as it was filmed."""

    shape = (3, IMAGE_SIZE, IMAGE_SIZE)
    dtype = np.uint8
    needs_pixels = True

    def of_track(self, track: FaceTrack) -> NDArray[np.uint8]:
        """(T, 3, 48, 48).

        Raises:
            ValueError: the track comes without images.
        """
        if track.images is None:
            raise ValueError("raw input needs the images of the track; record them with CropRecorder")
        num = len(track.times)
        parts = [lower_face(track.images[slice(at, min(at + BATCH, num))]) for at in range(0, num, BATCH)]
        return np.concatenate(parts)
