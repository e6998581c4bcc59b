"""Which of several methods is better, and how sure that is: paired over the clips that all of them have.

Knows results; refuses to know files. A difference counts only where its 95 % interval leaves zero out.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from viseme.core.errors import ConfigError
from viseme.core.score_comparison import MethodDifference, MethodRank, MetricComparison, ScoreComparison
from viseme.core.scores import (
    MetricProtocol,
    ScoreResult,
)
from viseme.metrics.score_means import clip_weights, counted_values, weighted_interval

__all__ = ["compare_scores"]


def compare_scores(results: Sequence[ScoreResult]) -> ScoreComparison:
    """Rank methods.

    Args:
        results: Of `viseme.score` on the same clips, one a method.

    Returns:
        For each metric the methods, best first, and the difference of each pair with its interval.

    Raises:
        ConfigError: fewer than two methods, other protocols, or no clip in common.
    """
    if len(results) < 2:
        raise ConfigError("a comparison needs two methods or more")
    if len({r.protocol_hash for r in results}) > 1:
        raise ConfigError("the methods were scored under different protocols; score them again with one version")
    names = _short_names([r.name for r in results])
    common = sorted(set.intersection(*({c.name for c in r.clips} for r in results)))
    if not common:
        names_of_one = len(results[0].clips) == 1 and all(len(r.clips) == 1 for r in results)
        if not names_of_one:
            raise ConfigError("the methods have no clip in common; their files must have the same names")
    rows = [_clips_of(r, common) for r in results]
    metrics = {
        p.name: _compared(p, names, [counted_values(p, clips) for clips in rows], clip_weights(p, rows[0]))
        for p in results[0].protocols
        if not p.of_set  # clips have no value of their own, so nothing can be paired
    }
    return ScoreComparison(methods=tuple(names), n=len(rows[0]), metrics=metrics, results=tuple(results))


def _clips_of(result: ScoreResult, common: Sequence[str]) -> list:
    """The clips in common, in one order; single files are compared whatever they are called."""
    by_name = {clip.name: clip for clip in result.clips}
    return [by_name[name] for name in common] if common else list(result.clips)


def _compared(
    protocol: MetricProtocol,
    names: Sequence[str],
    values: Sequence[NDArray[np.float64]],
    weights: NDArray[np.float64] | None,
) -> MetricComparison:
    pairs = [
        _difference(protocol, names[a], names[b], values[a], values[b], weights)
        for a, b in combinations(range(len(names)), 2)
    ]
    beaten = {name: sum(p.better not in (None, name) for p in pairs if name in (p.first, p.second)) for name in names}
    means = [weighted_interval(v, weights) for v in values]
    ranks = []
    for i in sorted(range(len(names)), key=lambda i: protocol.better.cost(means[i].value)):
        found = means[i]
        interval = (found.low, found.high) if len(values[i]) > 1 else None
        ranks.append(MethodRank(method=names[i], value=found.value, interval=interval, rank=1 + beaten[names[i]]))
    return MetricComparison(unit=protocol.unit, better=protocol.better, ranks=tuple(ranks), pairs=tuple(pairs))


def _difference(
    protocol: MetricProtocol,
    first: str,
    second: str,
    a: NDArray[np.float64],
    b: NDArray[np.float64],
    weights: NDArray[np.float64] | None,
) -> MethodDifference:
    found = weighted_interval(a - b, weights)
    certain = len(a) > 1 and (found.low > 0 or found.high < 0)
    ours, theirs = (protocol.better.cost(weighted_interval(v, weights).value) for v in (a, b))
    return MethodDifference(
        first=first,
        second=second,
        difference=found.value,
        interval=(found.low, found.high) if len(a) > 1 else None,
        better=(first if ours < theirs else second) if certain else None,
    )


def _short_names(paths: Sequence[str]) -> list[str]:
    """Last parts of paths, unless two are alike."""
    short = [os.path.basename(os.path.normpath(p)) for p in paths]
    return short if len(set(short)) == len(short) else list(paths)
