"""Curves of the metrics over changes, with intervals over clips. Knows answers; refuses to know how they are shown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from viseme.metrics.intervals import Interval, bootstrap
from viseme.reproduce.figure5.changes import UNCHANGED, Change
from viseme.reproduce.figure5.measure import Answer

__all__ = ["Point", "curve", "metric_keys", "points_of_kind"]


@dataclass(frozen=True)
class Point:
    """One metric under one change, over clips."""

    change: Change
    mean: Interval
    loss: Interval
    """Part of the unchanged mean that is lost, for metrics where more is better; for distances the part gained. Over
    the same clips."""
    num: int
    """Clips measured with and without the change."""
    num_lost: int
    """Clips measured without the change and not with it: no face was followed any more."""


def metric_keys(answers: Sequence[Answer], mode: str) -> list[str]:
    """Everything measured in a mode, in the order measured."""
    found: dict[str, None] = {}
    for answer in answers:
        for (of_mode, _, _), values in answer.values.items():
            if of_mode == mode:
                found |= dict.fromkeys(values)
    return list(found)


def lower_is_better(key: str) -> bool:
    return key.startswith(("vsd", "lse_d"))


def points_of_kind(changes: Sequence[Change], kind: str) -> list[Change]:
    """Changes of one kind in order of their values, the unchanged clip in its place."""
    of_kind = [c for c in changes if c.kind == kind and not c.is_none]
    return sorted([*of_kind, Change(kind, 1.0 if kind == "scale" else 0.0)], key=lambda c: c.value)  # type: ignore[arg-type]


def curve(answers: Sequence[Answer], key: str, mode: str, changes: Sequence[Change]) -> list[Point]:
    """A metric under each of some changes."""
    return [_point(answers, key, mode, change) for change in changes]


def _point(answers: Sequence[Answer], key: str, mode: str, change: Change) -> Point:
    asked = UNCHANGED if change.is_none else change
    pairs, num_lost = [], 0
    for answer in answers:
        plain = answer.values.get((mode, UNCHANGED.kind, UNCHANGED.value), {}).get(key)
        changed = answer.values.get((mode, asked.kind, asked.value), {}).get(key)
        if plain is not None and changed is not None:
            pairs.append((plain, changed))
        num_lost += plain is not None and changed is None
    plain, changed = np.array(pairs, np.float64).reshape(-1, 2).T
    sign = -1.0 if lower_is_better(key) else 1.0

    def lost(before: np.ndarray, after: np.ndarray) -> float:
        return float(sign * (before.mean() - after.mean()) / abs(before.mean()))

    return Point(change, bootstrap([changed], np.mean), bootstrap([plain, changed], lost), len(pairs), num_lost)
