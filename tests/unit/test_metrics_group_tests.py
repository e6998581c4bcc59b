"""Tests of groups against formulas written down a second time, and against the statistics that a paper prints."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from scipy.stats import chi2, f_oneway, norm, studentized_range

from viseme.metrics.group_tests import dunn, holm, kruskal_wallis, tukey_hsd
from viseme.metrics.mean_opinion import mean_opinion, rank_score


@pytest.fixture
def groups() -> list[np.ndarray]:
    """Ratings from 1 to 5 with many ties, of unequal number."""
    rng = np.random.default_rng(3)
    return [np.clip(np.rint(rng.normal(mean, 1, num)), 1, 5) for mean, num in ((2, 31), (2.4, 40), (4, 25))]


def middle_ranks(groups: list[np.ndarray]) -> list[list[float]]:
    """By counting: how many are smaller, and half of those that are equal."""
    pooled = [v for group in groups for v in group]
    return [[sum(p < v for p in pooled) + (sum(p == v for p in pooled) + 1) / 2 for v in g] for g in groups]


def tie_term(groups: list[np.ndarray]) -> float:
    pooled = [v for group in groups for v in group]
    return float(sum(pooled.count(v) ** 3 - pooled.count(v) for v in set(pooled)))


def test_kruskal_wallis_is_the_variance_of_mean_ranks(groups: list[np.ndarray]) -> None:
    ranks, num = middle_ranks(groups), sum(map(len, groups))
    h = 12 / (num * (num + 1)) * sum(sum(r) ** 2 / len(r) for r in ranks) - 3 * (num + 1)
    h /= 1 - tie_term(groups) / (num**3 - num)
    found = kruskal_wallis(groups)
    assert found is not None
    assert (found.h, found.df, found.p) == (pytest.approx(h), 2, pytest.approx(chi2.sf(h, 2)))


def test_kruskal_wallis_of_yes_and_no_is_pearsons_chi_squared() -> None:
    """For two answers the test is (N - 1) / N times Pearson's: the form in which LipSync3D's Q1 can be recomputed."""
    yes, num = np.array([98, 61, 34]), 100
    expected = np.array([yes.sum() / 3, 100 - yes.sum() / 3])
    pearson = sum(((np.array([y, num - y]) - expected) ** 2 / expected).sum() for y in yes)
    found = kruskal_wallis([np.r_[np.ones(y), np.zeros(num - y)] for y in yes])
    assert found is not None
    assert found.h == pytest.approx(pearson * 299 / 300)


def test_tukey_is_the_studentized_range(groups: list[np.ndarray]) -> None:
    num, spread = sum(map(len, groups)), sum(((g - g.mean()) ** 2).sum() for g in groups)
    found = tukey_hsd(groups)
    assert found is not None
    for i, j in combinations(range(3), 2):
        error = np.sqrt(spread / (num - 3) / 2 * (1 / len(groups[i]) + 1 / len(groups[j])))
        difference = groups[i].mean() - groups[j].mean()
        pair = found[i, j]
        assert pair.difference == pytest.approx(difference)
        assert pair.p == pytest.approx(studentized_range.sf(abs(difference) / error, 3, num - 3), abs=1e-8)
        assert pair.high - pair.difference == pytest.approx(studentized_range.ppf(0.95, 3, num - 3) * error, rel=1e-5)


def test_tukey_of_two_groups_is_the_analysis_of_variance(groups: list[np.ndarray]) -> None:
    found = tukey_hsd(groups[:2])
    assert found is not None
    assert found[0, 1].p == pytest.approx(f_oneway(*groups[:2]).pvalue, abs=1e-6)


def test_dunn_compares_mean_ranks(groups: list[np.ndarray]) -> None:
    ranks, num = middle_ranks(groups), sum(map(len, groups))
    found = dunn(groups)
    assert found is not None
    for i, j in combinations(range(3), 2):
        variance = num * (num + 1) / 12 - tie_term(groups) / 12 / (num - 1)
        error = np.sqrt(variance * (1 / len(ranks[i]) + 1 / len(ranks[j])))
        z = (np.mean(ranks[i]) - np.mean(ranks[j])) / error
        assert (found[i, j].z, found[i, j].p) == (pytest.approx(z), pytest.approx(2 * norm.cdf(-abs(z))))
    assert [pair.p_holm for pair in found.values()] == pytest.approx(holm([pair.p for pair in found.values()]))


def test_dunn_of_two_groups_is_kruskal_wallis(groups: list[np.ndarray]) -> None:
    pair, whole = dunn(groups[:2]), kruskal_wallis(groups[:2])
    assert pair is not None
    assert whole is not None
    assert (pair[0, 1].z ** 2, pair[0, 1].p) == (pytest.approx(whole.h), pytest.approx(whole.p))


def test_holm_by_hand() -> None:
    assert holm([0.04, 0.01, 0.03, 0.005]) == pytest.approx([0.06, 0.03, 0.06, 0.02])
    assert holm([0.9, 0.8]) == [1.0, 1.0]
    assert holm([]) == []


@pytest.mark.parametrize("groups", [[[1, 2]], [[1, 2], []], [[3, 3], [3, 3]]], ids=["one", "empty", "equal"])
def test_what_cannot_be_tested_has_no_answer(groups: list[list[int]]) -> None:
    assert kruskal_wallis(groups) is tukey_hsd(groups) is dunn(groups) is None


def test_tukey_needs_ratings_that_vary() -> None:
    assert tukey_hsd([[1, 1], [2, 2]]) is None
    assert tukey_hsd([[1, 2], [2]]) is None


def test_interval_of_a_mean_by_the_table_of_students_t() -> None:
    found = mean_opinion([2, 3, 3, 4])
    half = 3.1824 * np.sqrt(2 / 3 / 4)
    assert (found.value, found.low, found.high) == pytest.approx((3, 3 - half, 3 + half), abs=1e-4)
    assert mean_opinion([2]).high == float("inf")
    assert np.isnan(mean_opinion([]).value)


def test_ranks_average_to_the_middle_of_the_scale() -> None:
    assert np.mean([rank_score(rank, 6) for rank in range(1, 7)]) == pytest.approx(3)
    with pytest.raises(ValueError, match="rank 7 of 6"):
        rank_score(7, 6)
