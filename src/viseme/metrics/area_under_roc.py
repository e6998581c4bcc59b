"""Area under the receiver operating characteristic."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from viseme.metrics.threshold_curve import ThresholdCurve

__all__ = ["area_under_roc", "area_under_roc_of"]


def area_under_roc(scores: ArrayLike, labels: ArrayLike) -> float:
    """Probability that a positive scores above a negative, ties counting half.

    Args:
        scores: (N,) higher = rather positive; no NaN.
        labels: (N,) true where positive.

    Returns:
        0 to 1; NaN without both kinds.

    Source:
        As `sklearn.metrics.roc_auc_score`.

    Example:
        >>> area_under_roc([2.0, 1.0, 1.0], [1, 1, 0])
        0.75
    """
    return area_under_roc_of(ThresholdCurve.of(scores, labels))


def area_under_roc_of(curve: ThresholdCurve) -> float:
    """`area_under_roc` of a curve that is already there."""
    positives, negatives = curve.totals
    if positives <= 0 or negatives <= 0:
        return float("nan")
    x, y = np.append(0.0, curve.false) / negatives, np.append(0.0, curve.true) / positives
    return float((np.diff(x) * (y[1:] + y[:-1]) / 2).sum())
