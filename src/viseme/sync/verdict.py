"""From curves to answers: probability, interval, verdict and the reasons when there is none. Refuses to know files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from viseme.core.results import DelayEstimate, DelaySegment, Drift, Reason, Verdict
from viseme.sync.checkpoint import Calibration
from viseme.sync.estimator import DelayCurve, EstimatorConfig, credible_interval, find_peak
from viseme.sync.evidence import FaceEvidence, Stretch

__all__ = ["FaceActivity", "decide", "estimate_drift", "withhold"]

STATIC_MOUTH = 0.006
"""Standard deviation of the inner lip aperture, in eye distances, under which a mouth does not speak."""
NO_VOICE = 0.02
"""Fraction of audio frames that may hold a voice under which there is none."""


@dataclass(frozen=True)
class FaceActivity:
    """What else bears on an answer."""

    voiced_fraction: float
    """Audio frames that may hold a voice over all."""
    mouth_motion: float
    """Largest standard deviation of the inner lip aperture of any face, eye distances."""
    seconds: float
    """Seconds of frame windows."""


def withhold(*reasons: Reason, confidence: float = 0.0, drift: Drift | None = None) -> DelayEstimate:
    """The answer "cannot tell"."""
    return DelayEstimate(
        audio_delay=None,
        interval=None,
        confidence=confidence,
        verdict=Verdict.CANNOT_TELL,
        reasons=tuple(dict.fromkeys(reasons)),
        drift=drift,
    )


def decide(
    curve: DelayCurve,
    config: EstimatorConfig,
    calibration: Calibration,
    activity: FaceActivity,
    *,
    drift: Drift | None = None,
) -> DelayEstimate:
    """Answer with the best delay if it is probably within 40 ms of the truth; else say why not."""
    peak = find_peak(curve, config)
    if peak is None:
        return withhold(Reason.NO_OVERLAP if activity.seconds >= 0.4 else Reason.TRACK_TOO_SHORT)
    usable = np.flatnonzero(curve.usable(config))
    searched = (float(curve.delays[usable[0]]), float(curve.delays[usable[-1]]))
    confidence = calibration.probability(peak)
    reasons = []
    if activity.voiced_fraction < NO_VOICE:
        reasons.append(Reason.NO_VOICE)
    if activity.mouth_motion < STATIC_MOUTH:
        reasons.append(Reason.MOUTH_STATIC)
    if peak.at_edge:
        reasons.append(Reason.PEAK_AT_EDGE)
    if confidence < config.answer_above and not reasons:
        reasons.append(_why(peak.margin, peak.level, activity))
    if reasons:
        confidence = min(confidence, 0.5 * config.answer_above) if confidence >= config.answer_above else confidence
        return DelayEstimate(
            audio_delay=None,
            interval=None,
            confidence=confidence,
            verdict=Verdict.CANNOT_TELL,
            reasons=tuple(reasons),
            searched=searched,
            num_windows=peak.count,
            drift=drift,
        )
    delay = peak.delay - calibration.bias
    interval = credible_interval(curve, config)
    assert interval is not None
    low, high = config.in_sync_band
    return DelayEstimate(
        audio_delay=delay,
        interval=(min(interval[0], peak.delay) - calibration.bias, max(interval[1], peak.delay) - calibration.bias),
        confidence=confidence,
        verdict=Verdict.IN_SYNC if low <= delay <= high else Verdict.OUT_OF_SYNC,
        searched=searched,
        num_windows=peak.count,
        drift=drift,
    )


def _why(margin: float, level: float, activity: FaceActivity) -> Reason:
    """The most likely cause of a weak peak."""
    if activity.seconds < 0.8:
        return Reason.TRACK_TOO_SHORT
    if level > 0.3 and margin < 8:
        return Reason.TWO_PEAKS
    if activity.seconds >= 4 and activity.voiced_fraction > 0.3 and activity.mouth_motion > 3 * STATIC_MOUTH:
        return Reason.DUBBING_SUSPECTED
    return Reason.FLAT_SCORES


def estimate_drift(
    stretches: Sequence[Stretch],
    lags: NDArray[np.int64],
    config: EstimatorConfig,
    calibration: Calibration,
    *,
    window: float = 8.0,
    hop: float = 2.0,
) -> Drift | None:
    """Delay over time: windows of `window` seconds every `hop`, and a robust line through the sure ones.

    Returns:
        None where fewer than four windows, or less than 20 seconds, are sure.

    Source:
        Median of pairwise slopes (Theil, 1950; Sen, 1968); the interval from a bootstrap over windows.
    """
    if not stretches:
        return None
    middles = np.array([(s.start + s.end) / 2 for s in stretches])
    segments = []
    for at in np.arange(middles.min() - 1, max(middles.max() - window + 2, middles.min()), hop):
        inside = [s for s, m in zip(stretches, middles) if at <= m < at + window]
        if not inside:
            continue
        curve = FaceEvidence(0, inside).curve(lags)
        peak = find_peak(curve, config)
        confidence = calibration.probability(peak) if peak else 0.0
        sure = peak is not None and confidence >= config.answer_above and not peak.at_edge
        segments.append(
            DelaySegment(
                start=min(s.start for s in inside),
                end=max(s.end for s in inside),
                audio_delay=peak.delay - calibration.bias if peak is not None and sure else None,
                confidence=confidence,
            )
        )
    sure_ones = [s for s in segments if s.audio_delay is not None]
    if len(sure_ones) < 4 or sure_ones[-1].end - sure_ones[0].start < 20:
        return None
    at = np.array([(s.start + s.end) / 2 for s in sure_ones])
    delay = np.array([s.audio_delay for s in sure_ones], dtype=float)
    if len(at) > 400:
        keep = np.linspace(0, len(at) - 1, 400).astype(int)
        at, delay = at[keep], delay[keep]
    slope = _theil_sen(at, delay)
    rng = np.random.default_rng(0)
    blocks = max(1, round(window / hop))
    draws = []
    for _ in range(200):
        starts = rng.integers(0, max(1, len(at) - blocks + 1), -(-len(at) // blocks))
        index = (starts[:, None] + np.arange(min(blocks, len(at)))[None]).ravel()
        draws.append(_theil_sen(at[index], delay[index]))
    low, high = np.nanpercentile(draws, [2.5, 97.5])
    jumps = np.abs(np.diff(delay)) > 0.08
    steps = tuple(float((at[i] + at[i + 1]) / 2) for i in np.flatnonzero(jumps))
    return Drift(
        ms_per_min=slope * 60_000,
        interval=(float(low) * 60_000, float(high) * 60_000),
        segments=tuple(segments),
        steps=_merge(steps, window),
    )


def _theil_sen(x: NDArray[np.floating], y: NDArray[np.floating]) -> float:
    i, j = np.triu_indices(len(x), 1)
    apart = np.abs(x[j] - x[i]) > 1e-6
    return float(np.median((y[j] - y[i])[apart] / (x[j] - x[i])[apart])) if apart.any() else 0.0


def _merge(times: tuple[float, ...], within: float) -> tuple[float, ...]:
    """Keep one of the times that lie within `within` seconds of each other."""
    kept: list[float] = []
    for time in times:
        if not kept or time - kept[-1] > within:
            kept.append(time)
    return tuple(kept)
