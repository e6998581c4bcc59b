"""Tracking with drawn faces: nets that read the faces of a frame from a script instead of seeing them."""

from __future__ import annotations

import itertools
import subprocess
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np
import pytest

from viseme.core.errors import ConfigError
from viseme.core.results import Reason, RejectedTrack
from viseme.faces import FaceTrackChunk, head_angles
from viseme.faces.config import TrackingConfig
from viseme.faces.crop_recorder import CropRecorder
from viseme.faces.crops import crop_squares
from viseme.faces.schemes import RIGID, RIGID_SHAPE
from viseme.faces.thumbnails import FaceThumbnails
from viseme.faces.tracking import LandmarkTracker

RATE = 25


@dataclass(frozen=True)
class Frame:
    index: int
    time: Fraction
    image: np.ndarray
    scale: float = 1.0


@dataclass(frozen=True)
class Face:
    """A face of the script; `x`, `y` its middle and `size` its height, pixels."""

    x: float
    y: float
    size: float = 60.0
    yaw: float = 0.0
    detection: float = 0.9
    presence: float = 0.95
    turn: int = 0
    """Quarters counter-clockwise by which the frame must be turned for it to be upright."""


Script = Callable[[int], list[Face]]
_SHAPE = np.random.default_rng(0).uniform((-1.1, -2.3, -0.4), (1.1, 0.5, 0.4), (478, 3))
_SHAPE[RIGID] = RIGID_SHAPE
_SHAPE[152] = (0, -2.4, 0)


def landmarks(face: Face) -> np.ndarray:
    c, s = np.cos(face.yaw), np.sin(face.yaw)
    turned = _SHAPE @ np.array([[c, 0, s], [0, 1, 0], [-s, 0, c]]).T - (0, -0.9, 0)
    points = turned * face.size / 2.96 * (1, -1, -1) + (face.x, face.y, 0)
    return points.astype(np.float32)


def turned_place(face: Face, turn: int) -> dict[str, float]:
    """Where a face lies in a frame of 160 x 90 pixels that was turned counter-clockwise by quarters."""
    x, y = {1: (face.y, 160 - face.x), 2: (160 - face.x, 90 - face.y), 3: (90 - face.y, face.x)}[turn]
    return {"x": x, "y": y}


class DrawnNets:
    """`FaceNets` over a script; the frame's number is written into its corner."""

    def __init__(self, script: Script) -> None:
        self.script = script
        self.num_detect = 0

    def faces(self, image: np.ndarray) -> list[Face]:
        return self.script(int(image[0, 0, 0]) * 256 + int(image[0, 0, 1]))

    def detect(self, image):
        self.num_detect += 1
        boxes = []
        turn = int(image[0, 0, 2]) if image[0, 0, 2] < 4 else 0  # a tile has no number
        for face in self.faces(image):
            if turn:
                face = replace(face, **turned_place(face, turn))
            if face.detection > 0 and face.turn == turn:
                half = face.size * 0.45
                boxes.append((face.x - half, face.y - half, face.x + half, face.y + half, face.detection))
        return np.array(boxes, np.float32).reshape(-1, 5)

    def landmarks(self, image, rois):
        points, scores = np.zeros((len(rois), 478, 3), np.float32), np.zeros(len(rois), np.float32)
        for i, (x, y, side, _) in enumerate(rois):
            near = [f for f in self.faces(image) if max(abs(f.x - x), abs(f.y - y)) < side / 3]
            if near:
                face = min(near, key=lambda f: abs(f.x - x) + abs(f.y - y))
                points[i], scores[i] = landmarks(face), face.presence
        return points, scores


def frames(num: int, *, scene: Callable[[int], int] = lambda i: 0, times: Iterable[float] | None = None):
    """Frames of a static scene, a new one whenever `scene` changes."""
    moments = list(times) if times is not None else [i / RATE for i in range(num)]
    for i, moment in enumerate(moments):
        image = np.random.default_rng(scene(i)).integers(0, 255, (9, 16, 3), dtype=np.uint8).repeat(10, 0).repeat(10, 1)
        for turn, corner in enumerate([(0, 0), (0, -1), (-1, -1), (-1, 0)]):  # the first one of the turned frame
            image[corner] = (*divmod(i, 256), turn)
        yield Frame(i, Fraction(moment).limit_denominator(10**6), image)


