"""The watermark: what it says is read again after a crop, another size and noise; a clean video says nothing."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter, zoom

from viseme.provenance.watermark import Watermark, mark_frames
from viseme.provenance.watermark_code import message_of, message_weights, patterns, symbols_of
from viseme.provenance.watermark_reading import MarkSearch, least_cosine, read_watermark

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
    luma = mark.mark(scene)
    colours = mark.mark(np.repeat(scene[..., None], 3, axis=2))
    assert all((colours[..., k] == luma).all() for k in range(3))
    error = np.mean((luma.astype(float) - scene) ** 2)
    assert 10 * np.log10(255**2 / error) > 44
    ends = np.array([[0, 255]] * 64, np.uint8).repeat(32, axis=1)
    assert int(np.abs(mark.mark(ends).astype(int) - ends).max()) < 10, "nothing wraps around"


def test_nothing_changes_outside_the_region(scene: np.ndarray) -> None:
    changed = Watermark(MESSAGE).mark(scene, (100.5, 40.0, 260.0, 400.0)) != scene
    assert changed[60:270, 120:240].mean() > 0.3
    changed[40:288, 101:260] = False
    assert not changed.any()
    assert (Watermark(MESSAGE).mark(scene, (-50.0, 0.0, -10.0, 9.0)) == scene).all()


@pytest.mark.parametrize("attack", ["crop", "smaller"])
def test_it_is_read_again(scene: np.ndarray, attack: str) -> None:
    (marked,) = mark_frames([scene], MESSAGE)
    if attack == "crop":
        marked = marked[14:, 18:342]
    elif attack == "smaller":
        marked = np.clip(zoom(marked.astype(float), 0.5, order=1), 0, 255).astype(np.uint8)
    found = read_watermark([marked, marked])
    assert found is not None
    assert (found.message, found.num_frames) == (MESSAGE, 2)
    assert found.cosine > least_cosine()


def test_the_pattern_goes_where_the_frame_is_like_it(scene: np.ndarray) -> None:
    """The frame that is marked is more like the mark than another frame is to its own."""

    def likeness(frame: np.ndarray) -> float:
        (marked,) = mark_frames([frame], MESSAGE)
        found = read_watermark([marked])
        assert found is not None
        return found.cosine

    first, other = scene, np.ascontiguousarray(scene[::-1])
    writer = Watermark(MESSAGE)
    writer.mark(first)  # where it is was chosen for this one
    strange = read_watermark([writer.mark(other)])
    assert strange is None or likeness(other) > strange.cosine


def test_a_mirrored_video_is_read(scene: np.ndarray) -> None:
    (marked,) = mark_frames([scene], MESSAGE)
    found = read_watermark([marked[:, ::-1]])
    assert found is not None
    assert (found.message, found.mirrored) == (MESSAGE, True)


def test_a_clean_video_says_nothing(scene: np.ndarray) -> None:
    assert read_watermark([scene[::2, ::2]]) is None
    assert read_watermark([]) is None
    assert read_watermark([scene[:20, :20]]) is None


def test_frames_of_another_size_are_left_out(scene: np.ndarray) -> None:
    search = MarkSearch()
    for frame in (scene, scene[1:]):
        search.add(frame)
    assert search.num_frames == 1
