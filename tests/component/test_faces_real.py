"""Tracking on the real clips beside the checkout: who is found, who is refused, what pose and size do to the lips."""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction
from functools import lru_cache
from pathlib import Path

import numpy as np
import pytest
from scipy import ndimage

from viseme.core.results import Reason, RejectedTrack
from viseme.faces import FaceThumbnails, FaceTrackChunk, face_width, lip_opening
from viseme.faces.mediapipe import MediaPipeTracker
from viseme.faces.schemes import LIPS_OUTER, MIRROR
from viseme.faces.shots import with_cuts
from viseme.media import read_frames

DATA = Path(__file__).resolve().parents[2].parent / "shared" / "data"
pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(not DATA.is_dir(), reason=f"the real clips are not beside the checkout ({DATA.name})"),
]
GRID = "grid_misc/brbk7n.mpg"


@dataclass(frozen=True)
class Frame:
    index: int
    time: Fraction
    image: np.ndarray
    scale: float = 1.0


@pytest.fixture(scope="module")
def run():
    tracker = MediaPipeTracker()
    return lambda source, **kw: list(tracker.track(source, **kw))


@lru_cache(maxsize=8)
def clip(name: str, num: int = 40, max_side: int = 640) -> list[Frame]:
    source = read_frames(DATA / name, max_side=max_side)
    return [Frame(p.index, p.time, p.image, p.scale) for p, _ in zip(source, range(num))]


def changed(source: list[Frame], change) -> list[Frame]:
    return [replace(p, image=np.ascontiguousarray(change(p.image)), scale=1.0) for p in source]


def accepted(events) -> list[FaceTrackChunk]:
    return [e for e in events if isinstance(e, FaceTrackChunk)]


@pytest.mark.parametrize(
    ("name", "faces"),
    [
        (GRID, 1),
        ("elospheres/02_T8_matrix0403.wav", 1),
        ("clearervoice/001.avi", 2),
        ("revise/Scenario_1_Clip_2_Two_People_Talking_Clearly_Heard.mp4", 1),
        ("revise_easycom/Session_4_01-00-293_000011_close.mp4", 1),
        ("pcavs_vox2/00015.mp4", 1),
    ],
)
def test_each_talker_is_one_track_seen_throughout(run, name, faces):
    source = clip(name)
    events = run(source)
    assert len(events) == faces, events
    for chunk in accepted(events):
        assert len(chunk.times) == len(source)
        assert chunk.observed.all()
        assert chunk.last


@pytest.mark.parametrize("number", range(12))
def test_a_mouth_alone_is_refused_with_a_reason(run, number):
    for event in run(clip(f"romanian_tedx/tedx_{number:02d}.mp4", 60)):
        assert isinstance(event, RejectedTrack)
        assert event.reason in (Reason.NO_FACE, Reason.TRACK_TOO_SHORT)


@pytest.mark.parametrize("name", ["mimictalk/German_20s.mp4", "revise_easycom/Session_4_01-00-293_000011_close.mp4"])
def test_one_shot_has_no_cut(name):
    assert not [p.index for p, cut in with_cuts(clip(name, 120)) if cut]


def test_no_track_crosses_a_cut(run):
    first, second = clip(GRID, 20), clip("elospheres/02_T8_matrix0403.wav", 20)
    height, width = first[0].image.shape[:2]
    second = changed(
        second, lambda image: ndimage.zoom(image, (height / image.shape[0], width / image.shape[1], 1), order=1)
    )
    joined = [Frame(i, Fraction(i, 25), p.image) for i, p in enumerate(first + second)]
    a, b = run(joined)
    assert (len(a.times), len(b.times)) == (20, 20)
    assert (a.shot, b.shot) == (0, 1)


@pytest.mark.slow
def test_the_lips_are_found_again_in_turned_smaller_and_shifted_frames(run):
    source = clip(GRID, 75)
    wanted = lip_opening(accepted(run(source))[0].landmarks)

    def opening(change) -> np.ndarray:
        return lip_opening(accepted(run(changed(source, change)))[0].landmarks)

    for degrees in (-15, 15):
        turned = opening(lambda image, d=degrees: ndimage.rotate(image, d, reshape=False, order=1))
        assert np.corrcoef(turned, wanted)[0, 1] > 0.97
    assert np.corrcoef(opening(lambda image: image[::2, ::2]), wanted)[0, 1] > 0.97
    assert np.corrcoef(opening(lambda image: image[20:, 30:]), wanted)[0, 1] > 0.97


