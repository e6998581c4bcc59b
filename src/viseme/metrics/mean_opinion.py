"""Mean opinion score: the mean of ratings with its 95 % interval. Knows numbers alone."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from viseme.metrics.intervals import Interval

__all__ = ["mean_opinion", "rank_score"]


def mean_opinion(ratings: ArrayLike, level: float = 0.95) -> Interval:
    """Mean of independent ratings and its Student interval.

    Args:
        ratings: (U,), on the question's scale. Ratings of one rater depend on each other: with one mean a rater the
            interval tells of other raters, with single ratings it is what papers print.
        level: Probability that the interval holds the true mean.

    Returns:
        The mean and its interval; an unbounded interval with a single rating, NaN without any.

    Source:
        Student, "The Probable Error of a Mean", 1908; ITU-T P.800 for the mean opinion score.

    Example:
        >>> mean_opinion([1, 2, 3, 4, 5]).text(2)
        '3.00 [1.04, 4.96]'
    """
    from scipy.stats import t

    values = np.asarray(ratings, np.float64)
    if values.size == 0:
        return Interval(float("nan"), float("nan"), float("nan"))
    mean = float(values.mean())
    if values.size == 1:
        return Interval(mean, float("-inf"), float("inf"))
    half = float(t.ppf((1 + level) / 2, values.size - 1) * values.std(ddof=1) / np.sqrt(values.size))
    return Interval(mean, mean - half, mean + half)


def rank_score(rank: int, num_methods: int) -> float:
    """A rank on the scale from 1 (worst) to 5 (best); the first rank is the best.

    Raises:
        ValueError: fewer than two methods, or a rank outside 1 to `num_methods`.

    Source:
        Yaman et al., section 4.4: methods are ranked, "the scores are scaled between 1 (worst) and 5 (best)". The paper
        does not say how; we scale linearly.

    Example:
        >>> [rank_score(rank, 3) for rank in (1, 2, 3)]
        [5.0, 3.0, 1.0]
    """
    if num_methods < 2 or not 1 <= rank <= num_methods:
        raise ValueError(f"rank {rank} of {num_methods} methods")
    return 5.0 - 4.0 * (rank - 1) / (num_methods - 1)
