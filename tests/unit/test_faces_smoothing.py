"""Smoothing lets steady motion and closures through; thumbnails stay small."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from viseme.faces.config import TrackingConfig
from viseme.faces.schemes import JAW, LIPS_INNER, LIPS_OUTER, RIGID
from viseme.faces.smoothing import SPEECH_POINTS, smooth, smoothing_matrix
from viseme.faces.thumbnails import FaceThumbnails, crop_face

steps = st.lists(st.floats(0.005, 0.2), min_size=3, max_size=40)


@given(steps=steps, width=st.floats(0.005, 0.05))
def test_steady_motion_passes_unchanged_at_any_rate(steps, width):
    times = np.cumsum(steps)
    line = 3.0 + 7.0 * times
    assert np.allclose(smoothing_matrix(times, width) @ line, line, atol=1e-6)


def test_no_width_is_no_smoothing():
    assert np.array_equal(smoothing_matrix(np.arange(5.0), 0.0), np.eye(5))
    assert np.array_equal(smoothing_matrix(np.arange(2.0), 0.1), np.eye(2))


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 100))
def test_blocks_do_not_show(seed):
    rng = np.random.default_rng(seed)
    times = np.cumsum(rng.uniform(0.01, 0.06, 150))
    points = rng.normal(size=(150, 478, 3)).astype(np.float32)
    whole = smoothing_matrix(times, 0.02) @ points[:, 10].astype(np.float64)
    assert np.allclose(smooth(times, points, rigid_width=0.02, speech_width=0.0)[:, 10], whole, atol=1e-5)


@pytest.mark.parametrize(("rate", "frames"), [(25, 2), (25, 3), (30, 2), (50, 4)])
def test_a_bilabial_closure_keeps_its_depth(rate, frames):
    """p, b and m close the lips for about two frames at 25 per second."""
    times = np.arange(rate) / rate
    gap = np.full(rate, 10.0)
    gap[rate // 2 : rate // 2 + frames] = 0.0
    closed = smoothing_matrix(times, TrackingConfig().speech_smoothing_s) @ gap
    assert closed.min() < 0.4, "at most 4 % of the depth may be lost"


def test_the_rigid_part_becomes_calmer():
    rng = np.random.default_rng(0)
    times = np.arange(100) / 25
    points = rng.normal(size=(100, 478, 3)).astype(np.float32)
    config = TrackingConfig()
    out = smooth(times, points, rigid_width=config.rigid_smoothing_s, speech_width=config.speech_smoothing_s)
    assert out[:, RIGID].std() < 0.85 * points[:, RIGID].std()
    assert out[:, LIPS_INNER].std() > 0.9 * points[:, LIPS_INNER].std()


def test_speech_points_are_lips_and_jaw():
    assert SPEECH_POINTS[np.concatenate([LIPS_INNER, LIPS_OUTER, JAW[3:-3]])].all()
    assert not SPEECH_POINTS[RIGID].any()


@given(num=st.integers(1, 300), keep=st.sampled_from([2, 4, 12]))
@settings(max_examples=30, deadline=None)
def test_a_strip_is_even_and_bounded(num, keep):
    thumbnails = FaceThumbnails(num_images=keep, size=4)
    image = np.zeros((8, 8, 3), np.uint8)
    for i in range(num):
        thumbnails.offer(7, i / 25, image, np.array([1, 1, 6, 6]))
    strip = thumbnails.strip(7)
    assert strip is not None
    assert len(strip.times) <= keep + 1
    assert strip.images.shape[1:] == (4, 4, 3)
    assert strip.times[0] == 0
    assert num < keep or strip.times[-1] > num / 25 * 0.4
    if len(strip.times) > 2:
        assert np.ptp(np.diff(strip.times)) < 0.05
    assert thumbnails.strip(8) is None


def test_only_the_longest_seen_faces_are_kept():
    thumbnails = FaceThumbnails(num_images=2, size=4, max_tracks=2)
    image = np.zeros((8, 8, 3), np.uint8)
    for track, length in ((0, 10), (1, 3), (2, 5)):
        for i in range(length):
            thumbnails.offer(track, i / 25, image, np.array([1, 1, 6, 6]))
    assert [s.track_id for s in thumbnails] == [0, 2]


def test_a_crop_outside_the_frame_is_black():
    image = np.full((20, 20, 3), 200, np.uint8)
    crop = crop_face(image, np.array([-10.0, -10, 10, 10]), 16, margin=1.0)
    assert crop[:8, :8].max() == 0
    assert crop[8:, 8:].min() == 200
    assert crop_face(image, np.array([-100.0, -100, -90, -90]), 16).max() == 0


def test_wrong_strip_sizes_are_refused():
    with pytest.raises(ValueError, match="even"):
        FaceThumbnails(num_images=3)
