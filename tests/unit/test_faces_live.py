"""The last seconds of drawn faces, frame by frame, against the chunks of the same pass."""

from __future__ import annotations

import numpy as np
import pytest
from test_faces_tracking import RATE, DrawnNets, Face, frames, run

from viseme.core.results import Reason
from viseme.faces import FaceTrackChunk
from viseme.faces.config import TrackingConfig
from viseme.faces.live import LiveFaces, reach_s
from viseme.faces.shots import with_cuts
from viseme.faces.tracking import LandmarkTracker


def moving(i: int) -> list[Face]:
    """One face that moves, and another from the 40th frame on."""
    first = Face(60 + 10 * np.sin(i / 5), 40)
    return [first] if i < 40 else [first, Face(130, 45)]


def live(script, window_s: float = 4.0) -> LiveFaces:
    return LiveFaces(LandmarkTracker(DrawnNets(script), TrackingConfig()), window_s)


def test_landmarks_become_those_of_the_whole_pass() -> None:
    """Whatever lies further back than `reach_s` is final, and is what a chunk would hold."""
    chunks = {c.track_id: c for c in run(moving, 80) if isinstance(c, FaceTrackChunk)}
    faces = live(moving)
    compared = 0
    for number, (frame, cut) in enumerate(with_cuts(frames(80))):
        faces.step(frame, cut)
        if number % 7:
            continue
        for face in faces.windows()[0]:
            chunk = chunks[face.track_id]
            final = face.times <= faces.now - reach_s(TrackingConfig())
            at = np.searchsorted(chunk.times, face.times[final])
            assert face.landmarks[final] == pytest.approx(chunk.landmarks[at], abs=1e-3)
            assert face.boxes[final] == pytest.approx(chunk.boxes[at], abs=1e-3)
            compared += int(final.sum())
    assert compared > 300


def test_a_gap_is_filled_when_the_face_is_seen_again() -> None:
    faces = live(lambda i: [] if 20 <= i < 23 else [Face(80, 40)])
    for frame, cut in with_cuts(frames(40)):
        faces.step(frame, cut)
    (face,) = faces.windows()[0]
    assert face.observed.sum() == 37
    assert not face.observed[20:23].any()
    assert np.diff(face.times) == pytest.approx(np.full(39, 1 / RATE))


def test_only_the_window_is_kept_however_long_a_face_stays() -> None:
    faces = live(lambda i: [Face(80, 40)], window_s=2.0)
    sizes = set()
    for frame, cut in with_cuts(frames(400)):
        faces.step(frame, cut)
        if frame.index >= 100:
            ((face,), refused) = faces.windows()
            sizes.add(len(face.times))
            assert refused == []
            assert face.track_id == 0
            (track,) = faces._run.tracks
            (smoothed,) = faces._smoothed.values()
            sizes |= {len(track.samples), len(smoothed._done) + 3}
            assert len(track.detections) <= 5
    assert max(sizes) <= 2 * RATE + 2


def test_a_face_that_left_stays_until_the_window_has_passed() -> None:
    faces = live(lambda i: [Face(80, 40)] if i < 50 else [], window_s=2.0)
    there = []
    for frame, cut in with_cuts(frames(150)):
        faces.step(frame, cut)
        there.append(len(faces.windows()[0]))
    assert set(there[11:95]) == {1}
    assert there[-1] == 0


def test_faces_that_cannot_be_used_come_with_a_reason() -> None:
    faces = live(lambda i: [Face(80, 40, size=20)])
    for frame, cut in with_cuts(frames(40)):
        faces.step(frame, cut)
    good, refused = faces.windows()
    assert good == []
    assert [r.reason for r in refused] == [Reason.FACE_TOO_SMALL]
    faces.end()
    assert [r.reason for r in faces.windows()[1]] == [Reason.FACE_TOO_SMALL]


def test_the_end_finishes_every_face() -> None:
    faces = live(moving)
    for frame, cut in with_cuts(frames(80)):
        faces.step(frame, cut)
    before = [f.times[-1] for f in faces.windows()[0]]
    faces.end()
    assert [f.times[-1] for f in faces.windows()[0]] == before
