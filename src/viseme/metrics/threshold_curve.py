"""Positives and negatives at and above each distinct score: what precision, recall and ROC are read from.

Knows scores and labels. Ties are one step of every curve, so the order of equal scores never matters.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["ThresholdCurve"]


@dataclass(frozen=True)
class ThresholdCurve:
    """Weights of positives and negatives at and above each distinct score, highest score first."""

    thresholds: NDArray[np.floating]
    """(C,) distinct scores, falling."""
    true: NDArray[np.floating]
    """(C,) weight of the positives that score so much or more."""
    false: NDArray[np.floating]
    """(C,) weight of the negatives that score so much or more."""

    @classmethod
    def of(cls, scores: ArrayLike, labels: ArrayLike, weights: ArrayLike | None = None) -> ThresholdCurve:
        """Sort and count.

        Args:
            scores: (N,) higher = rather positive; no NaN.
            labels: (N,) true where positive.
            weights: (N,) how often each counts; None = once.

        Raises:
            ValueError: lengths differ, or a score is NaN.
        """
        score, label = np.asarray(scores, np.float64), np.asarray(labels, bool)
        if score.shape != label.shape or score.ndim != 1:
            raise ValueError(f"scores {score.shape} and labels {label.shape} must be two vectors of one length")
        if np.isnan(score).any():
            raise ValueError("a score is NaN; give what cannot be told the lowest score, or leave it out and say so")
        order = np.argsort(-score, kind="stable")
        return cls.sorted(score[order], label[order], None if weights is None else np.asarray(weights)[order])

    @classmethod
    def sorted(
        cls, scores: NDArray[np.floating], labels: NDArray[np.bool_], weights: NDArray[np.floating] | None
    ) -> ThresholdCurve:
        """From scores that already fall."""
        weight = np.ones(len(scores)) if weights is None else weights
        last = np.append(scores[1:] != scores[:-1], True) if len(scores) else np.zeros(0, bool)
        return cls(scores[last], np.cumsum(weight * labels)[last], np.cumsum(weight * ~labels)[last])

    @property
    def totals(self) -> tuple[float, float]:
        """Weight of all positives and of all negatives."""
        if len(self.true) == 0:
            return 0.0, 0.0
        return float(self.true[-1]), float(self.false[-1])

    @property
    def precision(self) -> NDArray[np.floating]:
        """(C,) positives over everything that scores so much or more."""
        seen = self.true + self.false
        return np.divide(self.true, seen, out=np.zeros_like(seen), where=seen > 0)

    @property
    def gained(self) -> NDArray[np.floating]:
        """(C,) weight of the positives that score exactly so much."""
        return np.diff(self.true, prepend=0.0)
