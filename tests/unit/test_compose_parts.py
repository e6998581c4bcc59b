"""What compositing is made of: bands, warp, regions, schedules, and the choice of a face."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from viseme.compose.blend import blended_change
from viseme.compose.draw import at_pixels
from viseme.compose.region import face_region
from viseme.compose.schedule import schedule
from viseme.compose.target import TargetFaces
from viseme.compose.warp import displacements, fade, read_at, spread
from viseme.core.errors import FaceError
from viseme.core.results import Reason, RejectedTrack
from viseme.face3d.head_pose import canonical_vertices
from viseme.faces import FaceTrackChunk
from viseme.faces.schemes import FACE_OVAL, LIPS, NOSE
from viseme.synthetic.landmarks import LandmarkSpec, synth_landmarks


def test_bands_add_up_to_the_whole_and_end_at_the_mask() -> None:
    difference = np.random.default_rng(0).normal(size=(37, 51, 3)).astype(np.float32)
    assert np.abs(blended_change(difference, np.ones((37, 51), np.float32)) - difference).max() < 1e-5
    mask = np.zeros((37, 51), np.float32)
    mask[10:20, 10:30] = 1
    change = blended_change(difference, mask)
    assert not change[mask == 0].any()
    assert (blended_change(difference, mask, levels=1) == difference * mask[..., None]).all()


def test_coarse_structure_passes_where_fine_structure_stays() -> None:
    y, x = np.mgrid[0:32, 0:32]
    fine = np.float32((x + y) % 2 - 0.5)[..., None]
    whole, none = np.ones((32, 32), np.float32), np.zeros((32, 32), np.float32)
    assert np.abs(blended_change(fine, whole, none)[4:-4, 4:-4]).max() < 0.01
    assert np.abs(blended_change(fine * 0 + 1, whole, none)[4:-4, 4:-4] - 1).max() < 0.01


def test_a_warp_goes_through_its_points_and_ends() -> None:
    points = np.array([[10.0, 10], [30, 12], [50, 10], [30, 40]])
    shifts = np.array([[0.0, 2], [0, 3], [0, 2], [1, 0]])
    assert np.abs(displacements(points, points, shifts, reach=30) - shifts).max() < 0.02
    assert fade(np.array([[10.0, 12], [10, 90]]), points[:1], near=5, far=60).tolist() == [1, 0]
    far = displacements(np.array([[30.0, 200]]), points, shifts, reach=30)
    assert np.abs(far).max() < 6, "far from its points the field does not run away"


def test_coarse_fields_and_images_are_read_between_their_places() -> None:
    grid = np.mgrid[0:5, 0:6].astype(np.float32) * 4
    rows, columns = spread(grid, 4, 15, 19)
    assert (rows[:, 0].tolist(), columns[0].tolist()) == (list(range(15)), list(range(19)))
    image = np.float32(np.arange(12).reshape(3, 4, 1))
    at = read_at(image, np.float32([0, 1.5, 3, 9]), np.float32([0, 0.5, 2, 9]))
    assert at[:, 0].tolist() == [0, 3.5, 11, 11]


def test_a_mesh_is_drawn_without_gaps_and_the_nearest_is_seen() -> None:
    square = np.array([[0, 0, 0], [8, 0, 0], [8, 8, 0], [0, 8, 0], [0, 0, 5], [4, 0, 5], [0, 4, 5]], np.float32)
    triangles = np.array([[4, 5, 6], [0, 1, 2], [0, 2, 3]])
    tag = np.array([1, 1, 1, 1, 2, 2, 2], np.float32)
    values, covered = at_pixels(square, triangles, np.column_stack([square[:, :2], tag]), 8, 10)
    assert covered[:, :8].all()
    assert not covered[:, 8:].any()
    y, x = np.mgrid[0:8, 0:8] + 0.5
    assert np.abs(values[:, :8, 0] - x).max() < 1e-4
    assert (values[:, :8, 2] == np.where(x + y <= 4, 2, 1)).all()


def test_lips_and_chin_are_replaced_and_nose_and_outline_are_not() -> None:
    region = face_region(canonical_vertices())
    assert (region.mask[LIPS] == 1).all()
    assert region.mask[[199, 200, 18]].tolist() == [1, 1, 1]
    assert not region.mask[[*NOSE, *FACE_OVAL, 33, 263, 10]].any()
    assert region.geometry[152] == 1
    assert region.lips[[200, 205, 425]].max() == 0


@pytest.mark.parametrize(
    ("audio_s", "beyond", "kept", "added"),
    [
        (1.5, "hold", 5, [4, 4, 4]),
        (1.5, "ping-pong", 5, [3, 2, 3]),
        (1.5, "cut", 5, []),
        (0.5, "hold", 5, []),
        (0.5, "cut", 3, []),
        (0.01, "cut", 1, []),
    ],
)
def test_other_lengths(audio_s: float, beyond: str, kept: int, added: list[int]) -> None:
    plan = schedule(np.array([0.0, 0.2, 0.4, 0.6, 0.8]), audio_s, beyond, first=2)  # type: ignore[arg-type]
    assert (plan.num_kept, plan.added.tolist()) == (kept, added)
    assert plan.end >= Fraction(8, 10) or beyond == "cut"


class Tracks:
    """A tracker that has seen everything already."""

    def __init__(self, *events: FaceTrackChunk | RejectedTrack) -> None:
        self._events = events

    def track(self, frames, *, observers=()):
        for _ in frames:
            pass
        yield from self._events


class Frame:
    """A frame that nobody looks at."""

    def __init__(self, index: int) -> None:
        self.index, self.time, self.scale = index, Fraction(index, 10), 1.0
        self.image = np.zeros((2, 2, 3), np.uint8)


def chunk(
    track_id: int, first: int, num: int, left: float, width: float, shot: int = 0, who: int | None = None
) -> FaceTrackChunk:
    """A face that stands still, or a talking one of somebody."""
    points = np.full((num, 478, 3), track_id, np.float32)
    points[:, :, 0] += np.arange(first, first + num)[:, None]
    if who is not None:
        spec = LandmarkSpec(phonemes=(), times=np.arange(num) / 10, identity=who, seed=track_id)
        points = synth_landmarks(spec)[1]
    return FaceTrackChunk(
        track_id=track_id,
        shot=shot,
        times=np.arange(first, first + num) / 10,
        landmarks=points,
        boxes=np.tile(np.float32([left, 0, left + width, width]), (num, 1)),
        observed=np.ones(num, bool),
        confidence=np.ones(num, np.float32),
        last=True,
    )


def followed(*events: FaceTrackChunk | RejectedTrack) -> TargetFaces:
    faces = TargetFaces()
    faces.follow((Frame(i) for i in range(40)), Tracks(*events))  # type: ignore[arg-type]
    return faces


def test_the_largest_face_is_meant_and_is_found_again_after_a_gap() -> None:
    with followed(chunk(0, 0, 8, 10, 40), chunk(1, 0, 20, 90, 20), chunk(2, 11, 6, 12, 40)) as faces:
        chosen = faces.chosen(None)
        assert [(s.track_id, s.first, s.stop) for s in chosen] == [(0, 0, 8), (2, 11, 17)]
        assert faces.landmarks(chosen[1])[0, 0].tolist() == [13, 2, 2]
        assert "--face 1 from the left" in faces.notes[0]
        assert [s.track_id for s in faces.chosen(2)] == [1]
        with pytest.raises(FaceError, match="no face 3; the video shows 2 at a time"):
            faces.chosen(3)


def test_two_faces_of_one_size_have_to_be_told_apart() -> None:
    with (
        followed(chunk(0, 0, 20, 10, 40), chunk(1, 0, 20, 90, 38)) as faces,
        pytest.raises(FaceError, match="say which one is meant, counted from the left: --face 1 to 2"),
    ):
        faces.chosen(None)


def test_shots_are_chosen_from_on_their_own() -> None:
    with followed(chunk(0, 0, 10, 10, 40), chunk(1, 10, 10, 90, 20, shot=1)) as faces:
        assert [s.track_id for s in faces.chosen(None)] == [0, 1]


def test_cuts_to_somebody_else_are_left_alone() -> None:
    shown = [chunk(0, 0, 8, 10, 40, 0, 3), chunk(1, 8, 8, 10, 40, 1, 8), chunk(2, 16, 12, 10, 30, 2, 3)]
    with followed(*shown, chunk(3, 28, 10, 10, 40, 3, 8), chunk(4, 28, 10, 70, 30, 3, 3)) as faces:
        assert [s.track_id for s in faces.chosen(None)] == [0, 2, 4]
        assert "8 frames show somebody else" in faces.notes[-1]
        assert [s.track_id for s in faces.chosen(1)] == [0, 1, 2, 3]


def test_no_face_is_said_with_its_reason() -> None:
    small = RejectedTrack(track_id=0, start=0, end=1, reason=Reason.FACE_TOO_SMALL, measured=20, limit=32, unit="px")
    with followed(small) as faces, pytest.raises(FaceError, match="too small to be dubbed"):
        faces.chosen(None)