def run(script: Script, num: int = 50, *, observers=(), scene=lambda i: 0, times=None, **config):
    tracker = LandmarkTracker(DrawnNets(script), TrackingConfig(**config))
    return list(tracker.track(frames(num, scene=scene, times=times), observers=observers))


def one(events: list) -> FaceTrackChunk:
    (chunk,) = events
    assert isinstance(chunk, FaceTrackChunk), chunk
    return chunk


def test_one_still_face_is_one_track():
    chunk = one(run(lambda i: [Face(80, 40)]))
    assert (chunk.track_id, chunk.shot, chunk.last) == (0, 0, True)
    assert chunk.times.tolist() == pytest.approx([i / RATE for i in range(50)])
    assert chunk.observed.all()
    assert np.allclose(chunk.landmarks, landmarks(Face(80, 40)), atol=0.01)
    assert chunk.confidence == pytest.approx(np.full(50, 0.95))


def test_landmarks_are_in_source_pixels():
    half = (Frame(p.index, p.time, p.image, 0.5) for p in frames(20))
    tracker = LandmarkTracker(DrawnNets(lambda i: [Face(80, 40)]), TrackingConfig())
    chunk = one(list(tracker.track(half)))
    assert np.allclose(chunk.landmarks, 2 * landmarks(Face(80, 40)), atol=0.02)


def test_the_detector_runs_on_keyframes_only():
    nets = DrawnNets(lambda i: [Face(80, 40)])
    list(LandmarkTracker(nets, TrackingConfig()).track(frames(101)))
    assert nets.num_detect == 11


def test_no_frames_and_no_faces_give_nothing():
    assert run(lambda i: [], num=0) == []
    assert run(lambda i: []) == []


@pytest.mark.parametrize("chunk_s", [1.0, 1.7, 30.0])
def test_chunks_join_without_seam(chunk_s):
    def swaying(i: int) -> list[Face]:
        return [Face(80 + 6 * np.sin(i / 3), 40)]

    chunks = run(swaying, 150, chunk_s=chunk_s)
    whole = one(run(swaying, 150))
    assert all(c.end - c.start <= chunk_s for c in chunks)
    assert [c.last for c in chunks] == [False] * (len(chunks) - 1) + [True]
    assert {c.track_id for c in chunks} == {0}
    assert np.array_equal(np.concatenate([c.times for c in chunks]), whole.times)
    assert np.allclose(np.concatenate([c.landmarks for c in chunks]), whole.landmarks, atol=1e-3)


def test_chunks_come_while_frames_come():
    tracker = LandmarkTracker(DrawnNets(lambda i: [Face(80, 40)]), TrackingConfig(chunk_s=1.0))
    taken = []
    source = (taken.append(p.index) or p for p in frames(200))
    first = next(iter(tracker.track(source)))
    assert isinstance(first, FaceTrackChunk)
    assert len(taken) < 40


def test_a_short_gap_is_filled_by_a_line_and_marked():
    def script(i: int) -> list[Face]:
        return [] if 20 <= i < 24 else [Face(80 + i / 5, 40)]

    chunk = one(run(script))
    assert np.flatnonzero(~chunk.observed).tolist() == [20, 21, 22, 23]
    middle = chunk.landmarks.mean(axis=1)[:, 0]
    assert np.allclose(np.diff(middle), 0.2, atol=0.01)


def test_a_long_gap_ends_the_track():
    first, second = run(lambda i: [] if 20 <= i < 26 else [Face(80, 40)])
    assert (first.track_id, second.track_id) == (0, 1)
    assert first.end == pytest.approx(19 / RATE)
    assert second.start == pytest.approx(26 / RATE, abs=0.09)
    assert all(c.observed.all() for c in (first, second)), "no invented frames at the ends"


def test_gaps_are_measured_in_seconds_not_frames():
    def times(rate: float) -> list[float]:
        return [i / rate for i in range(int(3 * rate))]

    assert len(run(lambda i: [] if 20 <= i < 26 else [Face(80, 40)], times=times(50))) == 1
    uneven = np.cumsum(np.tile([0.02, 0.06], 30)).tolist()
    chunk = one(run(lambda i: [] if i == 20 else [Face(80, 40)], times=uneven))
    assert chunk.times == pytest.approx(np.array(uneven))


