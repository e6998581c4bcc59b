"""Frames in which something lies before the mouth are told from frames in which it moves."""

from __future__ import annotations

import numpy as np
import pytest

from viseme.compose.covered_mouths import LOOK_SIDE, UsualMouth, covered_for_long, mouth_look
from viseme.face3d.head_pose import canonical_vertices

EYES_PX = 90


def _mouths(num: int = 400, seed: int = 0) -> tuple[np.random.Generator, np.ndarray]:
    """A skin of brightness 120 that changes in eight ways."""
    rng = np.random.default_rng(seed)
    basis = rng.normal(size=(8, LOOK_SIDE**2 * 3))
    looks = 120 + rng.normal(size=(num, 8)) @ basis * 2 + rng.normal(0, 1.5, (num, LOOK_SIDE**2 * 3))
    return rng, looks.reshape(num, LOOK_SIDE, LOOK_SIDE, 3)


def _covered(looks: np.ndarray) -> np.ndarray:
    usual = UsualMouth.of(looks)
    return np.zeros(len(looks), bool) if usual is None else usual.covered(looks)


@pytest.mark.parametrize("share", [0.05, 0.25])
def test_a_hand_that_stays_is_found_and_speech_is_not(share: float) -> None:
    rng, looks = _mouths()
    assert not _covered(looks).any()
    num = round(share * len(looks))
    looks[50 : 50 + num, 6:14, 1:9] = 85 + rng.normal(0, 1.5, (num, 8, 8, 3))
    found = _covered(looks)
    assert found[50 : 50 + num].all()
    assert found.sum() == num


def test_another_exposure_covers_nothing() -> None:
    _, looks = _mouths()
    looks[100:200] *= 0.6
    assert not _covered(looks).any()


def test_where_most_frames_differ_or_few_are_known_nothing_is_said() -> None:
    rng, looks = _mouths()
    looks[::2] += rng.normal(0, 60, looks[::2].shape)
    assert not _covered(looks).any()
    assert UsualMouth.of(looks[:50]) is None


def test_a_single_frame_does_not_count() -> None:
    frames = np.zeros(30, bool)
    frames[10] = True
    assert not covered_for_long(frames).any()
    frames[10:14] = True
    assert np.flatnonzero(covered_for_long(frames)).tolist() == list(range(8, 16))


def test_a_look_follows_the_face() -> None:
    vertices = canonical_vertices()
    scale = EYES_PX / np.linalg.norm(vertices[33] - vertices[263])
    points = vertices * [scale, -scale, -scale] + [160, 120, 0]
    rng = np.random.default_rng(0)
    image = np.kron(rng.integers(0, 255, (30, 40, 3)), np.ones((8, 8, 1))).astype(np.uint8)
    look = mouth_look(image, points, 1.0)
    moved = mouth_look(np.roll(image, (5, 9), (0, 1)), points + np.array([9, 5, 0]), 1.0)
    assert look.shape == (LOOK_SIDE, LOOK_SIDE, 3)
    assert np.array_equal(look, moved)
    half = mouth_look(image, points * 2, 0.5)
    assert np.abs(half.astype(int) - look).max() <= 1
    points[13] = np.nan
    assert not mouth_look(image, points, 1.0).any()
