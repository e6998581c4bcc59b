"""From clips to a row of a table: failed clips at their floor, intervals over clips, anchors and what is left of them.

Knows results of clips; refuses to know files. Counts are additive; a mean is taken last and states its n.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

import viseme
from viseme.core.scores import (
    Better,
    ClipScore,
    FailureCause,
    MetricProtocol,
    MetricValue,
    ScoreResult,
    protocols_to_json,
)
from viseme.metrics.intervals import bootstrap_mean

__all__ = ["counted_values", "protocol_hash", "summarise"]


def summarise(
    name: str,
    reference: str | None,
    clips: Sequence[ClipScore],
    protocols: Sequence[MetricProtocol],
    *,
    elapsed: float = 0.0,
) -> ScoreResult:
    """The result over clips.

    Args:
        name: Of the set.
        reference: Of the set.
        clips: All, failed ones too.
        protocols: Of the metrics that were asked for.
        elapsed: Seconds of work.
    """
    anchors = _mean_anchors(clips)
    shares = [c.share_in_sync for c in clips if c.share_in_sync is not None]
    return ScoreResult(
        name=name,
        reference=reference,
        metrics={p.name: _value(p, clips, anchors) for p in protocols},
        anchors=anchors,
        protocols=tuple(protocols),
        protocol_hash=protocol_hash(protocols),
        failures=dict(Counter(cause for clip in clips for cause in clip.failures)),
        clips=tuple(clips),
        share_in_sync=float(np.mean(shares)) if shares else None,
        elapsed=elapsed,
    )


def protocol_hash(protocols: Sequence[MetricProtocol]) -> str:
    """12 hexadecimal digits that change with anything in the protocols, and with the version of this package."""
    text = json.dumps([viseme.__version__, protocols_to_json(protocols)], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def counted_values(protocol: MetricProtocol, clips: Sequence[ClipScore]) -> NDArray[np.float64]:
    """(N,) what each clip counts in the headline: its value; where it failed, its floor, the mean floor of the others,
    or the worst there is."""
    floors = [clip.anchors.get(protocol.floor, {}).get(protocol.name) for clip in clips]
    known = [f for f in floors if f is not None]
    usual = float(np.mean(known)) if known else protocol.worst
    out = np.empty(len(clips))
    for row, (clip, floor) in enumerate(zip(clips, floors)):
        found = clip.metrics.get(protocol.name)
        value = None if found is None else found.value
        out[row] = value if value is not None else floor if floor is not None else usual
    return out


def _value(
    protocol: MetricProtocol, clips: Sequence[ClipScore], anchors: Mapping[str, Mapping[str, float]]
) -> MetricValue:
    counted = counted_values(protocol, clips)
    found = [clip.metrics.get(protocol.name) for clip in clips]
    valid = [v.value for v in found if v is not None and v.value is not None]
    causes = Counter(_cause(clip, protocol.name) for clip, v in zip(clips, found) if v is None or v.value is None)
    interval = bootstrap_mean(counted) if len(clips) > 1 else None
    value = float(counted.mean()) if len(clips) else None
    return MetricValue(
        value=value,
        interval=None if interval is None else (interval.low, interval.high),
        valid=float(np.mean(valid)) if valid else None,
        relative=_relative(protocol, value, anchors),
        unit=protocol.unit,
        better=protocol.better,
        n=len(clips),
        failures=dict(causes),
    )


def _cause(clip: ClipScore, name: str) -> FailureCause:
    """Why a clip has no value of a metric."""
    found = clip.metrics.get(name)
    if found is not None and found.failure is not None:
        return found.failure
    return clip.failures[0] if clip.failures else FailureCause.NOT_A_NUMBER


def _relative(
    protocol: MetricProtocol, value: float | None, anchors: Mapping[str, Mapping[str, float]]
) -> float | None:
    """(value - floor) / (real - floor); of what should be 1, by distances from 1."""
    floor = anchors.get(protocol.floor, {}).get(protocol.name) if protocol.floor else protocol.worst
    real = anchors.get("reference", {}).get(protocol.name)
    if value is None or floor is None or real is None:
        return None
    if protocol.better is Better.ONE:
        value, floor, real = abs(value - 1), abs(floor - 1), abs(real - 1)
    return None if abs(real - floor) < 1e-12 else (value - floor) / (real - floor)


def _mean_anchors(clips: Sequence[ClipScore]) -> dict[str, dict[str, float]]:
    """Anchor -> metric -> mean over the clips that have it."""
    found: dict[str, dict[str, list[float]]] = {}
    for clip in clips:
        for anchor, values in clip.anchors.items():
            for name, value in values.items():
                found.setdefault(anchor, {}).setdefault(name, []).append(value)
    return {a: {n: float(np.mean(v)) for n, v in values.items()} for a, values in found.items()}