@pytest.mark.parametrize("gap", [0.3, 3.0, 5.0, 40.0, 36_000.0])
def test_no_track_crosses_a_gap_between_frames(gap):
    """The face is where it was: only the clock tells that nothing is known of the time between."""
    times = [i / RATE for i in range(25)]
    first, second = run(lambda i: [Face(80, 40)], times=[*times, *(1 + gap + t for t in times)])
    assert (first.track_id, second.track_id) == (0, 1)
    assert (first.last, second.last) == (True, True)
    assert first.end == pytest.approx(24 / RATE)
    assert second.start == pytest.approx(1 + gap)


@pytest.mark.parametrize("rate", [0.01, 0.5, 1.0, 4.0])
def test_a_face_on_too_few_frames_is_one_line_that_says_so(rate):
    event = rejected(run(lambda i: [Face(80, 40), Face(20, 40, 30)], times=[i / rate for i in range(40)]))
    assert event.reason is Reason.TOO_FEW_FRAMES
    assert (event.measured, event.limit, event.unit) == (pytest.approx(rate), 5.0, "frames a second")
    assert (event.start, event.end) == (0, pytest.approx(39 / rate))


def test_five_frames_a_second_are_followed():
    assert len(one(run(lambda i: [Face(80, 40)], times=[i / 5 for i in range(20)])).times) == 20


def test_numbers_of_faces_on_lone_frames_are_used_again():
    times = [*(float(i) for i in range(10)), *(10 + i / RATE for i in range(25))]
    chunk, few = run(lambda i: [Face(80, 40)], times=times)
    assert isinstance(chunk, FaceTrackChunk)
    assert few.reason is Reason.TOO_FEW_FRAMES
    assert chunk.track_id != few.track_id
    assert {chunk.track_id, few.track_id} <= {0, 1}


def test_a_lone_frame_is_too_short():
    assert rejected(run(lambda i: [Face(80, 40)], num=1)).reason is Reason.TRACK_TOO_SHORT


@pytest.mark.parametrize("turn", [1, 2, 3])
def test_a_film_on_its_side_is_followed_as_it_is(turn):
    wrong = Face(60, 40, 60, detection=0.7)
    events = run(lambda i: [Face(60, 40, 60, detection=0.95, turn=turn), replace(wrong, detection=0.7)], num=75)
    chunk = one(events)
    assert chunk.start == pytest.approx(0.4)
    assert chunk.end == pytest.approx(74 / RATE)
    middle = (chunk.boxes[:, 0] + chunk.boxes[:, 2]) / 2
    assert middle == pytest.approx(60, abs=1)


def test_a_film_that_is_upright_again_is_seen():
    faces = [Face(60, 40, 60, detection=0.95, turn=1)]
    events = run(lambda i: faces if i < 50 else [Face(100, 40, 60, detection=0.95)], num=150, scene=lambda i: i >= 50)
    assert [type(e) for e in events] == [FaceTrackChunk, FaceTrackChunk]
    assert events[1].end - events[1].start > 2.5


def test_other_turns_are_tried_on_few_keyframes():
    nets = DrawnNets(lambda i: [])
    list(LandmarkTracker(nets, TrackingConfig()).track(frames(1000)))
    assert nets.num_detect == 100 + 3 * 5


