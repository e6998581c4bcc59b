"""Cuts, flashes, pans and shakes drawn by hand."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import pytest

from viseme.faces.shots import frame_difference, thumbnail, with_cuts


@dataclass(frozen=True)
class Frame:
    index: int
    time: Fraction
    image: np.ndarray
    scale: float = 1.0


def scene(seed: int, height: int = 90, width: int = 160) -> np.ndarray:
    """A smooth random scene, wider than it is shown."""
    small = np.random.default_rng(seed).uniform(30, 220, (6, 12, 3))
    rows, columns = np.linspace(0, 5, height), np.linspace(0, 11, 2 * width)
    tall = np.stack([[np.interp(rows, range(6), small[:, c, k]) for c in range(12)] for k in range(3)], -1)
    return np.stack(
        [[np.interp(columns, range(12), tall[:, y, k]) for y in range(height)] for k in range(3)], -1
    ).astype(np.uint8)


A, B = scene(1), scene(2)


def frames(*images: np.ndarray) -> list[Frame]:
    return [Frame(i, Fraction(i, 25), np.ascontiguousarray(image[:, :160])) for i, image in enumerate(images)]


def cuts(*images: np.ndarray) -> list[int]:
    return [frame.index for frame, cut in with_cuts(frames(*images)) if cut]


def test_a_cut_is_found_where_it_is():
    assert cuts(*[A] * 10, *[B] * 10) == [10]


def test_cuts_beside_each_other_and_at_the_end():
    assert cuts(*[A] * 10, *[B] * 3, *[scene(3)] * 10) == [10, 13]
    assert cuts(*[A] * 10, B) == [10]
    assert cuts(A, *[B] * 10) == [1]


@pytest.mark.parametrize("length", [1, 2])
def test_a_flash_is_no_cut(length):
    white = np.full_like(A, 255)
    assert cuts(*[A] * 10, *[white] * length, *[A] * 10) == []


def test_light_going_on_is_no_cut():
    assert cuts(*[A // 3] * 10, *[A] * 10) == []


def test_a_pan_and_a_shake_are_no_cut():
    assert cuts(*[np.roll(A, -4 * i, axis=1) for i in range(20)]) == []
    steps = np.random.default_rng(0).integers(-12, 13, 30)
    assert cuts(*[np.roll(A, step, axis=1) for step in steps]) == []


def test_noise_is_no_cut():
    rng = np.random.default_rng(0)
    assert cuts(*[np.clip(A + rng.normal(0, 20, A.shape), 0, 255).astype(np.uint8) for _ in range(20)]) == []


def test_every_frame_comes_out_in_order_whatever_happens():
    sequence = frames(*[A] * 5, *[B] * 2, *[A] * 2, *[B] * 9)
    assert [p.index for p, _ in with_cuts(sequence)] == list(range(len(sequence)))
    assert list(with_cuts([])) == []


def test_few_frames_are_held():
    taken = 0

    def source():
        nonlocal taken
        for frame in frames(*[A] * 10, *[B] * 10, *[A] * 10):
            taken += 1
            yield frame

    for given, (_, _) in enumerate(with_cuts(source()), start=1):
        assert taken - given <= 2


def test_difference_of_a_moved_frame_is_small_when_it_may_move():
    moved = np.roll(A, 10, axis=1)[:, :160]
    a, b = thumbnail(A[:, :160]), thumbnail(moved)
    assert frame_difference(a, b, shift=3) < 0.3 * frame_difference(a, b)
    assert frame_difference(a, a) == 0
    assert frame_difference(thumbnail(np.zeros((9, 9, 3), np.uint8)), thumbnail(np.full((9, 9, 3), 200, np.uint8))) == 0
