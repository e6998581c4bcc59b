"""From clips to a row of a table: failed clips at their floor, intervals over clips, anchors and what is left of them.

Knows results of clips; refuses to know files. Counts are additive; a mean is taken last and states its n.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Container, Mapping, Sequence
from types import MappingProxyType

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
from viseme.metrics.fid import FrameDistance
from viseme.metrics.frame_sets import SetDistance
from viseme.metrics.intervals import Interval, bootstrap, bootstrap_mean

__all__ = ["clip_weights", "counted_values", "protocol_hash", "summarise", "weighted_interval"]


def summarise(
    name: str,
    reference: str | None,
    clips: Sequence[ClipScore],
    protocols: Sequence[MetricProtocol],
    *,
    sets: Sequence[SetDistance] = (),
    not_measured: Mapping[str, str] = MappingProxyType({}),
    notes: Sequence[str] = (),
    elapsed: float = 0.0,
) -> ScoreResult:
    """The result over clips.

    Args:
        name: Of the set.
        reference: Of the set.
        clips: All, failed ones too.
        protocols: Of the metrics that were asked for.
        sets: Distances between sets of frames.
        not_measured: Metric that was left out -> what it needs.
        notes: To be read beside the numbers.
        elapsed: Seconds of work.
    """
    anchors = _mean_anchors(clips, {p.name for p in protocols if p.weighted})
    for found in sets:
        for anchor, value in (("reference", 0.0), ("still_face", found.still_face)):
            if np.isfinite(value):
                anchors.setdefault(anchor, {})[found.distance.name] = value
    distances = {found.distance.name: found.distance for found in sets}
    shares = [c.share_in_sync for c in clips if c.share_in_sync is not None]
    return ScoreResult(
        name=name,
        reference=reference,
        metrics={
            p.name: _set_value(p, distances[p.name], clips, anchors) if p.of_set else _value(p, clips, anchors)
            for p in protocols
        },
        anchors=anchors,
        protocols=tuple(protocols),
        protocol_hash=protocol_hash(protocols),
        failures=dict(Counter(cause for clip in clips for cause in clip.failures)),
        clips=tuple(clips),
        share_in_sync=float(np.mean(shares)) if shares else None,
        not_measured=dict(not_measured),
        notes=(*notes, *(f"{d.name}: {d.caution}" for d in distances.values() if d.caution)),
        elapsed=elapsed,
    )


def _set_value(
    protocol: MetricProtocol,
    found: FrameDistance,
    clips: Sequence[ClipScore],
    anchors: Mapping[str, Mapping[str, float]],
) -> MetricValue:
    """Of a distance between sets; there is no interval, since clips have no values."""
    value, valid = (v if np.isfinite(v) else None for v in (found.value, found.valid))
    causes = Counter(clip.failures[0] for clip in clips if clip.failures) if found.num_failed_clips else {}
    return MetricValue(
        value=value,
        interval=None,
        valid=valid,
        relative=_relative(protocol, value, anchors),
        unit=protocol.unit,
        better=protocol.better,
        n=len(clips),
        failures=dict(causes),
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
    counted, weights = counted_values(protocol, clips), clip_weights(protocol, clips)
    found = [clip.metrics.get(protocol.name) for clip in clips]
    valid = np.array([v is not None and v.value is not None for v in found], bool)
    causes = Counter(_cause(clip, protocol.name) for clip, v in zip(clips, found) if v is None or v.value is None)
    interval = None if len(clips) < 2 else weighted_interval(counted, weights)
    value = _mean(counted, weights) if len(clips) else None
    return MetricValue(
        value=value,
        interval=None if interval is None else (interval.low, interval.high),
        valid=_mean(counted[valid], None if weights is None else weights[valid]) if valid.any() else None,
        relative=_relative(protocol, value, anchors),
        unit=protocol.unit,
        better=protocol.better,
        n=len(clips),
        failures=dict(causes),
    )


def clip_weights(protocol: MetricProtocol, clips: Sequence[ClipScore]) -> NDArray[np.float64] | None:
    """(N,) by what each clip counts; None = all alike."""
    found = [clip.metrics.get(protocol.name) for clip in clips]
    weights = np.array([0 if v is None else v.num_frames for v in found], np.float64)
    return weights if protocol.weighted and weights.any() else None


def weighted_interval(values: NDArray[np.float64], weights: NDArray[np.float64] | None) -> Interval:
    """95 % bootstrap interval over clips of a mean, weighted or not."""
    return bootstrap_mean(values) if weights is None else bootstrap([values, weights], _mean)


def _mean(values: NDArray[np.float64], weights: NDArray[np.float64] | None) -> float:
    if weights is None or not weights.any():
        return float(values.mean())
    return float((values * weights).sum() / weights.sum())


def _cause(clip: ClipScore, name: str) -> FailureCause:
    """Why a clip has no value of a metric."""
    found = clip.metrics.get(name)
    if found is not None and found.failure is not None:
        return found.failure
    return clip.failures[0] if clip.failures else FailureCause.NOT_A_NUMBER


def _relative(
    protocol: MetricProtocol, value: float | None, anchors: Mapping[str, Mapping[str, float]]
) -> float | None:
    """(value - floor) / (real - floor); of what should be 1, or 0, by distances from it."""
    floor = anchors.get(protocol.floor, {}).get(protocol.name) if protocol.floor else protocol.worst
    real = anchors.get("reference", {}).get(protocol.name)
    if value is None or floor is None or real is None:
        return None
    if protocol.better in (Better.ONE, Better.ZERO):
        value, floor, real = (protocol.better.cost(v) for v in (value, floor, real))
    return None if abs(real - floor) < 1e-12 else (value - floor) / (real - floor)


def _mean_anchors(clips: Sequence[ClipScore], weighted: Container[str]) -> dict[str, dict[str, float]]:
    """Anchor -> metric -> mean over the clips that have it; of some metrics, by the words of a clip."""
    found: dict[str, dict[str, list[tuple[float, int]]]] = {}
    for clip in clips:
        for anchor, values in clip.anchors.items():
            for name, value in values.items():
                words = clip.metrics[name].num_frames if name in weighted and name in clip.metrics else 1
                found.setdefault(anchor, {}).setdefault(name, []).append((value, words))
    return {
        anchor: {name: _mean(*np.array(rows, np.float64).T) for name, rows in values.items()}
        for anchor, values in found.items()
    }
