"""Intervals against SciPy's, by repetition, and on numbers that can be checked by hand."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from viseme.metrics.intervals import Interval, bootstrap, wilson
from viseme.metrics.proportion import Proportion


@pytest.mark.parametrize(("hits", "num"), [(0, 7), (1, 1), (3, 7), (95, 100), (528, 564), (1000, 1000)])
@pytest.mark.parametrize("level", [0.5, 0.95, 0.99])
def test_a_proportion_has_the_interval_of_scipy(hits: int, num: int, level: float) -> None:
    found = wilson(hits, num, level)
    expected = stats.binomtest(hits, num).proportion_ci(level, method="wilson")
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high), abs=1e-12)
    assert found.value == hits / num


def test_without_trials_nothing_is_known() -> None:
    found = wilson(0, 0)
    assert np.isnan(found.value)
    assert (found.low, found.high) == (0, 1)
    assert found.text() == "-"


@pytest.mark.parametrize(("hits", "num"), [(-1, 3), (4, 3)])
def test_what_is_no_proportion_is_refused(hits: int, num: int) -> None:
    with pytest.raises(ValueError, match="no proportion"):
        wilson(hits, num)


def test_proportions_of_disjoint_trials_add_up() -> None:
    assert Proportion.of([True, False, True]) + Proportion(1, 4) == Proportion(3, 7)
    assert str(Proportion(528, 564)) == "93.6% [91.3%, 95.4%]  n = 564"


def test_a_bootstrap_agrees_with_scipy() -> None:
    values = np.random.default_rng(1).gamma(2, 1, 80)
    found = bootstrap([values], np.mean, num=4000)
    expected = stats.bootstrap((values,), np.mean, n_resamples=4000, method="percentile", random_state=0)
    assert found.low == pytest.approx(expected.confidence_interval.low, abs=0.03)
    assert found.high == pytest.approx(expected.confidence_interval.high, abs=0.03)


def test_an_interval_holds_the_truth_in_about_95_of_100_repetitions() -> None:
    rng = np.random.default_rng(0)
    held = [
        (lambda i: i.low <= 3.0 <= i.high)(bootstrap([rng.normal(3, 1, 40)], np.mean, num=300, seed=k))
        for k in range(200)
    ]
    assert 0.88 <= np.mean(held) <= 0.99


def test_ratios_are_paired() -> None:
    a = np.random.default_rng(0).uniform(1, 9, 50)
    ratio = bootstrap([2 * a, a], lambda x, y: float(x.mean() / y.mean()))
    assert (ratio.low, ratio.value, ratio.high) == pytest.approx((2, 2, 2))


def test_overlapping_intervals_are_not_apart() -> None:
    assert Interval(1, 0.5, 1.5).apart_from(Interval(2, 1.6, 3))
    assert not Interval(1, 0.5, 1.7).apart_from(Interval(2, 1.6, 3))


def test_nothing_measured_is_a_dash() -> None:
    assert bootstrap([np.zeros(0)], np.mean).text() == "-"
