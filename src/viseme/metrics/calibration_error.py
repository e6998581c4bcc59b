"""Whether stated probabilities are kept: of the answers given with probability p, a fraction p is right.

Knows probabilities and whether each answer was right.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["CalibrationError", "expected_calibration_error"]


def expected_calibration_error(probability: ArrayLike, right: ArrayLike, *, num_bins: int = 10) -> float:
    """Mean gap between stated probability and observed frequency, over bins of equal width, weighted by their counts.

    Args:
        probability: (N,) stated, 0 to 1.
        right: (N,) whether the answer was right. An answer where there was none to give is wrong.
        num_bins: Bins [0, 1/num_bins), ...; the last includes 1.

    Returns:
        0 (kept) to 1; NaN without answers.

    Raises:
        ValueError: lengths differ, or a probability lies outside 0 to 1.

    Source:
        Naeini, Cooper and Hauskrecht, "Obtaining Well Calibrated Probabilities Using Bayesian Binning", 2015.

    Example:
        >>> round(expected_calibration_error([0.9, 0.9], [True, False]), 3)
        0.4
    """
    counts = CalibrationError(num_bins=num_bins)
    counts.add(probability, right)
    return counts.compute()


class CalibrationError:
    """Additive counts for `expected_calibration_error`: answers, stated probability and right answers of each bin.

    Example:
        >>> counts = CalibrationError()
        >>> counts.add([0.8] * 5, [True] * 4 + [False])
        >>> counts.num, round(counts.compute(), 6)
        (5, 0.0)
    """

    def __init__(self, *, num_bins: int = 10) -> None:
        if num_bins < 1:
            raise ValueError(f"there must be at least one bin, not {num_bins}")
        self._sums: NDArray[np.float64] = np.zeros((3, num_bins))

    def add(self, probability: ArrayLike, right: ArrayLike) -> None:
        """Count answers; see `expected_calibration_error`."""
        stated, kept = np.asarray(probability, np.float64).ravel(), np.asarray(right, bool).ravel()
        if stated.shape != kept.shape:
            raise ValueError(f"{len(stated)} probabilities for {len(kept)} answers")
        if not ((stated >= 0) & (stated <= 1)).all():
            raise ValueError("a probability lies outside 0 to 1")
        num_bins = self._sums.shape[1]
        at = np.minimum((stated * num_bins).astype(int), num_bins - 1)
        for row, weights in zip(self._sums, (None, stated, kept.astype(float))):
            row += np.bincount(at, weights, num_bins)

    @property
    def num(self) -> int:
        """Answers counted."""
        return int(self._sums[0].sum())

    def compute(self) -> float:
        """The error; NaN without answers."""
        if not self.num:
            return float("nan")
        return float(np.abs(self._sums[1] - self._sums[2]).sum() / self.num)
