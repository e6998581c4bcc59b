"""What has to be done to the audio of a file that was measured. Knows delays; refuses to know files and samples."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from viseme.core.errors import FixRefused
from viseme.core.results import CheckResult, Drift
from viseme.core.time import as_seconds, format_time
from viseme.media.retimed_piece import RetimedPiece

__all__ = ["LARGEST_RESIDUAL", "RepairPlan", "plan_repair"]

SMALLEST_SHIFT = Fraction(5, 1000)
"""Seconds. A measured delay below this is within the error of measuring: the audio stays where it is."""
LARGEST_RESIDUAL = 0.040
"""Seconds. One frame at 25 per second; more than this is not a repair."""


@dataclass(frozen=True, kw_only=True)
class RepairPlan:
    """How the audio is moved."""

    delay: Fraction
    """Seconds by which all of it is late; of pieces and under drift, at the beginning."""
    pieces: tuple[RetimedPiece, ...] = ()
    """Where one shift is not enough; else empty."""
    notes: tuple[str, ...] = ()
    """What the plan leaves as it is, for people."""


def plan_repair(measured: CheckResult, *, piecewise: bool, resample: bool) -> RepairPlan:
    """One shift where one delay explains the file; else pieces, or another speed, if these are allowed.

    Args:
        measured: Of the file.
        piecewise: A delay that jumps may be mended by moving, padding and cutting the audio piece by piece.
        resample: A delay that drifts may be mended by playing the audio faster or slower.

    Raises:
        FixRefused: the delay is not known, or jumps and `piecewise` is not allowed.
    """
    estimate, name = measured.estimate, measured.file
    if estimate.pieces:
        if not piecewise:
            at = ", ".join(format_time(piece.start) for piece in estimate.pieces[1:])
            raise FixRefused(
                f"{name}: the delay jumps at {at}, which one shift cannot repair; nothing was written. "
                "--piecewise moves, pads and cuts the audio there (it is encoded again)"
            )
        return RepairPlan(
            delay=as_seconds(estimate.pieces[0].audio_delay),
            pieces=tuple(
                RetimedPiece(start=as_seconds(p.start), delay=as_seconds(p.audio_delay)) for p in estimate.pieces
            ),
        )
    if estimate.audio_delay is None:
        raise FixRefused(
            f"{name}: {estimate.words}; nothing was written. "
            "Give the delay yourself to shift it anyway (--delay 120ms when the audio is 120 ms late)"
        )
    delay = as_seconds(estimate.audio_delay)
    drift = estimate.drift
    if drift is not None and drift.is_told and _over_clip(drift, measured) > LARGEST_RESIDUAL:
        if resample:
            return _resampled(drift)
        note = (
            f"the delay drifts by {drift.ms_per_min:+.0f} ms a minute, which one shift cannot repair; "
            "--resample plays the audio at the right speed (it is encoded again)"
        )
        return RepairPlan(delay=delay, notes=(note,))
    if abs(delay) < SMALLEST_SHIFT:
        note = f"the audio is in place ({float(delay) * 1000:+.1f} ms): written without a shift"
        return RepairPlan(delay=Fraction(0), notes=(note,))
    return RepairPlan(delay=delay)


def _over_clip(drift: Drift, measured: CheckResult) -> float:
    """Seconds by which the delay changes from end to end."""
    return abs(drift.ms_per_min) * (measured.duration or 0) / 60 / 1000


def _resampled(drift: Drift) -> RepairPlan:
    """The line through the sure stretches, as another speed."""
    sure = [(s.start + s.end, s.audio_delay) for s in drift.segments if s.audio_delay is not None]
    rate = drift.ms_per_min / 60_000
    at_zero = _median([delay - rate * twice / 2 for twice, delay in sure])
    piece = RetimedPiece(
        start=Fraction(0),
        delay=as_seconds(at_zero),
        drift=Fraction(rate).limit_denominator(10_000_000),
    )
    return RepairPlan(delay=piece.delay, pieces=(piece,))


def _median(values: Sequence[float]) -> float:
    ordered = sorted(values)
    middle = len(ordered) // 2
    return ordered[middle] if len(ordered) % 2 else (ordered[middle - 1] + ordered[middle]) / 2
