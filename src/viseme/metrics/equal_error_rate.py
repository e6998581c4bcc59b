"""Equal error rate: where false acceptances and misses are equally frequent."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from viseme.metrics.threshold_curve import ThresholdCurve

__all__ = ["equal_error_rate", "equal_error_rate_of"]


def equal_error_rate(scores: ArrayLike, labels: ArrayLike) -> tuple[float, float]:
    """The rate at which as many negatives are accepted as positives are missed, and the score where.

    Args:
        scores: (N,) higher = rather positive; no NaN.
        labels: (N,) true where positive.

    Returns:
        The rate where the lines between neighbouring points of the two curves cross, and the higher-recall one of the
        two scores between which they do; NaN without both kinds.

    Example:
        >>> equal_error_rate([4.0, 3.0, 2.0, 1.0], [1, 0, 1, 0])
        (0.5, 3.0)
    """
    return equal_error_rate_of(ThresholdCurve.of(scores, labels))


def equal_error_rate_of(curve: ThresholdCurve) -> tuple[float, float]:
    """`equal_error_rate` of a curve that is already there."""
    positives, negatives = curve.totals
    if positives <= 0 or negatives <= 0:
        return float("nan"), float("nan")
    wrong, missed = np.append(0.0, curve.false) / negatives, 1 - np.append(0.0, curve.true) / positives
    gap = wrong - missed  # rises from -1 to 1
    at = int(np.argmax(gap >= 0))
    levels = np.append(np.inf, curve.thresholds)
    if gap[at] == 0 or at == 0:
        return float(wrong[at]), float(levels[at])
    part = -gap[at - 1] / (gap[at] - gap[at - 1])
    return float(wrong[at - 1] + part * (wrong[at] - wrong[at - 1])), float(levels[at])
