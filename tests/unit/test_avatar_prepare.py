"""From videos of a person to clips: what needs no video."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from viseme.avatar.person_videos import PersonVideos, one_person
from viseme.avatar.pieces import NUM_UNITS, unit_weights
from viseme.avatar.prepare import pieces_of, prepare_person
from viseme.avatar.reference_frame import find_reference
from viseme.core.errors import DataError
from viseme.core.results import Reason, RejectedTrack
from viseme.face3d.interface import load_face_model
from viseme.faces import FaceTrackChunk
from viseme.faces.blendshapes import ARKIT_NAMES


def chunk(track_id: int, start: float, seconds: float, width: float = 100) -> FaceTrackChunk:
    times = start + np.arange(round(25 * seconds)) / 25
    num = len(times)
    return FaceTrackChunk(
        track_id=track_id,
        shot=0,
        times=times,
        landmarks=np.zeros((num, 478, 3), np.float32),
        boxes=np.tile(np.array([0, 0, width, width], np.float32), (num, 1)),
        observed=np.ones(num, bool),
        confidence=np.ones(num, np.float32),
        last=True,
    )


def test_two_people_are_refused_and_small_faces_behind_are_not() -> None:
    with pytest.raises(DataError, match=r"a\.mp4 shows two people at 0:00:03\.000"):
        one_person("a.mp4", [chunk(0, 0, 9), chunk(1, 3, 4, 80)])
    alone = one_person("a.mp4", [chunk(0, 0, 9), chunk(1, 3, 4, 30), chunk(2, 10, 2)])
    assert len(alone.times) == 25 * 11
    assert (np.diff(alone.times) > 0).all()


@pytest.mark.parametrize(
    ("reason", "words"), [(Reason.OCCLUDED_OR_PROFILE, "from the side only"), (Reason.FACE_TOO_SMALL, "too small")]
)
def test_a_video_that_cannot_be_used_says_why(reason: Reason, words: str) -> None:
    other = RejectedTrack(track_id=0, start=0, end=1, reason=Reason.TRACK_TOO_SHORT, measured=0, limit=0, unit="s")
    longest = RejectedTrack(track_id=1, start=0, end=5, reason=reason, measured=0, limit=0, unit="px")
    with pytest.raises(DataError, match=words):
        one_person("a.mp4", [other, longest])
    with pytest.raises(DataError, match="shows no face"):
        one_person("a.mp4", [])


def test_missing_files_and_no_files_are_told(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"none\.mp4 cannot be read"):
        prepare_person([tmp_path / "none.mp4"], tmp_path)
    with pytest.raises(DataError, match="at least one video"):
        prepare_person([], tmp_path)
    assert PersonVideos((tmp_path / "a.mp4",)).clips[0].name.endswith("a.mp4")


def test_clips_are_short_and_end_where_the_face_is_gone() -> None:
    times = np.arange(1000) / 25
    observed = np.ones(1000, bool)
    observed[300:330] = False
    observed[700:705] = False  # a gap of 200 ms is none
    found = pieces_of(3, times, observed)
    assert [piece.rows.start for piece in found][:2] == [0, 330]
    assert found[0].rows.stop == 300
    assert found[-1].rows.stop == 1000
    assert max(piece.seconds for piece in found) <= 12.1
    assert {piece.video for piece in found} == {3}


def test_a_face_that_never_looks_ahead_gives_no_reference() -> None:
    with pytest.raises(DataError, match="no frame shows the face from the front"):
        find_reference([Path("a.mp4")], [(np.zeros(4), np.zeros((4, 478, 3), np.float32), np.zeros(4, bool))])


def test_weights_stand_where_the_face_model_names_them() -> None:
    told = np.arange(len(ARKIT_NAMES), dtype=np.float32)[None]
    found = dict(zip(load_face_model().expression_names[:NUM_UNITS], unit_weights(told)[0].tolist()))
    assert {name: found[name] for name in ARKIT_NAMES[1:]} == {n: float(i) for i, n in enumerate(ARKIT_NAMES) if i}
    assert found["tongueOut"] == 0
    assert len(found) == NUM_UNITS
