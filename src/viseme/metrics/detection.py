"""How well scores tell positives from negatives: average precision two ways, area under ROC, equal error rate.

Knows scores, labels and which video each came from. Ties are one step of every curve, so the order of equal scores
never matters. Counts are additive over videos; nothing here is a mean of means.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "DetectionMetrics",
    "DetectionScores",
    "Interval",
    "area_under_roc",
    "average_precision",
    "equal_error_rate",
    "f1_score",
    "voc_average_precision",
]

Array = NDArray[np.floating]


@dataclass(frozen=True)
class _Curve:
    """Weights of positives and negatives at and above each distinct score, highest score first."""

    thresholds: Array
    true: Array
    false: Array

    @classmethod
    def of(cls, scores: Array, labels: NDArray, weights: Array | None = None) -> _Curve:
        scores, labels = np.asarray(scores, np.float64), np.asarray(labels, bool)
        if scores.shape != labels.shape or scores.ndim != 1:
            raise ValueError(f"scores {scores.shape} and labels {labels.shape} must be two vectors of one length")
        if np.isnan(scores).any():
            raise ValueError("a score is NaN; give what cannot be told the lowest score, or leave it out and say so")
        order = np.argsort(-scores, kind="stable")
        return cls.sorted(scores[order], labels[order], None if weights is None else np.asarray(weights)[order])

    @classmethod
    def sorted(cls, scores: Array, labels: NDArray[np.bool_], weights: Array | None) -> _Curve:
        """From scores that already fall."""
        weight = np.ones(len(scores)) if weights is None else weights
        last = np.append(scores[1:] != scores[:-1], True) if len(scores) else np.zeros(0, bool)
        return cls(scores[last], np.cumsum(weight * labels)[last], np.cumsum(weight * ~labels)[last])

    @property
    def totals(self) -> tuple[float, float]:
        if len(self.true) == 0:
            return 0.0, 0.0
        return float(self.true[-1]), float(self.false[-1])

    def average_precision(self) -> float:
        positives, _ = self.totals
        if positives <= 0:
            return float("nan")
        steps = np.diff(self.true, prepend=0.0)
        seen = self.true + self.false
        return float((steps * np.divide(self.true, seen, out=np.zeros_like(seen), where=seen > 0)).sum() / positives)

    def voc(self) -> float:
        positives, _ = self.totals
        if positives <= 0:
            return float("nan")
        seen = self.true + self.false
        precision = np.divide(self.true, seen, out=np.zeros_like(seen), where=seen > 0)
        best = np.maximum.accumulate(precision[::-1])[::-1]
        return float((np.diff(self.true, prepend=0.0) * best).sum() / positives)

    def roc(self) -> float:
        positives, negatives = self.totals
        if positives <= 0 or negatives <= 0:
            return float("nan")
        x, y = np.append(0.0, self.false) / negatives, np.append(0.0, self.true) / positives
        return float((np.diff(x) * (y[1:] + y[:-1]) / 2).sum())

    def eer(self) -> tuple[float, float]:
        positives, negatives = self.totals
        if positives <= 0 or negatives <= 0:
            return float("nan"), float("nan")
        wrong, missed = np.append(0.0, self.false) / negatives, 1 - np.append(0.0, self.true) / positives
        gap = wrong - missed  # rises from -1 to 1
        at = int(np.argmax(gap >= 0))
        levels = np.append(np.inf, self.thresholds)
        if gap[at] == 0 or at == 0:
            return float(wrong[at]), float(levels[at])
        part = -gap[at - 1] / (gap[at] - gap[at - 1])
        return float(wrong[at - 1] + part * (wrong[at] - wrong[at - 1])), float(levels[at])


def average_precision(scores: Array, labels: NDArray) -> float:
    """Area under precision over recall, by steps: the precision at each distinct score times the recall gained there.

    Args:
        scores: (N,) higher = rather positive; no NaN.
        labels: (N,) true where positive.

    Returns:
        0 to 1; NaN without positives.

    Source:
        As `sklearn.metrics.average_precision_score`; no interpolation.

    Example:
        >>> round(average_precision(np.array([3.0, 2.0, 1.0]), np.array([1, 0, 1])), 4)
        0.8333
    """
    return _Curve.of(scores, labels).average_precision()


def voc_average_precision(scores: Array, labels: NDArray) -> float:
    """Average precision with precision first made to fall with recall, as the AVA-ActiveSpeaker evaluation does.

    Returns:
        0 to 1, never below `average_precision`; NaN without positives.

    Source:
        VOCdevkit since 2010; `get_ava_active_speaker_performance.py`. That program takes tied scores one by one in the
        order of its file; here ties are one step.

    Example:
        >>> round(voc_average_precision(np.array([4.0, 3.0, 2.0, 1.0]), np.array([0, 1, 1, 0])), 4)
        0.6667
    """
    return _Curve.of(scores, labels).voc()


def area_under_roc(scores: Array, labels: NDArray) -> float:
    """Probability that a positive scores above a negative, ties counting half; NaN without both.

    Example:
        >>> area_under_roc(np.array([2.0, 1.0, 1.0]), np.array([1, 1, 0]))
        0.75
    """
    return _Curve.of(scores, labels).roc()


def equal_error_rate(scores: Array, labels: NDArray) -> tuple[float, float]:
    """The rate at which as many negatives are accepted as positives are missed, and the score where.

    Returns:
        The rate where the lines between neighbouring points of the two curves cross, and the higher-recall one of the
        two scores between which they do; NaN without both kinds.

    Example:
        >>> equal_error_rate(np.array([4.0, 3.0, 2.0, 1.0]), np.array([1, 0, 1, 0]))
        (0.5, 3.0)
    """
    return _Curve.of(scores, labels).eer()


def f1_score(scores: Array, labels: NDArray, threshold: float = 0.0) -> float:
    """Harmonic mean of precision and recall of `scores > threshold`; 0 where nothing is right.

    Example:
        >>> round(f1_score(np.array([1.0, 1.0, -1.0]), np.array([1, 0, 1])), 3)
        0.5
    """
    said, labels = np.asarray(scores) > threshold, np.asarray(labels, bool)
    right = int((said & labels).sum())
    return 2 * right / (int(said.sum()) + int(labels.sum())) if right else 0.0


@dataclass(frozen=True)
class Interval:
    """A number with its 95 % interval."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.3f} ({self.low:.3f} to {self.high:.3f})"


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

    def add(self, video: str, scores: Array, labels: NDArray) -> None:
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
        if not self._parts:
            raise ValueError("nothing was scored")
        owner = np.concatenate([np.full(len(s), v) for v, s, _ in self._parts])
        scores = np.concatenate([s for _, s, _ in self._parts])
        labels = np.concatenate([n for _, _, n in self._parts])
        if labels.all() or not labels.any():
            raise ValueError(f"all {len(labels)} instants are of one kind; there is nothing to tell apart")
        order = np.argsort(-scores, kind="stable")
        owner, scores, labels = owner[order], scores[order], labels[order]
        whole = _Curve.sorted(scores, labels, None)
        rng = np.random.default_rng(seed)
        draws = []
        num = len(self._videos)
        for _ in range(num_draws):
            times = np.bincount(rng.integers(num, size=num), minlength=num).astype(np.float64)
            curve = _Curve.sorted(scores, labels, times[owner])
            if min(curve.totals) > 0:
                draws.append((curve.average_precision(), curve.voc(), curve.roc(), curve.eer()[0]))
        low, high = np.percentile(np.array(draws), [2.5, 97.5], axis=0) if draws else np.full((2, 4), np.nan)
        rate, level = whole.eer()
        values = (whole.average_precision(), whole.voc(), whole.roc(), rate)
        found = [Interval(v, float(a), float(b)) for v, a, b in zip(values, low, high)]
        return DetectionMetrics(
            average_precision=found[0],
            voc_average_precision=found[1],
            area_under_roc=found[2],
            equal_error_rate=found[3],
            equal_error_score=level,
            num_instants=len(labels),
            num_positive=int(labels.sum()),
            videos=tuple(self._videos),
        )
