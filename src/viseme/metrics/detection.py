"""How well scores tell positives from negatives, pooled over videos: AP, VOC AP, AUROC and EER with intervals.

Knows scores, labels and which video each came from. Counts are additive over videos; nothing here is a mean of means.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from viseme.metrics.area_under_roc import area_under_roc_of
from viseme.metrics.average_precision import average_precision_of, voc_average_precision_of
from viseme.metrics.equal_error_rate import equal_error_rate_of
from viseme.metrics.intervals import Interval
from viseme.metrics.threshold_curve import ThresholdCurve

__all__ = ["DetectionMetrics", "DetectionScores"]


@dataclass(frozen=True, kw_only=True)
class DetectionMetrics:
    """What was measured, on what."""

    average_precision: Interval
    voc_average_precision: Interval
    area_under_roc: Interval
    equal_error_rate: Interval
    equal_error_score: float
    """Score at which as many are missed as wrongly accepted."""
    num_instants: int
    num_positive: int
    videos: tuple[str, ...]

    @property
    def positive_rate(self) -> float:
        """Average precision of guessing."""
        return self.num_positive / max(self.num_instants, 1)

    def __str__(self) -> str:
        return (
            f"AP {self.average_precision}, VOC AP {self.voc_average_precision}, AUROC {self.area_under_roc}, "
            f"EER {self.equal_error_rate}; {self.num_instants} instants of {len(self.videos)} videos, "
            f"{self.positive_rate:.1%} positive"
        )


class DetectionScores:
    """Pools scored instants of many videos; the interval comes from drawing videos, not instants.

    Example:
        >>> pool = DetectionScores()
        >>> pool.add("a", np.array([2.0, 0.5]), np.array([1, 0]))
        >>> pool.add("b", np.array([1.5, 1.0]), np.array([1, 0]))
        >>> pool.compute(num_draws=50).average_precision.value
        1.0
    """

    def __init__(self) -> None:
        self._parts: list[tuple[int, NDArray[np.float64], NDArray[np.bool_]]] = []
        self._videos: dict[str, int] = {}

    def add(self, video: str, scores: NDArray[np.floating], labels: NDArray) -> None:
        """Instants of one video; may be called again for the same one.

        Raises:
            ValueError: lengths differ, or a score is NaN.
        """
        scores, labels = np.asarray(scores, np.float64).ravel(), np.asarray(labels, bool).ravel()
        if len(scores) != len(labels) or np.isnan(scores).any():
            raise ValueError(f"{video}: {len(scores)} scores for {len(labels)} labels, or a NaN among them")
        self._parts.append((self._videos.setdefault(video, len(self._videos)), scores, labels))

    def compute(self, *, num_draws: int = 1000, seed: int = 0) -> DetectionMetrics:
        """All metrics over what was pooled.

        Args:
            num_draws: Bootstrap draws of as many videos as there are, with replacement; draws without both kinds of
                instants are left out.
            seed: Of the draws.

        Raises:
            ValueError: nothing was added, or all of it is of one kind.
        """
        owner, scores, labels = self._sorted()
        whole = ThresholdCurve.sorted(scores, labels, None)
        rng = np.random.default_rng(seed)
        num = len(self._videos)
        draws = []
        for _ in range(num_draws):
            times = np.bincount(rng.integers(num, size=num), minlength=num).astype(np.float64)
            curve = ThresholdCurve.sorted(scores, labels, times[owner])
            if min(curve.totals) > 0:
                draws.append(_values(curve))
        low, high = np.percentile(np.array(draws), [2.5, 97.5], axis=0) if draws else np.full((2, 4), np.nan)
        found = [Interval(v, float(a), float(b)) for v, a, b in zip(_values(whole), low, high)]
        return DetectionMetrics(
            average_precision=found[0],
            voc_average_precision=found[1],
            area_under_roc=found[2],
            equal_error_rate=found[3],
            equal_error_score=equal_error_rate_of(whole)[1],
            num_instants=len(labels),
            num_positive=int(labels.sum()),
            videos=tuple(self._videos),
        )

    def _sorted(self) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.bool_]]:
        """(N,) video, score and label of every instant, highest score first."""
        if not self._parts:
            raise ValueError("nothing was scored")
        owner = np.concatenate([np.full(len(s), v) for v, s, _ in self._parts])
        scores = np.concatenate([s for _, s, _ in self._parts])
        labels = np.concatenate([n for _, _, n in self._parts])
        if labels.all() or not labels.any():
            raise ValueError(f"all {len(labels)} instants are of one kind; there is nothing to tell apart")
        order = np.argsort(-scores, kind="stable")
        return owner[order], scores[order], labels[order]


def _values(curve: ThresholdCurve) -> tuple[float, float, float, float]:
    """AP, VOC AP, AUROC and EER."""
    rate, _ = equal_error_rate_of(curve)
    return average_precision_of(curve), voc_average_precision_of(curve), area_under_roc_of(curve), rate
