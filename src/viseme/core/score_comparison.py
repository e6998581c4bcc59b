"""What a comparison of methods by `viseme score` answers with. Knows results; refuses to know how they came about."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from viseme.core.card import Card
from viseme.core.results import to_jsonable
from viseme.core.scores import Better, ScoreResult

__all__ = [
    "SCORE_COMPARISON_SCHEMA",
    "MethodDifference",
    "MethodRank",
    "MetricComparison",
    "ScoreComparison",
]

SCORE_COMPARISON_SCHEMA = "viseme.score-comparison/1"


@dataclass(frozen=True, kw_only=True)
class MethodRank:
    """One method under one metric, on the clips that all methods have."""

    method: str
    value: float
    """Headline; failed clips at their floor."""
    interval: tuple[float, float] | None
    rank: int
    """1 + the number of methods that are certainly better."""


@dataclass(frozen=True, kw_only=True)
class MethodDifference:
    """Two methods under one metric, clip by clip."""

    first: str
    second: str
    difference: float
    """Mean over clips of the first minus the second."""
    interval: tuple[float, float] | None
    """95 %, paired bootstrap over clips."""
    better: str | None
    """Which of the two is certainly better; None where the interval holds zero."""


@dataclass(frozen=True, kw_only=True)
class MetricComparison:
    """All methods under one metric."""

    unit: str
    better: Better
    ranks: tuple[MethodRank, ...]
    """Best first."""
    pairs: tuple[MethodDifference, ...]


@dataclass(frozen=True, kw_only=True, repr=False)
class ScoreComparison(Card):
    """Methods side by side on the same clips."""

    methods: tuple[str, ...]
    n: int
    """Clips, the same for all methods."""
    metrics: Mapping[str, MetricComparison]
    results: tuple[ScoreResult, ...]
    """Of each method."""

    def facts(self) -> Mapping[str, Any]:
        """What the card shows."""
        return {"clips": self.n, **{name: c.ranks[0].method for name, c in self.metrics.items()}}

    def to_json(self) -> dict[str, Any]:
        """The versioned object that `--json` prints."""
        return {
            "schema": SCORE_COMPARISON_SCHEMA,
            "methods": list(self.methods),
            "n": self.n,
            "metrics": {name: to_jsonable(c) for name, c in self.metrics.items()},
            "results": [result.to_json() for result in self.results],
        }
