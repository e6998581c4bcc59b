"""Evidence of one face against one audio: loudness and channel fall out, time is real, delays have their sign."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from viseme.sync.embeddings import normalise_mels, to_grid_points
from viseme.sync.estimator import EstimatorConfig, find_peak
from viseme.sync.evidence import BLOCK, FaceEvidence, compare
from viseme.sync.inputs.points import Landmarks, Mesh
from viseme.sync.interface import SyncSpecification

LAGS = np.arange(-60, 61)


def _power(num: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).gamma(0.5, 1.0, (num, 40)).astype(np.float32)


@settings(max_examples=30, deadline=None, derandomize=True)
@given(gain=st.floats(1e-4, 1e4), seed=st.integers(0, 99))
def test_loudness_does_not_matter(gain, seed):
    power = _power(60, seed)
    np.testing.assert_allclose(normalise_mels(power * np.float32(gain)), normalise_mels(power), atol=2e-3)


def test_the_colour_of_the_channel_falls_out_where_it_is_above_the_floor():
    power = _power(200) + 1
    # a filter that keeps the sum of every frame alike up to a factor: only loudness and colour change
    colour = np.linspace(0.5, 2, 40, dtype=np.float32)
    np.testing.assert_allclose(normalise_mels(power * colour), normalise_mels(power), atol=5e-3)


def test_bands_have_no_mean_and_nothing_stays_nothing():
    np.testing.assert_allclose(normalise_mels(_power(50)).mean(0), 0, atol=1e-5)
    assert normalise_mels(np.zeros((0, 40), np.float32)).shape == (0, 40)
    np.testing.assert_allclose(normalise_mels(np.zeros((9, 40), np.float32)), 0, atol=1e-5)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(start=st.floats(-3, 3), steps=st.lists(st.floats(0.005, 0.3), min_size=1, max_size=40))
def test_the_grid_interpolates_between_real_time_stamps(start, steps):
    times = start + np.concatenate([[0], np.cumsum(steps)])
    line = np.stack([2 * times, -times, times + 1], -1)[:, None].astype(np.float32)
    grid, points = to_grid_points(times, line)
    np.testing.assert_allclose(grid / 0.04, np.round(grid / 0.04), atol=1e-6)
    assert len(points) == len(grid)
    if len(grid):
        assert grid[0] >= times[0] - 1e-6
        assert grid[-1] <= times[-1] + 1e-6
        np.testing.assert_allclose(points[:, 0], np.stack([2 * grid, -grid, grid + 1], -1), atol=1e-4)


def test_a_frame_on_the_grid_is_taken_as_it_is():
    values = np.random.default_rng(0).normal(size=(10, 4, 3)).astype(np.float32)
    grid, points = to_grid_points(np.arange(10) * 0.04 + 0.4, values)
    np.testing.assert_allclose(grid, np.arange(10) * 0.04 + 0.4)
    np.testing.assert_allclose(points, values, atol=1e-4)


class Code:
    """A model that reads one number off the lips and the same number off the audio at the centre of its window."""

    specification = SyncSpecification()
    scale = 0.05

    def embed_video(self, x: np.ndarray) -> np.ndarray:
        return x[:, :40, 0] / x[:, :40, 0].std() * 3

    def embed_audio(self, mels: np.ndarray) -> np.ndarray:
        num = mels.shape[1] // 4
        pairs = (mels[:, 1::4][:, :num] + mels[:, 2::4][:, :num]) / 2
        return pairs / pairs.std() * 3


def _code(times: np.ndarray) -> np.ndarray:
    """(T, 40) something that is said at any time, smooth over 50 ms."""
    rng = np.random.default_rng(11)
    knots = np.arange(-5, 15, 0.08)
    return np.stack([np.interp(times, knots, rng.normal(size=len(knots))) for _ in range(40)], -1)


def _said(delay: float, *, seconds: float = 6.0, first: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Grid times, lip points, and mel powers of frames from `first` on of a clip whose audio is `delay` late."""
    times = np.arange(round(seconds * 25)) * 0.04
    points = np.zeros((len(times), 67, 3), np.float32)
    points[:, :40, 0] = _code(times) * 0.01
    centres = (first + np.arange(round(seconds * 100) - first)) / 100 + 0.005
    return times, points, np.exp(_code(centres - delay)).astype(np.float32)


