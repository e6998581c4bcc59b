"""From pair scores to a delay: sign, true overlap, parabola, posterior, and the defect that must never come back."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import logsumexp

from viseme.core.errors import ConfigError
from viseme.sync.estimator import (
    NOISE,
    DelayCurve,
    EstimatorConfig,
    banded,
    credible_interval,
    find_peak,
    log_ratios,
    posterior,
)

CONFIG = EstimatorConfig()
QUICK = settings(max_examples=60, deadline=None, derandomize=True)


def _of(lags, scores, counts) -> DelayCurve:
    return DelayCurve(lags, scores, counts, scores / np.maximum(counts, 1))


def _curve(scores, counts=None, first: int | None = None) -> DelayCurve:
    scores = np.asarray(scores, float)
    first = -(len(scores) // 2) if first is None else first
    lags = np.arange(first, first + len(scores))
    return _of(lags, scores, np.full(len(scores), 50) if counts is None else np.asarray(counts))


def _matching(delay: int, *, num: int = 40, length: int = 160, strength: float = 6.0) -> DelayCurve:
    """Curve of frame windows every 4 audio frames whose audio comes `delay` frames later."""
    raw = np.zeros((num, length))
    for window in range(num):
        if 0 <= 4 * window + delay < length:
            raw[window, 4 * window + delay] = strength
    lags = np.arange(-60, 61)
    band, present = banded(log_ratios(raw), np.arange(num) * 4, lags)
    return _of(lags, band.sum(0), present.sum(0))


@pytest.mark.parametrize("delay", [-37, -1, 0, 1, 20, 55])
def test_audio_that_comes_later_has_a_positive_delay(delay):
    peak = find_peak(_matching(delay), CONFIG)
    assert peak is not None
    assert peak.delay == pytest.approx(delay / 100, abs=1e-3)
    assert not peak.at_edge


@QUICK
@given(
    num=st.integers(1, 9),
    length=st.integers(0, 25),
    start=st.integers(-12, 30),
    reach=st.integers(0, 15),
    seed=st.integers(0, 999),
)
def test_only_pairs_that_exist_are_summed(num, length, start, reach, seed):
    ratios = np.random.default_rng(seed).normal(size=(num, length))
    centres, lags = start + 4 * np.arange(num), np.arange(-reach, reach + 1)
    band, present = banded(ratios, centres, lags)
    for row in range(num):
        for column, lag in enumerate(lags):
            at = centres[row] + lag
            assert present[row, column] == (0 <= at < length)
            assert band[row, column] == (ratios[row, at] if 0 <= at < length else 0.0)


@QUICK
@given(num=st.integers(1, 6), length=st.integers(1, 20), seed=st.integers(0, 999), scale=st.floats(0.0, 30.0))
def test_log_ratios_equal_the_formula_and_are_bounded_below(num, length, seed, scale):
    raw = np.random.default_rng(seed).normal(size=(num, length)) * scale
    ratio = raw - np.log(np.exp(raw - raw.max(1, keepdims=True)).mean(1, keepdims=True)) - raw.max(1, keepdims=True)
    expected = np.log((1 - NOISE) * np.exp(ratio) + NOISE)
    found = log_ratios(raw)
    np.testing.assert_allclose(found, expected, atol=1e-9)
    assert found.min() >= np.log(NOISE) - 1e-12
    np.testing.assert_allclose(log_ratios(raw + 7.5), found, atol=1e-9)  # a term of the frame alone falls out


def test_no_audio_at_all_is_no_evidence():
    band, present = banded(log_ratios(np.zeros((3, 0))), np.arange(3), np.arange(-2, 3))
    assert not present.any()
    assert not band.any()
    assert find_peak(_of(np.arange(-2, 3), band.sum(0), present.sum(0)), CONFIG) is None


def _uninformative(rng: np.random.Generator, sigma: float) -> tuple[np.ndarray, np.ndarray]:
    """Embeddings of 50 frame windows and 50 audio windows that have nothing to do with each other, norm about 8."""
    return rng.standard_normal((50, 64)) * sigma, rng.standard_normal((50, 64)) * sigma


def _zero_padded(seen: np.ndarray, heard: np.ndarray, reach: int) -> int:
    """The defect: audio embeddings padded with zero vectors, every lag averaged over all windows."""
    padded = np.pad(heard, ((reach, reach), (0, 0)))
    cost = [np.linalg.norm(seen - padded[k : k + len(seen)], axis=1).mean() for k in range(2 * reach + 1)]
    return int(np.argmin(cost)) - reach


def test_scores_that_say_nothing_do_not_favour_the_edges():
    rng, reach = np.random.default_rng(3), 15
    lags, config = np.arange(-reach, reach + 1), EstimatorConfig(min_overlap=0.2)
    ours, padded = 0, 0
    for _ in range(200):
        seen, heard = _uninformative(rng, 1.0)
        padded += abs(_zero_padded(seen, heard, reach)) == reach
        band, present = banded(log_ratios(seen @ heard.T * (0.1 / 8)), np.arange(50), lags)
        peak = find_peak(_of(lags, band.sum(0), present.sum(0)), config)
        assert peak is not None
        ours += peak.at_edge
    assert padded > 100, "the canary: zero padding must be seen to fail here"
    assert ours < 30  # 2 of 31 candidates are edges: 13 expected


@pytest.mark.parametrize("sigma", [0.3, 2.0])
def test_with_audio_beyond_the_frame_every_delay_is_as_likely(sigma):
    rng, lags = np.random.default_rng(4), np.arange(-20, 21)
    outer = 0
    for _ in range(200):
        raw = rng.normal(0, sigma, (30, 80))
        band, present = banded(log_ratios(raw), np.arange(30) + 25, lags)
        assert present.all()
        peak = find_peak(_of(lags, band.sum(0), present.sum(0)), CONFIG)
        outer += peak is not None and abs(peak.delay) > 0.1
    assert 70 <= outer <= 130  # 20 of 41 candidates: 98 expected


@QUICK
@given(top=st.floats(-0.4, 0.4), bend=st.floats(0.5, 50.0), at=st.integers(-8, 8))
def test_a_parabola_is_found_exactly(top, bend, at):
    lags = np.arange(-20, 21)
    peak = find_peak(_of(lags, -bend * (lags - at - top) ** 2, np.full(41, 50)), CONFIG)
    assert peak is not None
    assert peak.delay == pytest.approx((at + top) / 100, abs=1e-9)


def test_curves_add_up():
    rng = np.random.default_rng(0)
    lags = np.arange(-3, 4)
    parts = [_of(lags, rng.normal(size=7), rng.integers(0, 9, 7)) for _ in range(3)]
    total = parts[0] + parts[1] + parts[2]
    np.testing.assert_allclose(total.scores, sum(p.scores for p in parts))
    np.testing.assert_array_equal(total.counts, sum(p.counts for p in parts))
    with pytest.raises(ValueError, match="cannot be added"):
        parts[0] + _curve(np.zeros(5))


@QUICK
@given(
    scores=st.lists(st.floats(-300, 300), min_size=3, max_size=60),
    temperature=st.floats(0.1, 50),
    seed=st.integers(0, 99),
)
def test_the_posterior_sums_to_one_and_is_nil_where_nothing_was_compared(scores, temperature, seed):
    counts = np.random.default_rng(seed).integers(0, 60, len(scores))
    config = EstimatorConfig(temperature=temperature)
    curve = _curve(scores, counts)
    mass = posterior(curve, config)
    usable = curve.usable(config)
    assert mass.sum() == pytest.approx(1.0 if usable.any() else 0.0)
    assert (mass >= 0).all()
    assert not mass[~usable].any()
    if usable.any():
        expected = np.array(scores)[usable] / temperature
        np.testing.assert_allclose(mass[usable], np.exp(expected - logsumexp(expected)), atol=1e-12)


@QUICK
@given(at=st.integers(-45, 45), height=st.floats(20.0, 400.0), width=st.floats(1.0, 6.0))
def test_the_interval_holds_the_peak_of_a_lone_hill(at, height, width):
    lags = np.arange(-60, 61)
    curve = _of(lags, height * np.exp(-(((lags - at) / width) ** 2)), np.full(121, 50))
    peak, interval = find_peak(curve, CONFIG), credible_interval(curve, CONFIG)
    assert peak is not None
    assert interval is not None
    mass = posterior(curve, CONFIG)[np.abs(lags - at) <= 4].sum()
    assert peak.mass == pytest.approx(mass)
    if mass > 0.95:
        assert interval[0] <= peak.delay <= interval[1]
    assert interval[1] - interval[0] >= 0.02 - 1e-12


def test_a_flat_curve_has_an_interval_as_wide_as_the_search():
    low, high = credible_interval(_curve(np.zeros(401)), CONFIG) or (0, 0)
    assert low < -1.85
    assert high > 1.85


def test_a_delay_met_by_few_windows_is_not_compared():
    counts = np.full(21, 50)
    counts[:4] = 4  # under min_windows and under a fifth of 50
    scores = np.zeros(21)
    scores[1], scores[12] = 100.0, 5.0
    peak = find_peak(_curve(scores, counts), CONFIG)
    assert peak is not None
    assert peak.delay == pytest.approx(0.02)
    counts[1] = 10
    peak = find_peak(_curve(scores, counts), CONFIG)
    assert peak is not None
    assert peak.delay == pytest.approx(-0.09)
    assert peak.at_edge, "the neighbours of the only usable delay on that side were not compared"


@pytest.mark.parametrize("best", [0, 20])
def test_a_peak_at_the_end_of_the_search_says_so(best):
    scores = -np.abs(np.arange(21.0) - best)
    peak = find_peak(_curve(scores), CONFIG)
    assert peak is not None
    assert peak.at_edge


def test_margin_level_and_rival():
    scores = np.zeros(41)
    scores[20], scores[32], scores[25] = 30.0, 12.0, 25.0  # 25 is within 80 ms of the peak: no rival
    peak = find_peak(_curve(scores), CONFIG)
    assert peak is not None
    assert peak.margin == pytest.approx(18.0)
    assert peak.rival == pytest.approx(0.12)
    assert peak.level == pytest.approx(30 / 50)
    assert peak.count == 50
    narrow = find_peak(_curve(scores[16:25]), CONFIG)
    assert narrow is not None
    assert narrow.margin == 0.0
    assert np.isnan(narrow.rival)


@pytest.mark.parametrize(
    "wrong",
    [
        {"max_delay": 0.0},
        {"max_delay": -1.0},
        {"max_delay": 61.0},
        {"max_delay": float("nan")},
        {"answer_above": 1.5},
        {"answer_above": -0.1},
        {"answer_above": float("nan")},
        {"temperature": 0.0},
        {"temperature": float("nan")},
        {"min_overlap": 1.0},
        {"min_overlap": -0.1},
        {"in_sync_band": (0.1, 0.1)},
        {"in_sync_band": (0.2, -0.2)},
        {"in_sync_band": (float("nan"), 0.1)},
    ],
)
def test_impossible_settings_are_refused(wrong):
    with pytest.raises(ConfigError):
        EstimatorConfig(**wrong)


def test_settings_cannot_be_changed_behind_the_check():
    with pytest.raises(dataclasses.FrozenInstanceError):
        CONFIG.max_delay = -1.0  # type: ignore[misc]
