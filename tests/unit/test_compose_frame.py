"""A face put into a frame: its own comes out as it was, another one's chin moves, and the rest is not touched."""

from __future__ import annotations

from fractions import Fraction

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from replay_face import ReplayFace
from viseme.compose.frame import FaceComposer
from viseme.face3d.head_pose import canonical_vertices, head_poses, metric
from viseme.media.planes import FramePlanes

WIDTH, HEIGHT = 240, 280
SCALE, MIDDLE = 90.0, np.array([120.0, 110.0, 0.0])


def landmarks(turn: float = 0.0) -> NDArray[np.float64]:
    """(468, 3) of the default face looking ahead, or turned by an angle about the vertical."""
    spin = np.array([[np.cos(turn), 0, np.sin(turn)], [0, 1, 0], [-np.sin(turn), 0, np.cos(turn)]])
    return canonical_vertices() @ spin.T * [SCALE, -SCALE, -SCALE] + MIDDLE


def planes_of(image: NDArray[np.uint8]) -> FramePlanes:
    """A frame of (H, W, 3) RGB."""
    frame = av.VideoFrame.from_ndarray(image, "rgb24").reformat(format="yuv444p")
    return FramePlanes(frame, index=0, time=Fraction(0), aspect=Fraction(1))


@pytest.fixture(scope="module")
def image() -> NDArray[np.uint8]:
    """Skin with soft spots all over, so that every move is seen."""
    random = np.random.default_rng(0)
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH]
    spots = sum(
        np.exp(-((x - u) ** 2 + (y - v) ** 2) / 60) for u, v in random.uniform(0, [WIDTH, HEIGHT], (90, 2)).tolist()
    )
    return np.clip(np.array([190, 140, 110]) - 45 * spots[..., None], 0, 255).astype(np.uint8)


def everything(planes: FramePlanes) -> NDArray[np.float32]:
    return planes.rgb((0, 0, WIDTH, HEIGHT))


def composed(
    image: NDArray[np.uint8], points: NDArray[np.float64], face: ReplayFace, vertices: NDArray[np.float64]
) -> tuple[NDArray[np.float32], NDArray[np.float32], tuple[int, int, int, int]]:
    """The frame before and after, and the box of the change."""
    planes = planes_of(image)
    before = everything(planes)
    pose = head_poses(metric(points[None]), face.reference)
    box = FaceComposer(face).compose(planes, points, pose, vertices, face.lips)
    assert box is not None
    return before, everything(planes), box


@pytest.mark.parametrize("turn", [0.0, 0.35])
def test_a_face_put_back_is_hardly_seen(image: NDArray[np.uint8], turn: float) -> None:
    points = landmarks(turn)
    face = ReplayFace(everything(planes_of(image)), points)
    before, after, _ = composed(image, points, face, face.reference)
    assert (before != after).any()
    error = (before - after)[140:210, 70:170]
    assert -10 * np.log10((error**2).mean()) > 42


def test_outside_its_box_every_bit_stays_and_inside_the_nose_does(image: NDArray[np.uint8]) -> None:
    points = landmarks()
    face = ReplayFace(everything(planes_of(image)), points)
    chin = face.reference.copy()
    chin[chin[:, 1] < face.reference[14, 1], 1] -= 0.12
    before, after, (x0, y0, x1, y1) = composed(image, points, face, chin)
    changed = (before != after).any(-1)
    inside = np.zeros_like(changed)
    inside[y0:y1, x0:x1] = True
    assert not changed[~inside].any()
    assert not changed[: int(points[195, 1])].any()
    for x, y in points[[4, 5], :2].astype(int).tolist():
        assert not changed[y - 2 : y + 1, x - 2 : x + 3].any()


def test_the_skin_below_moves_with_the_chin_and_stands_farther_down(image: NDArray[np.uint8]) -> None:
    points = landmarks()
    face = ReplayFace(everything(planes_of(image)), points)
    lower = face.reference.copy()
    lower[lower[:, 1] < face.reference[14, 1], 1] -= 0.06
    before, after, _ = composed(image, points, face, lower)
    chin_x, chin_y = (round(v) for v in points[152, :2])
    moved = round(0.06 * SCALE)
    patch = (slice(chin_y + 1, chin_y + 6), slice(chin_x - 8, chin_x + 9))
    below = (slice(chin_y + 1 + moved, chin_y + 6 + moved), patch[1])
    assert np.abs(after[below] - before[patch]).mean() < 0.5 * np.abs(after[below] - before[below]).mean()
    assert np.abs(before - after)[-1].max() < 0.05, "the border of the frame hardly moves"


def test_light_of_the_frame_wins(image: NDArray[np.uint8]) -> None:
    points = landmarks()
    face = ReplayFace(everything(planes_of(image)), points)
    face.reference_atlas = face.reference_atlas * np.linspace(0.5, 0.8, 256, dtype=np.float32)[:, None]
    before, after, _ = composed(image, points, face, face.reference)
    error = np.abs((before - after)[150:200, 90:150]).mean()
    assert error < 0.02, "the atlas is darker by a quarter to a half; the face must not be"


def test_a_face_outside_the_frame_is_left_alone(image: NDArray[np.uint8]) -> None:
    face = ReplayFace(everything(planes_of(image)), landmarks())
    away = landmarks() + np.array([0, 400, 0])
    planes = planes_of(image)
    before = everything(planes)
    pose = head_poses(metric(away[None]), face.reference)
    assert FaceComposer(face).compose(planes, away, pose, face.reference, face.lips) is None
    assert (everything(planes) == before).all()
