"""Intervals of what was measured: Wilson's for a proportion, a bootstrap for anything else. Knows numbers alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

__all__ = ["Interval", "bootstrap", "bootstrap_mean", "wilson"]


@dataclass(frozen=True)
class Interval:
    """A number and the interval that holds the truth in 95 of 100 repetitions."""

    value: float
    low: float
    high: float

    def text(self, digits: int = 3, *, scale: float = 1.0) -> str:
        """ "1.137 [1.101, 1.174]"; "-" where nothing was measured."""
        if not np.isfinite(self.value):
            return "-"
        return f"{scale * self.value:.{digits}f} [{scale * self.low:.{digits}f}, {scale * self.high:.{digits}f}]"

    def __str__(self) -> str:
        return self.text()

    def apart_from(self, other: Interval) -> bool:
        """Whether the two intervals do not overlap."""
        return self.high < other.low or other.high < self.low


def wilson(hits: int, num: int, level: float = 0.95) -> Interval:
    """Interval of a proportion.

    Args:
        hits: Successes.
        num: Trials.
        level: Probability that the interval holds the true proportion.

    Returns:
        The proportion and its interval, 0 to 1; NaN with the interval [0, 1] without trials.

    Raises:
        ValueError: `hits` lies outside 0 to `num`.

    Source:
        Wilson, "Probable Inference, the Law of Succession, and Statistical Inference", 1927.

    Example:
        >>> wilson(95, 100).text()
        '0.950 [0.888, 0.978]'
    """
    if not 0 <= hits <= num:
        raise ValueError(f"{hits} of {num} is no proportion")
    if num == 0:
        return Interval(float("nan"), 0.0, 1.0)
    z = NormalDist().inv_cdf((1 + level) / 2)
    share, squared = hits / num, z * z
    middle = (share + squared / (2 * num)) / (1 + squared / num)
    half = z / (1 + squared / num) * (share * (1 - share) / num + squared / (4 * num * num)) ** 0.5
    return Interval(share, max(0.0, middle - half), min(1.0, middle + half))


def bootstrap(
    groups: Sequence[NDArray[np.floating]],
    statistic: Callable[..., float],
    *,
    num: int = 1000,
    seed: int = 0,
) -> Interval:
    """Percentile interval of a statistic over independent units.

    Args:
        groups: Arrays (U, ...) over the same units; all are resampled together, so that ratios are paired.
        statistic: Takes the resampled arrays.
        num: Resamplings.
        seed: Of the resampling.

    Returns:
        The statistic of the data as they are, and its 2.5 and 97.5 percentiles. NaN without units.

    Source:
        Efron, "Bootstrap Methods: Another Look at the Jackknife", 1979; the percentile interval.

    Example:
        >>> bootstrap([np.array([1.0, 1.0])], np.mean).text()
        '1.000 [1.000, 1.000]'
    """
    count = len(groups[0])
    if count == 0:
        return Interval(float("nan"), float("nan"), float("nan"))
    rng = np.random.default_rng(seed)
    drawn = []
    for _ in range(num):
        rows = rng.integers(count, size=count)
        drawn.append(statistic(*(np.asarray(g)[rows] for g in groups)))
    low, high = np.nanpercentile(drawn, [2.5, 97.5])
    return Interval(float(statistic(*groups)), float(low), float(high))


def bootstrap_mean(values: NDArray[np.floating], *, num: int = 1000, seed: int = 0) -> Interval:
    """`bootstrap` of a mean, all resamplings at once; of paired differences, the interval of the difference.

    Args:
        values: (U,) one a unit.
        num: Resamplings.
        seed: Of the resampling.

    Example:
        >>> found = bootstrap_mean(np.arange(100.0))
        >>> found.value, round(found.low), round(found.high)
        (49.5, 44, 55)
    """
    units = np.asarray(values, np.float64)
    if not len(units):
        return Interval(float("nan"), float("nan"), float("nan"))
    rng = np.random.default_rng(seed)
    drawn = np.concatenate([units[rng.integers(len(units), size=(n, len(units)))].mean(1) for n in _portions(num)])
    low, high = np.percentile(drawn, [2.5, 97.5])
    return Interval(float(units.mean()), float(low), float(high))


def _portions(num: int, most: int = 100) -> list[int]:
    """`num` in parts of at most `most`."""
    return [min(most, num - at) for at in range(0, num, most)]
