"""Do groups of ratings differ, and which pairs: Kruskal-Wallis, Tukey's HSD, Dunn's test. Knows numbers alone.

A test that has no answer (too few ratings, all ratings equal) is None, never a number.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["DunnPair", "KruskalWallis", "TukeyPair", "dunn", "holm", "kruskal_wallis", "tukey_hsd"]


@dataclass(frozen=True)
class KruskalWallis:
    """Whether any group differs in its ranks."""

    h: float
    """Statistic with the correction for ties; chi-squared with `df` degrees of freedom when no group differs."""
    df: int
    p: float


@dataclass(frozen=True)
class TukeyPair:
    """Whether two groups differ in their means, corrected for the number of pairs."""

    difference: float
    """Mean of the first less mean of the second."""
    low: float
    high: float
    """Simultaneous 95 % interval of the difference."""
    p: float


@dataclass(frozen=True)
class DunnPair:
    """Whether two groups differ in their mean ranks."""

    z: float
    """Positive when the first group has the higher ranks."""
    p: float
    """Two-sided, uncorrected."""
    p_holm: float
    """With Holm's correction over all pairs."""


def kruskal_wallis(groups: Sequence[ArrayLike]) -> KruskalWallis | None:
    """The rank test of several groups; None with fewer than two groups, an empty group, or equal ratings throughout.

    Source:
        Kruskal and Wallis, "Use of Ranks in One-Criterion Variance Analysis", 1952.

    Example:
        >>> answer = kruskal_wallis([[1, 2, 3], [4, 5, 6]])
        >>> round(answer.h, 3), answer.df, round(answer.p, 3)
        (3.857, 1, 0.05)
    """
    from scipy.stats import kruskal

    values = _values(groups)
    if not _comparable(values, least=1):
        return None
    answer = kruskal(*values)
    return KruskalWallis(float(answer.statistic), len(values) - 1, float(answer.pvalue))


def tukey_hsd(groups: Sequence[ArrayLike]) -> dict[tuple[int, int], TukeyPair] | None:
    """Tukey's honestly significant differences of all pairs (i, j), i < j; Tukey-Kramer when sizes differ.

    None with fewer than two groups, a group of fewer than two ratings, or ratings that do not vary within groups.

    Source:
        Tukey, "Comparing Individual Means in the Analysis of Variance", 1949; Kramer, 1956.

    Example:
        >>> pair = tukey_hsd([[1, 2, 3], [4, 5, 6]])[0, 1]
        >>> round(pair.difference, 3), round(pair.p, 3)
        (-3.0, 0.021)
    """
    from scipy.stats import tukey_hsd as hsd

    values = _values(groups)
    if not _comparable(values, least=2) or all(np.ptp(v) == 0 for v in values):
        return None
    answer = hsd(*values)
    interval = answer.confidence_interval(0.95)
    return {
        (i, j): TukeyPair(
            float(values[i].mean() - values[j].mean()),
            float(interval.low[i, j]),
            float(interval.high[i, j]),
            float(answer.pvalue[i, j]),
        )
        for i, j in combinations(range(len(values)), 2)
    }


def dunn(groups: Sequence[ArrayLike]) -> dict[tuple[int, int], DunnPair] | None:
    """Dunn's test of all pairs (i, j), i < j, with the correction for ties; None where `kruskal_wallis` is.

    Source:
        Dunn, "Multiple Comparisons Using Rank Sums", 1964; Holm, 1979, for the correction.

    Example:
        >>> pair = dunn([[1, 2, 3], [4, 5, 6]])[0, 1]
        >>> round(pair.z, 3), round(pair.p_holm, 3)
        (-1.964, 0.05)
    """
    from scipy.stats import norm, rankdata

    values = _values(groups)
    if not _comparable(values, least=1):
        return None
    pooled = np.concatenate(values)
    num = pooled.size
    ranks = np.split(rankdata(pooled), np.cumsum([v.size for v in values])[:-1])
    _, ties = np.unique(pooled, return_counts=True)
    variance = num * (num + 1) / 12 - float((ties**3 - ties).sum()) / (12 * (num - 1))
    pairs = list(combinations(range(len(values)), 2))
    z = [
        float((ranks[i].mean() - ranks[j].mean()) / np.sqrt(variance * (1 / ranks[i].size + 1 / ranks[j].size)))
        for i, j in pairs
    ]
    p = [float(2 * norm.sf(abs(value))) for value in z]
    return {pair: DunnPair(*row) for pair, row in zip(pairs, zip(z, p, holm(p)))}


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's step-down correction, in the order given.

    Source:
        Holm, "A Simple Sequentially Rejective Multiple Test Procedure", 1979.

    Example:
        >>> [round(p, 3) for p in holm([0.01, 0.04, 0.03])]
        [0.03, 0.06, 0.06]
    """
    corrected = [0.0] * len(p_values)
    largest = 0.0
    for place, index in enumerate(sorted(range(len(p_values)), key=lambda k: p_values[k])):
        largest = max(largest, min(1.0, (len(p_values) - place) * p_values[index]))
        corrected[index] = largest
    return corrected


def _values(groups: Sequence[ArrayLike]) -> list[NDArray[np.float64]]:
    return [np.asarray(group, np.float64) for group in groups]


def _comparable(values: list[NDArray[np.float64]], *, least: int) -> bool:
    return len(values) >= 2 and min(v.size for v in values) >= least and float(np.ptp(np.concatenate(values))) > 0
