"""Which tracks are one person: made-up shapes, looks and voices, so that every answer is known."""

from __future__ import annotations

import time

import numpy as np
import pytest

from viseme.speakers.identity import log_odds, people, voices_of
from viseme.speakers.interface import FEATURES, AudioSteps, FaceSteps
from viseme.speakers.timeline import SPEAKING


def face(track_id: int, first: int, num: int = 50) -> FaceSteps:
    features, boxes = np.zeros((num, len(FEATURES)), np.float32), np.zeros((num, 4), np.float32)
    return FaceSteps(track_id=track_id, shot=0, first=first, features=features, boxes=boxes)


class Known:
    """Stands for `Appearance`: what was seen of each track."""

    def __init__(self, **seen: tuple[float, float]) -> None:
        self.seen = seen

    def describe(self, track_id: int):
        shape, look = self.seen[f"t{track_id}"]
        return np.full(9, shape), np.full(9, look)


def voice(level: float) -> np.ndarray:
    return level * np.linspace(-1, 1, 40)


def names(*faces: FaceSteps, looks: Known, voices=None) -> list[int]:
    found = people(faces, looks, voices or [None] * len(faces))  # type: ignore[arg-type]
    return [found[f.track_id].person for f in faces]


def test_alike_faces_on_both_sides_of_a_cut_are_one_person():
    looks = Known(t0=(0.0, 0.0), t1=(0.3, 1.0), t2=(0.005, 0.02))
    assert names(face(0, 0), face(1, 0), face(2, 60), looks=looks) == [0, 1, 0]


def test_two_faces_seen_at_once_are_two_people_however_alike():
    assert names(face(0, 0), face(1, 10), looks=Known(t0=(0.0, 0.0), t1=(0.0, 0.0))) == [0, 1]


@pytest.mark.parametrize(("other", "same"), [(voice(6.0), True), (voice(25.0), False)])
def test_a_voice_decides_where_faces_leave_it_open(other, same):
    looks = Known(t0=(0.0, 0.0), t1=(0.04, 0.3))
    found = names(face(0, 0), face(1, 60), looks=looks, voices=[voice(6.0), other])
    assert (found[1] == 0) == same


def test_a_voice_cannot_outvote_a_face():
    assert log_odds(0.2, 1.0, 0.0) < 0 < log_odds(0.005, 0.02, 50.0)


def test_sureness_falls_with_distance():
    near, far = (
        people([face(0, 0), face(1, 60)], Known(t0=(0.0, 0.0), t1=(d, 0.1)), [None, None])[1].confidence  # type: ignore[arg-type]
        for d in (0.005, 0.04)
    )
    assert near > far > 0.5


def test_a_voice_is_taken_only_where_one_face_speaks_alone_and_long_enough():
    bands = np.concatenate([np.tile(voice(5.0), (60, 1)), np.tile(voice(-5.0), (60, 1))]) - 20
    heard = AudioSteps(first=0, voice=np.ones(120, np.float32), bands=bands)
    faces = [face(0, 0, 120), face(1, 40, 80)]
    states = [np.full(120, SPEAKING, np.int8), np.zeros(80, np.int8)]
    states[1][:40] = SPEAKING  # both speak from step 40 to 80
    first, second = voices_of(faces, states, heard)
    assert second is None
    assert first is not None
    share = 40 / 80  # of the steps at which the first speaks alone, as many lie in either half
    assert np.allclose(first, share * voice(5.0) + (1 - share) * voice(-5.0), atol=0.5)


def test_an_hour_of_cuts_takes_seconds():
    rng = np.random.default_rng(0)
    who = rng.integers(6, size=600)
    looks = Known(**{f"t{i}": (0.3 * w + rng.normal(0, 0.004), 2.0 * w) for i, w in enumerate(who)})
    faces = [face(i, 60 * i) for i in range(600)]
    began = time.process_time()
    found = people(faces, looks, [None] * 600)  # type: ignore[arg-type]
    assert time.process_time() - began < 20
    named = np.array([found[i].person for i in range(600)])
    assert all(len(set(named[who == w])) == 1 for w in range(6))
    assert len(set(named)) == 6


def test_tracks_of_which_nothing_was_seen_are_not_joined():
    class Nothing:
        def describe(self, track_id: int):
            return None, None

    found = people([face(0, 0), face(1, 60)], Nothing(), [None, None])  # type: ignore[arg-type]
    assert found[0].person != found[1].person
