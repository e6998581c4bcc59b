"""The watermark: what it says is read again after a crop, another size and noise; a clean video says nothing."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter, zoom

from viseme.provenance.watermark import STRENGTH, Watermark, changed_part, mark_frames
from viseme.provenance.watermark_code import message_of, message_weights, patterns, symbols_of
from viseme.provenance.watermark_reading import MarkSearch, least_cosine, read_watermark
from viseme.provenance.watermark_strength import COST_DB, affordable_strength

MESSAGE = 0xABCDE1


@pytest.fixture(scope="module")
def scene() -> np.ndarray:
    """(288, 360) something with soft shades, an edge and noise."""
    rng = np.random.default_rng(0)
    shades = 400 * gaussian_filter(rng.standard_normal((288, 360)), 12) + 120
    shades[100:200, 150:250] += 40
    return np.clip(shades + 2 * rng.standard_normal((288, 360)), 0, 255).astype(np.uint8)


@pytest.mark.slow
def test_patterns_are_orthonormal_and_stay_what_they_are() -> None:
    rows = patterns()
    real = np.concatenate([rows.real, rows.imag], axis=1)
    np.testing.assert_allclose(real @ real.T, np.eye(len(rows)), atol=1e-9)
    assert np.linalg.norm(message_weights(7)) == pytest.approx(1.0)
    assert np.allclose(rows[0, :2], PINNED, atol=1e-6), "marks made before could not be read any more"


PINNED = (-0.03979275 - 0.03475497j, -0.00055279 - 0.03426251j)


@pytest.mark.parametrize("message", [0, 1, MESSAGE, (1 << 24) - 1])
def test_symbols_say_the_message(message: int) -> None:
    symbols = list(symbols_of(message))
    assert message_of(symbols) == message
    wrong = [(symbols[0][0] ^ 1, symbols[0][1]), *symbols[1:]]
    assert message_of(wrong) != message


@pytest.mark.parametrize("message", [-1, 1 << 24])
def test_other_numbers_are_no_messages(message: int) -> None:
    with pytest.raises(ValueError, match="24 bits"):
        Watermark(message)


def test_colours_and_luma_change_alike_and_little(scene: np.ndarray) -> None:
    mark = Watermark(MESSAGE)
    luma = mark.mark(scene, 0.0)
    colours = mark.mark(np.repeat(scene[..., None], 3, axis=2), 0.0)
    assert all((colours[..., k] == luma).all() for k in range(3))
    error = np.mean((luma.astype(float) - scene) ** 2)
    assert 10 * np.log10(255**2 / error) > 50
    assert error == pytest.approx(changed_part(scene, STRENGTH), rel=0.1)
    ends = np.array([[0, 255]] * 64, np.uint8).repeat(32, axis=1)
    assert int(np.abs(mark.mark(ends, 0.0).astype(int) - ends).max()) < 10, "nothing wraps around"


def test_the_pattern_turns_over(scene: np.ndarray) -> None:
    mark = Watermark(MESSAGE)
    grey = np.full_like(scene, 120)
    changes = [mark.mark(grey, number / 25).astype(int) - 120 for number in range(24)]
    turns = [bool((one == changes[0]).all()) for one in changes]
    assert turns == [True] * 8 + [False] * 8 + [True] * 8
    assert (changes[8] == -changes[0]).all()


def test_nothing_changes_outside_the_region(scene: np.ndarray) -> None:
    changed = Watermark(MESSAGE).mark(scene, 0.0, (100.5, 40.0, 260.0, 400.0)) != scene
    assert changed[60:270, 120:240].mean() > 0.2
    changed[40:288, 101:260] = False
    assert not changed.any()
    assert (Watermark(MESSAGE).mark(scene, 0.0, (-50.0, 0.0, -10.0, 9.0)) == scene).all()


@pytest.fixture(scope="module")
def marked(scene: np.ndarray) -> list[np.ndarray]:
    """1.2 s of a scene that drifts under noise."""
    rng = np.random.default_rng(1)
    frames = [
        np.asarray(scene + 0.1 * number + rng.standard_normal(scene.shape)).clip(0, 255).astype(np.uint8)
        for number in range(30)
    ]
    return list(mark_frames(frames, MESSAGE))


ATTACKS = {
    "cut at the beginning": lambda frame: frame,
    "crop": lambda frame: frame[14:, 18:342],
    "smaller": lambda frame: np.asarray(zoom(frame.astype(float), 0.5, order=1)).astype(np.uint8),
}


@pytest.mark.parametrize("attack", ATTACKS)
def test_it_is_read_again(marked: list[np.ndarray], attack: str) -> None:
    found = read_watermark([ATTACKS[attack](frame) for frame in marked[5:]])
    assert found is not None
    assert (found.message, found.num_frames) == (MESSAGE, 25)
    assert found.cosine > least_cosine()


def test_a_mirrored_video_is_read(marked: list[np.ndarray]) -> None:
    found = read_watermark([frame[:, ::-1] for frame in marked])
    assert found is not None
    assert (found.message, found.mirrored) == (MESSAGE, True)


def test_a_clean_video_says_nothing(scene: np.ndarray, marked: list[np.ndarray]) -> None:
    assert read_watermark([np.roll(scene[::2, ::2], number // 2, 1) for number in range(25)]) is None
    assert read_watermark([]) is None
    assert read_watermark([frame[:20, :20] for frame in marked]) is None


def test_a_still_does_not_turn_over(marked: list[np.ndarray]) -> None:
    """What stands still is no mark, be it a marked frame; a moment is not enough."""
    assert read_watermark([marked[0]] * 30) is None
    assert read_watermark(marked[:10]) is None


def test_frames_of_another_size_are_left_out(scene: np.ndarray) -> None:
    search = MarkSearch()
    for number, frame in enumerate((scene, scene[1:])):
        search.add(frame, number / 25)
    assert search.num_frames == 1


def test_what_loses_much_affords_more() -> None:
    frame = np.full((64, 64, 3), 120, np.uint8)

    def error(lost: float, mark: Watermark | None) -> float:
        return lost if mark is None else lost + 1.3 * float(np.mean((mark.mark(frame, 0.0).astype(float) - frame) ** 2))

    weak, some, strong = (affordable_strength(frame, partial(error, lost)) for lost in (0.1, 3.0, 40.0))
    assert (weak, strong) == (0.4, 0.8)
    assert 0.5 < some < 0.8
    dear = error(3.0, Watermark(0, strength=some))
    assert 10 * np.log10(dear / 3.0) == pytest.approx(COST_DB, abs=0.1)
