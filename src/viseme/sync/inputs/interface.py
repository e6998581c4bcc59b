"""What a sync model sees of a face: the seam, and the inputs behind it. Read this first.

An input turns a stretch of a face track into one array, a row a frame; everything else (resampling to 25 steps a
second, embedding, comparing) is the same for all. Inputs that need pixels read `FaceTrack.images`, which were recorded
while the tracker ran. Knows tracks; refuses to know networks, audio and files.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Literal, Protocol, get_args

import numpy as np
from numpy.typing import NDArray

from viseme.core.registry import Registry
from viseme.face3d.lips import LipMotion, lip_motion
from viseme.faces import FaceTrack

__all__ = ["INPUTS", "Input", "VisualInput", "motion_of", "visual_inputs"]

Input = Literal["raw", "rgb", "rgbd", "mesh", "beta", "landmarks"]
INPUTS: tuple[Input, ...] = get_args(Input)
"""Names of the inputs of this package, as the papers order them."""


class VisualInput(Protocol):
    """What one kind of sync model sees."""

    shape: tuple[int, ...]
    """Of one frame: (K, 3) points or (C, H, W) images."""
    dtype: Any
    """float32 for points, whose mean over time is removed later; uint8 for images."""
    needs_pixels: bool
    """Whether `of_track` reads `FaceTrack.images`."""

    def of_track(self, track: FaceTrack) -> NDArray[Any]:
        """What the model sees of every frame.

        Args:
            track: T frames of one face, T at least 2; with `images` where pixels are needed.

        Returns:
            (T, *shape) in `dtype`.
        """
        ...


@lru_cache(maxsize=2)  # a comparer asks for the motion of the track that its input has just seen, or is about to
def motion_of(track: FaceTrack) -> LipMotion:
    """`lip_motion` of a track, computed once."""
    return lip_motion(track.landmarks, track.times, np.asarray(track.observed, bool))


visual_inputs: Registry[type] = Registry(
    "visual_input",
    {
        "landmarks": "viseme.sync.inputs.points:Landmarks",
        "mesh": "viseme.sync.inputs.points:Mesh",
        "beta": "viseme.sync.inputs.coefficients:Beta",
        "rgb": "viseme.sync.inputs.standard_face:Rgb",
        "rgbd": "viseme.sync.inputs.standard_face:Rgbd",
        "raw": "viseme.sync.inputs.filmed:Raw",
    },
)
"""Name -> class of a `VisualInput`, made without arguments."""
