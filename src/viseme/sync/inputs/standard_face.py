"""`rgb` and `rgbd`: the lower half of the standard face, drawn from the expression coefficients of a track.

Every person shows the same face from the front in the same light; what differs is lip motion. Knows coefficients and
how they are drawn; refuses to know pixels of the video.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from viseme.faces import FaceTrack
from viseme.faces.crops import CROP_SIZE
from viseme.standardization.interface import Coefficients
from viseme.standardization.synthesis import StandardFace, rendered_frames
from viseme.sync.inputs.coefficients import observation_of, track_coefficients
from viseme.sync.inputs.filmed import IMAGE_SIZE, REGION_PX

__all__ = ["Rgb", "Rgbd", "standard_lower_face"]

LEFT, TOP = 64, 118
"""Corner of the part of the 224-pixel standard face that networks see: the mouth with nostrils and chin."""


@lru_cache(maxsize=1)
def _face() -> StandardFace:
    return StandardFace(StandardFace.Config(size=CROP_SIZE * IMAGE_SIZE // REGION_PX))


def standard_lower_face(coefficients: Coefficients) -> NDArray[np.uint8]:
    """RGB and depth of the standard face's mouth and chin.

    Args:
        coefficients: Of T frames.

    Returns:
        (T, 4, 48, 48); depth over the range of the stretch given. A frame that is not valid is black.
    """
    face = _face()
    scale = face.depth_range(coefficients.beta[coefficients.valid])
    drawn = rendered_frames(face, coefficients, scale, slice(None))
    x, y = (v * IMAGE_SIZE // REGION_PX for v in (LEFT, TOP))
    return np.ascontiguousarray(drawn[:, :, y : y + IMAGE_SIZE, x : x + IMAGE_SIZE])


class Rgbd:
    """The standard face with the track's expression, and its depth."""

    shape = (4, IMAGE_SIZE, IMAGE_SIZE)
    dtype = np.uint8
    needs_pixels = False

    def of_track(self, track: FaceTrack) -> NDArray[np.uint8]:
        """(T, 4, 48, 48): the face model is fitted to the track's landmarks and drawn."""
        return standard_lower_face(track_coefficients(observation_of(track)))


class Rgb:
    """The standard face with the track's expression, without depth."""

    shape = (3, IMAGE_SIZE, IMAGE_SIZE)
    dtype = np.uint8
    needs_pixels = False

    def of_track(self, track: FaceTrack) -> NDArray[np.uint8]:
        """(T, 3, 48, 48), as `Rgbd`."""
        return np.ascontiguousarray(Rgbd().of_track(track)[:, :3])