def test_the_mirror_table_fits_a_mirrored_face(run):
    source = clip(GRID, 20)
    plain = accepted(run(source))[0].landmarks
    mirrored = accepted(run(changed(source, lambda image: image[:, ::-1])))[0].landmarks
    mirrored = mirrored * (-1, 1, 1) + (source[0].image.shape[1], 0, 0)
    error = np.linalg.norm((mirrored[:, MIRROR] - plain)[..., :2], axis=-1) / face_width(plain)[:, None]
    assert np.median(error) < 0.012
    shuffled = np.linalg.norm((mirrored - plain)[..., :2], axis=-1) / face_width(plain)[:, None]
    assert np.median(shuffled) > 0.2, "the table, not the symmetry of the face, makes them agree"


def test_the_lips_close_on_b(run):
    """ "bin red by k": the lips meet twice between wide openings."""
    opening = lip_opening(accepted(run(clip(GRID, 75)))[0].landmarks)
    assert opening.max() > 0.09
    assert opening[8:14].min() < 0.004
    assert opening[22:27].min() < 0.004


def test_a_syllable_in_full_hd_is_as_sharp_in_small_frames(run):
    large = accepted(run(clip("mcgurk_pl/0__ma_0__ma.mp4", 100, 1920)[70:]))[0]
    small = accepted(run(clip("mcgurk_pl/0__ma_0__ma.mp4", 100, 640)[70:]))[0]
    assert np.corrcoef(lip_opening(large.landmarks), lip_opening(small.landmarks))[0, 1] > 0.98
    assert lip_opening(large.landmarks).min() < 0.002
    assert large.face_size_px == pytest.approx(small.face_size_px, rel=0.03), "source pixels in both"


def test_black_frames_are_bridged_or_end_the_track(run):
    def with_gap(num: int) -> list[Frame]:
        return [
            replace(p, image=np.zeros_like(p.image)) if 15 <= i < 15 + num else p for i, p in enumerate(clip(GRID, 40))
        ]

    (bridged,) = run(with_gap(2))
    assert np.flatnonzero(~bridged.observed).tolist() == [15, 16]
    lips = np.abs(bridged.landmarks[15, LIPS_OUTER] - bridged.landmarks[14, LIPS_OUTER]).max()
    assert lips < 0.2 * face_width(bridged.landmarks[14])
    before, after = accepted(run(with_gap(12)))
    assert before.end < 0.6 < after.start


def test_ten_of_twelve_faces_are_followed_and_two_reported(run):
    names = sorted(str(p.relative_to(DATA)) for p in (DATA / "grid_s1").glob("b*.mkv"))[:12]
    tiles = [clip(name, 20) for name in names]
    thumbnails = FaceThumbnails(num_images=4, size=32)

    def wall(i: int) -> np.ndarray:
        """Four by three, two of the faces a third smaller."""
        rows = []
        for r in range(3):
            row = [tiles[4 * r + c][i].image for c in range(4)]
            if r == 2:
                small = [ndimage.zoom(t, (2 / 3, 2 / 3, 1), order=1) for t in row[2:]]
                row[2:] = [np.pad(t, ((48, 48), (60, 60), (0, 0))) for t in small]
            rows.append(np.concatenate(row, axis=1))
        return np.concatenate(rows, axis=0)[::2, ::2]

    source = [Frame(i, Fraction(i, 25), np.ascontiguousarray(wall(i)), 0.5) for i in range(20)]
    events = run(source, observers=[thumbnails])
    assert len(accepted(events)) == 10
    refused = [e for e in events if isinstance(e, RejectedTrack)]
    assert [e.reason for e in refused] == [Reason.FACE_TOO_SMALL] * 2
    assert sorted(s.track_id for s in thumbnails) == sorted(c.track_id for c in accepted(events))
    middles = np.array([c.boxes[:, :2].mean(axis=0) for c in accepted(events)])
    distance = np.linalg.norm(middles[:, None] - middles[None], axis=-1) + 1e6 * np.eye(10)
    assert distance.min() > 200, "each on a face of its own"
