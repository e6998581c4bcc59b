"""Frames in which something hides the mouth are told from frames in which it moves."""

from __future__ import annotations

import numpy as np

from viseme.avatar.hidden_mouths import SIDE, unlike_the_rest


def _mouths(num: int = 400, seed: int = 0) -> tuple[np.random.Generator, np.ndarray]:
    rng = np.random.default_rng(seed)
    basis = rng.normal(size=(8, SIDE * SIDE * 3))
    crops = 120 + rng.normal(size=(num, 8)) @ basis * 6 + rng.normal(0, 1.5, (num, SIDE * SIDE * 3))
    return rng, crops.astype(np.float32)


def test_hands_are_found_and_speech_is_not() -> None:
    rng, crops = _mouths()
    assert not unlike_the_rest(crops).any()
    places = crops.reshape(-1, SIDE, SIDE, 3)
    for number in range(40):
        places[number, 6:14, 4:10] = 140 + rng.normal(0, 1.5, (8, 6, 3))
    found = unlike_the_rest(crops)
    assert found[:40].mean() > 0.95
    assert not found[40:].any()


def test_where_most_frames_differ_nothing_is_said() -> None:
    rng, crops = _mouths()
    crops[::2] += rng.normal(0, 60, crops[::2].shape).astype(np.float32)
    assert not unlike_the_rest(crops).any()
    assert not unlike_the_rest(crops[:50]).any()
