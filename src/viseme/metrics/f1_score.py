"""F1 score: the harmonic mean of precision and recall."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

__all__ = ["F1Counts", "f1_score"]


def f1_score(scores: ArrayLike, labels: ArrayLike, threshold: float = 0.0) -> float:
    """Harmonic mean of precision and recall of `scores > threshold`; 0 where nothing is right.

    Source:
        As `sklearn.metrics.f1_score` with `zero_division=0`.

    Example:
        >>> round(f1_score([1.0, 1.0, -1.0], [1, 0, 1]), 3)
        0.5
    """
    counts = F1Counts()
    counts.add(np.asarray(scores) > threshold, labels)
    return counts.f1


class F1Counts:
    """Additive counts for `f1_score`.

    Example:
        >>> counts = F1Counts()
        >>> counts.add([True, True, False], [True, False, True])
        >>> counts.precision, counts.recall, counts.f1
        (0.5, 0.5, 0.5)
    """

    def __init__(self) -> None:
        self.num_right = self.num_said = self.num_true = 0

    def add(self, said: ArrayLike, true: ArrayLike) -> None:
        """Count (N,) decisions against (N,) labels.

        Raises:
            ValueError: shapes differ.
        """
        decision, label = np.asarray(said, bool), np.asarray(true, bool)
        if decision.shape != label.shape:
            raise ValueError(f"decisions {decision.shape} and labels {label.shape} differ in shape")
        self.num_right += int((decision & label).sum())
        self.num_said += int(decision.sum())
        self.num_true += int(label.sum())

    @property
    def precision(self) -> float:
        """Right decisions over decisions; 0 without any."""
        return self.num_right / max(self.num_said, 1)

    @property
    def recall(self) -> float:
        """Right decisions over positives; 0 without any."""
        return self.num_right / max(self.num_true, 1)

    @property
    def f1(self) -> float:
        """Their harmonic mean; 0 where nothing is right."""
        return 2 * self.num_right / max(self.num_said + self.num_true, 1)
