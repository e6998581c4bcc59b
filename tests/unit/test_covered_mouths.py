"""Frames in which something lies before the mouth are told from frames in which it moves."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from viseme.compose.covered_mouths import PATCH_SIDE, UsualMouth, mouth_patch, skin_around, smoothed_flags
from viseme.compose.target import TargetFaces
from viseme.face3d.head_pose import canonical_vertices
from viseme.faces import FaceTrackChunk

EYES_PX = 90


def _mouths(num: int = 400, seed: int = 0) -> tuple[np.random.Generator, np.ndarray]:
    """A skin of brightness 120 that changes in eight ways."""
    rng = np.random.default_rng(seed)
    basis = rng.normal(size=(8, PATCH_SIDE**2 * 3))
    patches = 120 + rng.normal(size=(num, 8)) @ basis * 2 + rng.normal(0, 1.5, (num, PATCH_SIDE**2 * 3))
    return rng, patches.reshape(num, PATCH_SIDE, PATCH_SIDE, 3)


def _covered(patches: np.ndarray) -> np.ndarray:
    usual = UsualMouth.of(patches)
    return np.zeros(len(patches), bool) if usual is None else usual.covered(patches)


@pytest.mark.parametrize("share", [0.05, 0.25])
def test_a_hand_that_stays_is_found_and_speech_is_not(share: float) -> None:
    rng, patches = _mouths()
    assert not _covered(patches).any()
    num = round(share * len(patches))
    patches[50 : 50 + num, 6:14, 1:9] = 85 + rng.normal(0, 1.5, (num, 8, 8, 3))
    found = _covered(patches)
    assert found[50 : 50 + num].all()
    assert found.sum() == num


def test_another_exposure_covers_nothing() -> None:
    _, patches = _mouths()
    patches[100:200] *= 0.6
    assert not _covered(patches).any()


def test_where_most_frames_differ_or_few_are_known_nothing_is_said() -> None:
    rng, patches = _mouths()
    patches[::2] += rng.normal(0, 60, patches[::2].shape)
    assert not _covered(patches).any()
    assert UsualMouth.of(patches[:50]) is None


def test_a_single_frame_does_not_count() -> None:
    frames = np.zeros(30, bool)
    frames[10] = True
    assert not smoothed_flags(frames).any()
    frames[10:14] = True
    assert np.flatnonzero(smoothed_flags(frames)).tolist() == list(range(8, 16))


def test_a_patch_follows_the_face() -> None:
    vertices = canonical_vertices()
    scale = EYES_PX / np.linalg.norm(vertices[33] - vertices[263])
    points = vertices * [scale, -scale, -scale] + [160, 120, 0]
    rng = np.random.default_rng(0)
    image = np.kron(rng.integers(0, 255, (30, 40, 3)), np.ones((8, 8, 1))).astype(np.uint8)
    patch = mouth_patch(image, points, 1.0)
    moved = mouth_patch(np.roll(image, (5, 9), (0, 1)), points + np.array([9, 5, 0]), 1.0)
    assert patch.shape == (PATCH_SIDE, PATCH_SIDE, 3)
    assert np.array_equal(patch, moved)
    half = mouth_patch(image, points * 2, 0.5)
    assert np.abs(half.astype(int) - patch).max() <= 1
    points[13] = np.nan
    assert not mouth_patch(image, points, 1.0).any()


def test_lips_that_move_in_a_patch_are_left_out() -> None:
    fixed, moving = skin_around(), skin_around((137, 201), 96, 12)
    assert fixed.shape == (PATCH_SIDE, PATCH_SIDE)
    assert 0 < (fixed == 0).sum() < (moving == 0).sum() < moving.size / 2


class Seen:
    """A tracker that shows one face in several shots, each under its light, and a hand in some frames."""

    def __init__(self, shots: list[np.ndarray], hands: set[int], chunk: int = 50) -> None:
        self.lights, self.hands, self.chunk = shots, hands, chunk

    def track(self, frames, *, observers=()):
        rng = np.random.default_rng(0)
        vertices = canonical_vertices()
        scale = EYES_PX / np.linalg.norm(vertices[33] - vertices[263])
        points = np.zeros((478, 3), np.float32)
        points[:468] = vertices * [scale, -scale, -scale] + [100, 100, 0]
        num, skin = 100, np.kron(rng.uniform(90, 150, (25, 25, 3)), np.ones((8, 8, 1)))
        noise = rng.normal(0, 1, (7, *skin.shape))
        times = [float(frame.time) for frame in frames]
        for shot, light in enumerate(self.lights):
            for number in range(shot * num, (shot + 1) * num):
                image = skin * light + noise[number % 7]
                if number in self.hands:
                    image[95:200] = 70
                shown = np.clip(image, 0, 255).astype(np.uint8)
                for observer in observers:
                    observer.see(10 + shot, times[number], shown, 1.0, points, observed=True)
            for observer in observers:
                observer.renamed(10 + shot, shot, times[shot * num])
            for first in range(shot * num, (shot + 1) * num, self.chunk):
                part = times[first : first + self.chunk]
                boxes = np.tile(np.array([50, 50, 150, 150], np.float32), (len(part), 1))
                yield FaceTrackChunk(
                    track_id=shot, shot=shot, times=np.array(part), landmarks=np.tile(points, (len(part), 1, 1)),
                    boxes=boxes, observed=np.ones(len(part), bool), confidence=np.ones(len(part), np.float32),
                    last=first + self.chunk >= (shot + 1) * num,
                )  # fmt: skip


class Frame:
    """A frame that nobody looks at."""

    def __init__(self, index: int) -> None:
        self.index, self.time, self.scale = index, Fraction(index, 25), 1.0
        self.image = np.zeros((2, 2, 3), np.uint8)


def _found(tracker: Seen) -> np.ndarray:
    with TargetFaces() as faces:
        faces.follow((Frame(i) for i in range(100 * len(tracker.lights))), tracker)  # type: ignore[arg-type]
        return np.flatnonzero(faces.covered(faces.chosen(1)))


def test_each_shot_has_its_light_and_hands_are_followed_over_pieces_of_it() -> None:
    ramp = np.linspace(0.6, 1.4, 200)[None, :, None]
    lights = [ramp, ramp[:, ::-1] * [1.2, 1, 0.7]]
    assert not len(_found(Seen(lights, set())))
    hand = set(range(145, 152))
    assert _found(Seen(lights, hand)).tolist() == list(range(143, 154))


def test_where_a_whole_shot_would_be_covered_it_is_not() -> None:
    assert not len(_found(Seen([np.ones((1, 1, 1))], set(range(0, 100, 5)))))
    assert not len(_found(Seen([np.ones((1, 1, 1))], set(range(45)))))