@pytest.mark.parametrize("delay", [-0.35, -0.04, 0.0, 0.01, 0.137, 0.5])
@pytest.mark.parametrize("first", [0, -13, 50])
def test_audio_that_is_later_has_a_positive_delay(delay, first):
    times, points, power = _said(delay, first=first)
    blocks = compare([Code()], times, points, first, power, LAGS)
    peak = find_peak(FaceEvidence(0, blocks).curve(LAGS), EstimatorConfig(max_delay=0.6))
    assert peak is not None
    assert peak.delay == pytest.approx(delay, abs=0.004)
    assert peak.margin > 10


def test_blocks_are_two_seconds_and_add_up():
    times, points, power = _said(0.1)
    blocks = compare([Code()], times, points, 0, power, LAGS)
    assert [s.num_windows for s in blocks] == [BLOCK, BLOCK, BLOCK]
    assert blocks[0].start == pytest.approx(0.0)
    assert blocks[0].end == pytest.approx(2.0)
    face = FaceEvidence(0, blocks)
    total = face.curve(LAGS)
    np.testing.assert_allclose(total.scores, sum(s.scores for s in blocks), rtol=1e-6)
    parts = face.curve(LAGS, end=2.0) + face.curve(LAGS, start=2.0)
    np.testing.assert_allclose(parts.scores, total.scores)
    assert total.counts.max() == len(times) - 1 or total.counts.max() == len(times)


def test_pairs_that_do_not_exist_are_not_counted():
    times, points, power = _said(0.0)
    half = compare([Code()], times, points, 0, power[:300], LAGS)  # the audio ends after three seconds
    counts = FaceEvidence(0, half).curve(LAGS).counts
    window = np.rint(times * 100).astype(int)
    for index, lag in ((0, -60), (60, 0), (120, 60)):
        assert counts[index] == ((window + lag >= 2) & (window + lag < 302)).sum()


def test_nothing_to_compare():
    times, points, power = _said(0.0)
    assert compare([Code()], times[:0], points[:0], 0, power, LAGS) == []
    silent = compare([Code()], times, points, 0, power[:0], LAGS)
    assert not FaceEvidence(0, silent).curve(LAGS).counts.any()


def test_landmarks_pass_through_and_the_mesh_is_linear_and_still_for_a_still_face():
    rng = np.random.default_rng(0)
    points = rng.normal(0, 0.02, (20, 67, 3)).astype(np.float32)
    assert Landmarks().of_points(points) is points
    mesh = Mesh()
    seen = mesh.of_points(points)
    assert seen.shape == (20, Mesh.shape[0], 3)
    assert np.isfinite(seen).all()
    np.testing.assert_allclose(mesh.of_points(2 * points), 2 * seen, rtol=1e-3, atol=1e-5)
    np.testing.assert_allclose(mesh.of_points(points + 0.3), seen, atol=1e-4)
    np.testing.assert_allclose(mesh.of_points(np.repeat(points[:1], 5, 0)), 0, atol=1e-6)


def test_the_mesh_moves_with_the_jaw():
    from viseme.face3d.interface import load_face_model
    from viseme.face3d.lips import lip_motion

    model = load_face_model()
    heads = np.stack(
        [model.landmark_points(model.shape(beta=model.expression({"jawOpen": v}))) for v in np.linspace(0, 0.6, 8)]
    )
    motion = lip_motion(heads * np.array([100, -100, -100]) + 300, np.arange(8) * 0.04)
    moved = Mesh().of_points(motion.points)
    lowest = np.linalg.norm(moved[-1] - moved[0], axis=-1).argmax()
    path = moved[:, lowest, 1]
    assert path[0] - path[-1] > 0.02, "down is -y"
    assert (np.diff(path) < 0).all()
