"""A generated crop is put back where it was cut out, under the mesh's mask, in the frame's brightness."""

from __future__ import annotations

from fractions import Fraction

import av
import numpy as np

from viseme.compose.crops import CropComposer
from viseme.face3d.head_pose import canonical_vertices
from viseme.faces.schemes import EYE_CORNERS
from viseme.faces.tight_squares import tight_squares
from viseme.media.planes import FramePlanes


def frame(size: int = 200) -> FramePlanes:
    """A plain grey one."""
    picture = av.VideoFrame.from_ndarray(np.full((size, size, 3), 120, np.uint8), format="rgb24")
    planes = FramePlanes(picture.reformat(format="yuv444p"), index=0, time=Fraction(0), aspect=Fraction(1))
    planes.make_writable()
    return planes


def face(size: int = 200) -> np.ndarray:
    """(468, 3) in the middle of it."""
    points = np.array(canonical_vertices()) * [55, -55, -55]
    return points + np.array([size / 2, size / 2, 0])


def test_a_crop_goes_back_to_its_place() -> None:
    planes, landmarks = frame(), face()
    square = tight_squares(landmarks[None])[0]
    before = planes.rgb((0, 0, 200, 200)).copy()
    seen = []

    def paint(crop: np.ndarray) -> np.ndarray:
        seen.append(crop)
        made = crop.astype(np.float32) / 255
        made[60:, :, 0] = 1.0  # red below the nose
        return made

    box = CropComposer(96, blend="alpha").compose(planes, landmarks, square, paint)
    assert box is not None
    assert seen[0].shape == (96, 96, 3)
    change = np.abs(planes.rgb((0, 0, 200, 200)) - before).max(-1)
    mouth = landmarks[[13, 14], :2].mean(0).astype(int)
    assert change[mouth[1], mouth[0]] > 0.1
    outside = np.ones(change.shape, bool)
    outside[box[1] : box[3], box[0] : box[2]] = False
    assert change[outside].max() == 0, "bit for bit"
    assert change[: int(landmarks[EYE_CORNERS, 1].max())].max() == 0, "the upper half stays"


def test_a_crop_that_is_merely_darker_changes_nothing_much() -> None:
    planes, landmarks = frame(), face()
    before = planes.rgb((0, 0, 200, 200)).copy()
    composer = CropComposer(96, blend="alpha")
    composer.compose(planes, landmarks, tight_squares(landmarks[None])[0], lambda crop: crop.astype(np.float32) / 280)
    assert np.abs(planes.rgb((0, 0, 200, 200)) - before).max() < 0.02


def test_a_face_outside_the_frame_is_left_out() -> None:
    landmarks = face() + np.array([1000, 0, 0])
    square = tight_squares(landmarks[None])[0]
    assert CropComposer(96).compose(frame(), landmarks, square, lambda crop: crop / np.float32(255)) is None
