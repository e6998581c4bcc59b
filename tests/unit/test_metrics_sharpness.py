"""CPBD and Canny's edges: what blur does, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from viseme.metrics.canny_edges import canny_edges
from viseme.metrics.cpbd import cpbd


def drawing(seed: int) -> np.ndarray:
    """(192, 128) sharp shapes on a smooth ground, with a little noise."""
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[:192, :128]
    frame = 90 + 40 * np.sin(rows / 40) + 20 * np.cos(columns / 31)
    for _ in range(25):
        y, x, size = rng.uniform(0, 192), rng.uniform(0, 128), rng.uniform(4, 20)
        frame = np.where(np.hypot(rows - y, columns - x) < size, rng.uniform(0, 255), frame)
    return (ndimage.gaussian_filter(frame, 0.6) + rng.normal(0, 1, frame.shape)).clip(0, 255)


@pytest.mark.parametrize("seed", range(3))
def test_blur_lowers_it_and_more_blur_more(seed: int) -> None:
    frame = drawing(seed)
    found = [cpbd(np.rint(ndimage.gaussian_filter(frame, blur))) for blur in (0, 0.7, 1, 1.5, 2, 3, 5)]
    assert found == sorted(found, reverse=True)
    assert found[0] > 0.2
    assert found[-1] < 0.02


def test_a_frame_without_edges_has_none_that_are_sharp() -> None:
    assert cpbd(np.full((64, 64), 7.0)) == 0.0


def test_what_lies_outside_whole_blocks_is_not_counted() -> None:
    frame = np.full((64, 100), 50.0)
    frame[:, 80], frame[:, 81:] = 100.0, 200.0
    assert cpbd(frame) == 0.0
    assert cpbd(frame[:, 36:]) == 1.0


@pytest.mark.parametrize("shape", [(63, 64), (64, 63), (64, 64, 3)])
def test_what_holds_no_block_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="at least 64 x 64"):
        cpbd(np.zeros(shape))


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10**6), st.floats(-40, 40))
def test_edges_do_not_depend_on_brightness(seed: int, brighter: float) -> None:
    frame = np.random.default_rng(seed).uniform(50, 200, (20, 30))
    near, far = (canny_edges(frame + shift, low=20, high=60) for shift in (0.0, brighter))
    assert (near != far).sum() <= 2
    assert not near[[0, -1]].any()
    assert not near[:, [0, -1]].any()


def test_faint_edges_count_only_where_they_join_a_clear_one() -> None:
    frame = np.zeros((40, 40))
    frame[:, 10], frame[:, 11:] = 40.0, 100.0  # clear
    frame[:20, 30], frame[:20, 31:] = 103.0, 110.0  # faint, and ends alone
    kept = canny_edges(frame, low=5, high=200)
    assert kept[5:35, 10].all()
    assert not kept[:, 28:].any()
    assert canny_edges(frame, low=5, high=20)[5:15, 30].all()
