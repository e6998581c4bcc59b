"""Average precision, and its interpolated form of the PASCAL VOC and AVA-ActiveSpeaker evaluations."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from viseme.metrics.threshold_curve import ThresholdCurve

__all__ = ["average_precision", "average_precision_of", "voc_average_precision", "voc_average_precision_of"]


def average_precision(scores: ArrayLike, labels: ArrayLike) -> float:
    """Area under precision over recall, by steps: the precision at each distinct score times the recall gained there.

    Args:
        scores: (N,) higher = rather positive; no NaN.
        labels: (N,) true where positive.

    Returns:
        0 to 1; NaN without positives.

    Source:
        As `sklearn.metrics.average_precision_score`; no interpolation.

    Example:
        >>> round(average_precision([3.0, 2.0, 1.0], [1, 0, 1]), 4)
        0.8333
    """
    return average_precision_of(ThresholdCurve.of(scores, labels))


def average_precision_of(curve: ThresholdCurve) -> float:
    """`average_precision` of a curve that is already there."""
    positives, _ = curve.totals
    return float((curve.gained * curve.precision).sum() / positives) if positives > 0 else float("nan")


def voc_average_precision(scores: ArrayLike, labels: ArrayLike) -> float:
    """Average precision with precision first made to fall with recall, as the AVA-ActiveSpeaker evaluation does.

    Returns:
        0 to 1, never below `average_precision`; NaN without positives.

    Source:
        VOCdevkit since 2010; `get_ava_active_speaker_performance.py`. That program takes tied scores one by one in the
        order of its file; here ties are one step.

    Example:
        >>> round(voc_average_precision([4.0, 3.0, 2.0, 1.0], [0, 1, 1, 0]), 4)
        0.6667
    """
    return voc_average_precision_of(ThresholdCurve.of(scores, labels))


def voc_average_precision_of(curve: ThresholdCurve) -> float:
    """`voc_average_precision` of a curve that is already there."""
    positives, _ = curve.totals
    if positives <= 0:
        return float("nan")
    best = np.maximum.accumulate(curve.precision[::-1])[::-1]
    return float((curve.gained * best).sum() / positives)
