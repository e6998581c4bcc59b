"""From curves to answers: probability, interval, verdict and the reasons when there is none. Refuses to know files."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np

from viseme.core.results import DelayEstimate, DelayPiece, Reason, RejectedTrack, Verdict
from viseme.sync.checkpoint import Calibration
from viseme.sync.estimator import DelayCurve, EstimatorConfig, credible_interval, find_peak

__all__ = ["LEAST_FRAMES_PER_S", "NO_VOICE", "FaceActivity", "decide", "no_face_reason", "with_pieces", "withhold"]

STATIC_MOUTH = 0.006
"""Standard deviation of the inner lip aperture, in eye distances, under which a mouth does not speak."""
LEAST_FRAMES_PER_S = 8.0
"""Frames a second under which lips cannot be followed: a syllable lasts a fifth of a second."""
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
    frames_per_s: float = 25.0
    """Of the face that is seen most often."""


def withhold(*reasons: Reason, confidence: float = 0.0) -> DelayEstimate:
    """The answer "cannot tell"."""
    return DelayEstimate(
        audio_delay=None,
        interval=None,
        confidence=confidence,
        verdict=Verdict.CANNOT_TELL,
        reasons=tuple(dict.fromkeys(reasons)),
    )


def no_face_reason(rejected: Iterable[RejectedTrack]) -> Reason:
    """Why there is no face to compare: too few frames a second, where that is why faces were rejected."""
    few = any(track.reason is Reason.TOO_FEW_FRAMES for track in rejected)
    return Reason.TOO_FEW_FRAMES if few else Reason.NO_FACE


def decide(
    curve: DelayCurve,
    config: EstimatorConfig,
    calibration: Calibration,
    activity: FaceActivity,
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
        )
    delay = peak.delay - calibration.bias
    interval = credible_interval(curve, config)
    assert interval is not None
    low, high = config.in_sync_band
    return DelayEstimate(
        audio_delay=delay,
        interval=(min(interval[0], peak.delay) - calibration.bias, max(interval[1], peak.delay) - calibration.bias),
        confidence=confidence,
        held=calibration.held(confidence),
        verdict=Verdict.IN_SYNC if low <= delay <= high else Verdict.OUT_OF_SYNC,
        searched=searched,
        num_windows=peak.count,
    )


def with_pieces(estimate: DelayEstimate, pieces: tuple[DelayPiece, ...]) -> DelayEstimate:
    """The answer for a clip whose delay jumps: never in sync, the delay that of the longest piece.

    Args:
        estimate: Of the whole clip, as if it had one delay.
        pieces: At least two.
    """
    longest = max(pieces, key=lambda piece: piece.end - piece.start)
    return replace(
        estimate,
        audio_delay=longest.audio_delay,
        interval=longest.interval,
        confidence=longest.confidence,
        verdict=Verdict.OUT_OF_SYNC,
        reasons=(Reason.DELAY_JUMPS,),
        held=None,
        pieces=pieces,
        drift=None,
    )


def _why(margin: float, level: float, activity: FaceActivity) -> Reason:
    """The most likely cause of a weak peak."""
    if activity.frames_per_s < LEAST_FRAMES_PER_S:
        return Reason.TOO_FEW_FRAMES
    if activity.seconds < 0.8:
        return Reason.TRACK_TOO_SHORT
    if level > 0.3 and margin < 8:
        return Reason.TWO_PEAKS
    if activity.seconds >= 4 and activity.voiced_fraction > 0.3 and activity.mouth_motion > 3 * STATIC_MOUTH:
        return Reason.DUBBING_SUSPECTED
    return Reason.FLAT_SCORES