def test_no_track_crosses_a_cut():
    events = run(lambda i: [Face(80, 40)], scene=lambda i: i // 25)
    assert [(e.track_id, e.shot, len(e.times), e.last) for e in events] == [(0, 0, 25, True), (1, 1, 25, True)]


def test_two_faces_passing_keep_their_ids():
    def script(i: int) -> list[Face]:
        return [Face(30 + 2 * i, 25, 40), Face(130 - 2 * i, 65, 40)]

    a, b = run(script, min_face_px=5)
    assert {a.track_id, b.track_id} == {0, 1}
    for chunk in (a, b):
        steps = np.diff(chunk.landmarks.mean(axis=1)[:, 0])
        assert np.abs(steps).max() < 3, "no jump to the other face"
        assert len(set(np.sign(steps))) == 1


def test_tracks_that_come_to_lie_on_one_face_become_one():
    def script(i: int) -> list[Face]:
        return [Face(60, 40)] if i >= 25 else [Face(60, 40), Face(115, 40)]

    def sliding(i: int) -> list[Face]:
        return [Face(60, 40), Face(max(115 - 2 * i, 60), 40)]

    assert len(run(script)) == 2
    events = run(sliding, 100)
    ends = sorted(e.end for e in events if isinstance(e, FaceTrackChunk))
    assert ends[-1] == pytest.approx(99 / RATE)
    assert ends[0] < 1.6
    assert len(events) == 2


def test_a_jump_across_the_frame_is_another_track():
    events = run(lambda i: [Face(40 if i < 25 else 120, 40)])
    assert [e.track_id for e in events] == [0, 1]


def test_more_faces_than_followed_are_reported_with_the_size_they_needed():
    def script(i: int) -> list[Face]:
        return [Face(20 + 40 * k, 40, 20 + 4 * k) for k in range(4)]

    events = run(script, max_faces=3, min_face_px=5)
    (surplus,) = [e for e in events if isinstance(e, RejectedTrack)]
    assert surplus.reason is Reason.FACE_TOO_SMALL
    assert surplus.measured < surplus.limit
    assert "3 largest" in surplus.unit
    assert surplus.start == 0
    assert surplus.end > 1.5
    assert sum(isinstance(e, FaceTrackChunk) for e in events) == 3


def test_a_clearly_larger_face_takes_the_place_of_the_smallest():
    def script(i: int) -> list[Face]:
        return [Face(30, 40, 40)] + ([Face(110, 45, 70)] if i >= 25 else [])

    events = run(script, max_faces=1, min_face_px=5)
    kept = [e for e in events if isinstance(e, FaceTrackChunk)]
    assert [round(e.face_size_px) > 40 for e in kept] == [False, True]


def rejected(events: list) -> RejectedTrack:
    (event,) = events
    assert isinstance(event, RejectedTrack), event
    return event


def test_too_short():
    event = rejected(run(lambda i: [Face(80, 40)] if i < 6 else []))
    assert (event.reason, event.unit, event.limit) == (Reason.TRACK_TOO_SHORT, "s", 0.4)
    assert event.measured == pytest.approx(0.2)


def test_too_small():
    event = rejected(run(lambda i: [Face(80, 40, 25)]))
    assert (event.reason, event.unit, event.limit) == (Reason.FACE_TOO_SMALL, "px", 32)
    assert event.measured < 25


def test_profile():
    event = rejected(run(lambda i: [Face(80, 40, yaw=1.1)]))
    assert event.reason is Reason.OCCLUDED_OR_PROFILE
    assert event.measured == 1.0
    assert "46 degrees" in event.unit
    assert head_angles(landmarks(Face(80, 40, yaw=1.1))[None])[0, 1] == pytest.approx(1.1, abs=1e-3)


def test_mostly_hidden():
    event = rejected(run(lambda i: [Face(80, 40)] if i % 4 == 0 else []))
    assert event.reason is Reason.OCCLUDED_OR_PROFILE
    assert event.measured < event.limit
    assert event.unit == "fraction of frames with a face"


def test_a_thing_the_detector_does_not_confirm_is_no_face():
    event = rejected(run(lambda i: [Face(80, 40, detection=0.55 if i == 0 else 0.0)]))
    assert event.reason is Reason.NO_FACE
    assert event.measured < 0.2


@pytest.mark.parametrize(
    ("face", "measured", "unit"),
    [
        (Face(80, 40, detection=0.4), 0.4, "detector score"),
        (Face(80, 40, presence=0.1), 0.1, "landmark score"),
    ],
)
def test_a_shot_with_only_a_doubtful_face_says_so(face, measured, unit):
    event = rejected(run(lambda i: [face]))
    assert event.reason is Reason.NO_FACE
    assert event.measured == pytest.approx(measured)
    assert (event.limit, event.unit) == (0.5, unit)
    assert (event.start, event.end) == (0, pytest.approx(49 / RATE))


def test_a_face_that_turns_away_for_long_ends_with_a_reason_and_returns_under_a_new_id():
    def script(i: int) -> list[Face]:
        return [Face(80, 40, yaw=1.1 if 100 <= i < 225 else 0.0)]

    events = run(script, 350, chunk_s=2.0)
    kinds = [(type(e).__name__, e.track_id) for e in events]
    assert kinds == [
        *[("FaceTrackChunk", 0)] * 2,
        ("RejectedTrack", 0),
        *[("FaceTrackChunk", 1)] * (len(kinds) - 3),
    ]
    assert events[-1].last
    assert not events[0].last
    away = events[2]
    assert away.measured > 0.8
    assert away.end - away.start > 4
    assert all(a.end < b.start for a, b in itertools.pairwise(events)), "no time is told twice"


def test_a_face_turned_away_for_ever_is_one_line_not_many():
    event = rejected(run(lambda i: [Face(80, 40, yaw=1.1)], 400, chunk_s=2.0))
    assert (event.start, event.end) == (0, pytest.approx(399 / RATE))


def test_memory_does_not_grow_with_length():
    nets = DrawnNets(lambda i: [Face(80, 40)])
    tracker = LandmarkTracker(nets, TrackingConfig(chunk_s=1.0))
    longest = max(len(e.times) for e in tracker.track(frames(1000)) if isinstance(e, FaceTrackChunk))
    assert longest <= RATE + 1


def test_thumbnails_hold_each_face():
    thumbnails = FaceThumbnails(num_images=4, size=16)
    run(lambda i: [Face(40, 40), Face(120, 40)], observers=[thumbnails])
    assert [s.track_id for s in thumbnails] == [0, 1]
    assert all(s.images.shape[1:] == (16, 16, 3) and s.images.any() for s in thumbnails)


def test_frames_out_of_order_are_refused():
    with pytest.raises(ValueError, match="order of time"):
        run(lambda i: [], times=[0.0, 0.04, 0.04])


@pytest.mark.parametrize(
    "wrong", [{"max_faces": 0}, {"min_detection": 1.2}, {"chunk_s": 0}, {"chunk_s": 0.1}, {"max_gap_s": -1}]
)
def test_configs_out_of_range_are_refused(wrong):
    with pytest.raises(ConfigError, match=next(iter(wrong))):
        TrackingConfig(**wrong)


def test_importing_the_room_loads_no_nets():
    code = (
        "import sys, viseme.faces, viseme.faces.tracking; sys.exit('mediapipe' in sys.modules or 'cv2' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_observers_are_told_of_every_frame_of_a_face_and_of_gaps_where_it_was_last():
    told = []

    class Observer:
        def renamed(self, track_id, new_id, start):
            raise AssertionError("nothing was rejected")

        def see(self, track_id, time, image, scale, landmarks, *, observed):
            told.append((track_id, round(time * RATE), bool(observed), float(landmarks[:, 0].mean()), image.shape))

    gone = (20, 21)
    events = run(lambda i: [] if i in gone else [Face(40 + i / 10, 40)], observers=[Observer()])
    (chunk,) = [e for e in events if isinstance(e, FaceTrackChunk)]
    assert [number for _, number, *_ in told] == list(range(50))
    assert [number for _, number, observed, *_ in told if not observed] == list(gone)
    assert told[20][3] == told[21][3] == told[19][3]
    assert {shape for *_, shape in told} == {(90, 160, 3)}
    assert len(chunk.times) == len(told), "every frame of a chunk has been told of"


@pytest.mark.parametrize("turned_until", [60, 110])
def test_crops_of_a_face_that_becomes_usable_are_those_of_its_new_id(turned_until):
    """Frames are told of before anybody knows that the face will go on under another id."""

    def script(i):
        return [Face(40 + i / 10, 40, yaw=1.1 if i < turned_until else 0.0)]

    with CropRecorder() as recorder:
        events = []
        tracker = LandmarkTracker(DrawnNets(script), TrackingConfig(chunk_s=2.0))
        for event in tracker.track(frames(250), observers=[recorder]):
            events.append(event)
            if isinstance(event, RejectedTrack):
                recorder.forget(event.track_id)
                continue
            images = recorder.images(event.track_id, event.times)
            expected = crop_squares(np.stack([landmarks(script(round(t * RATE))[0]) for t in event.times]))
            np.testing.assert_allclose(images.squares, expected, atol=0.05)
    first, *good = events
    assert first.reason is Reason.OCCLUDED_OR_PROFILE
    assert good
    assert first.track_id not in {chunk.track_id for chunk in good}
