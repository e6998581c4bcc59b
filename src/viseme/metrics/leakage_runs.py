"""Checks for leakage over folders of clips that a generator made for them, out of what `viseme.score` says of these.

Knows results; refuses to know files. A clip counts where it could be measured.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from viseme.core.errors import ConfigError
from viseme.core.scores import ClipScore, LeakageOutcome, ScoreResult
from viseme.metrics.leakage import LeakageCheck, cross_audio_check, reference_distance_check, silent_audio_check
from viseme.metrics.lip_opening import CLOSED

__all__ = ["LEAKAGE_METRICS", "cross_audio", "reference_distance", "silent_audio"]

LEAKAGE_METRICS: Mapping[str, str] = {"silent-audio": "mouth_opening", "cross-audio": "lip_distance"}
"""Check -> the metric that it is made of."""


def silent_audio(result: ScoreResult) -> LeakageOutcome:
    """Clips generated under silent audio: does the mouth stay shut?

    Args:
        result: With `mouth_opening`, beside the real, speaking clips.

    Raises:
        ConfigError: no clip could be measured.
    """
    name = LEAKAGE_METRICS["silent-audio"]
    rows = [
        (value, clip.anchors[CLOSED][name])
        for clip in result.clips
        if (value := _value(clip, name)) is not None and clip.anchors.get(CLOSED, {}).get(name, 0) > 0
    ]
    check = silent_audio_check(*_columns(rows))
    return _outcome(check, "mouth opening under silent audio over that of the closed mouth, target up to 1.2")


def cross_audio(target: ScoreResult, driving: ScoreResult) -> LeakageOutcome:
    """Clips generated under another clip's audio: do the lips follow the audio or the frames?

    Args:
        target: With `lip_distance`, beside the real clips of the frames.
        driving: The same clips beside the real clips of the audio.

    Raises:
        ConfigError: no clip could be measured beside both.
    """
    name = LEAKAGE_METRICS["cross-audio"]
    to_driving = {clip.name: _value(clip, name) for clip in driving.clips}
    pairs = ((_value(clip, name), to_driving.get(clip.name)) for clip in target.clips)
    check = cross_audio_check(*_columns([(a, b) for a, b in pairs if a is not None and b is not None]))
    return _outcome(check, "distance of the lips to those of the frames, less that to those of the audio, target > 0")


def reference_distance(results: Mapping[float, ScoreResult], metric: str) -> LeakageOutcome:
    """Clips generated from identity frames of ever farther away: does the score fall?

    Args:
        results: Seconds between a frame and its identity frames -> the same clips.
        metric: Which score.

    Raises:
        ConfigError: no clip could be measured at all distances.
    """
    named = {seconds: {c.name: _value(c, metric) for c in result.clips} for seconds, result in results.items()}
    common = sorted(set.intersection(*(set(values) for values in named.values())))
    usable = [n for n in common if all(values[n] is not None for values in named.values())]
    if not usable:
        raise ConfigError(f"no clip has {metric} at all distances")
    better = next(p.better for p in next(iter(results.values())).protocols if p.name == metric)
    scores = {seconds: [-better.cost(values[n] or 0.0) for n in usable] for seconds, values in named.items()}
    check = reference_distance_check(scores)
    return _outcome(
        check, f"{metric} with identity frames {max(results):g} s away, less {min(results):g} s, up = better"
    )


def _value(clip: ClipScore, name: str) -> float | None:
    found = clip.metrics.get(name)
    return None if found is None else found.value


def _columns(rows: list[tuple[float, float]]) -> tuple[np.ndarray, np.ndarray]:
    if not rows:
        raise ConfigError("no clip could be measured; see the failures")
    first, second = np.array(rows, np.float64).T
    return first, second


def _outcome(check: LeakageCheck, text: str) -> LeakageOutcome:
    return LeakageOutcome(
        name=check.name,
        value=check.value.value,
        interval=(check.value.low, check.value.high),
        n=check.num,
        passed=bool(check.passed),
        certain=bool(check.certain),
        text=text,
    )
