"""What every command answers with: frozen, typed, with reasons, writable as JSON.

Sign: `audio_delay` is in seconds and positive when the audio comes later than the video;
the remedy is to move the audio by `-audio_delay`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass
from enum import Enum
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from viseme.core.card import Card
from viseme.core.time import as_frames

if TYPE_CHECKING:
    from viseme.core.evidence import CheckEvidence

__all__ = [
    "CHECK_SCHEMA",
    "CheckResult",
    "DelayEstimate",
    "DelayPiece",
    "DelaySegment",
    "Drift",
    "FailedCheck",
    "FailedFile",
    "Reason",
    "RejectedTrack",
    "TrackResult",
    "Verdict",
    "to_jsonable",
]

CHECK_SCHEMA = "viseme.check/1"


class Verdict(str, Enum):
    """The answer to "is the audio where the lips are?"."""

    IN_SYNC = "in_sync"
    OUT_OF_SYNC = "out_of_sync"
    CANNOT_TELL = "cannot_tell"


class Reason(str, Enum):
    """Why an answer is withheld, a track rejected, or an answer needs care."""

    NO_AUDIO = "no_audio"
    NO_VIDEO = "no_video"
    NO_VOICE = "no_voice"
    NO_FACE = "no_face"
    TRACK_TOO_SHORT = "track_too_short"
    FACE_TOO_SMALL = "face_too_small"
    OCCLUDED_OR_PROFILE = "occluded_or_profile"
    MOUTH_STATIC = "mouth_static"
    FLAT_SCORES = "flat_scores"
    PEAK_AT_EDGE = "peak_at_edge"
    TWO_PEAKS = "two_peaks"
    DUBBING_SUSPECTED = "dubbing_suspected"
    BAD_TIMESTAMPS = "bad_timestamps"
    NO_OVERLAP = "no_overlap"
    DELAY_JUMPS = "delay_jumps"
    BEYOND_SEARCH = "beyond_search"
    TOO_FEW_FRAMES = "too_few_frames"


def to_jsonable(value: Any) -> Any:
    """Plain JSON values: enums by value, fractions and NumPy numbers as floats, NaN as null."""
    if isinstance(value, Enum):
        return value.value
    if is_dataclass(value) and not isinstance(value, type):
        hidden = getattr(value, "_json_hidden", ())
        return {f.name: to_jsonable(getattr(value, f.name)) for f in fields(value) if f.name not in hidden}
    if isinstance(value, dict):
        return {str(k): to_jsonable(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [to_jsonable(v) for v in value]
    as_list = getattr(value, "tolist", None)
    if as_list is not None:  # a NumPy array or number
        return to_jsonable(as_list())
    if isinstance(value, (bool, int)):
        return value
    if isinstance(value, (float, Fraction)):
        number = float(value)
        return round(number, 6) if math.isfinite(number) else None
    return value


@dataclass(frozen=True, kw_only=True)
class DelaySegment:
    """A stretch of the clip with one delay."""

    start: float
    """Seconds."""
    end: float
    """Seconds."""
    audio_delay: float | None
    """Seconds, positive = audio late; null where this stretch alone cannot tell."""
    confidence: float
    """Probability that the delay of this stretch is within 40 ms of the truth."""


@dataclass(frozen=True, kw_only=True)
class DelayPiece:
    """A stretch of a clip whose delay jumps: between two jumps it is one."""

    start: float
    """Seconds; the first piece begins with the first face."""
    end: float
    """Seconds; the last piece ends with the last face."""
    audio_delay: float
    """Seconds, positive = audio late."""
    interval: tuple[float, float]
    """95 % interval of the delay, seconds."""
    confidence: float
    """Probability that the delay of this piece is within 40 ms of the truth."""


@dataclass(frozen=True, kw_only=True)
class Drift:
    """How the delay changes over the clip."""

    ms_per_min: float
    """Milliseconds of delay gained per minute."""
    interval: tuple[float, float]
    """95 % interval of `ms_per_min`."""
    segments: tuple[DelaySegment, ...] = ()
    """Delay by window; for the plot."""

    @property
    def is_told(self) -> bool:
        """Whether the interval leaves zero out: only then is there a drift to speak of."""
        return self.interval[0] * self.interval[1] > 0


@dataclass(frozen=True, kw_only=True)
class DelayEstimate:
    """One delay with its probability, or a reasoned refusal."""

    audio_delay: float | None
    """Seconds, positive = audio later than the video; None when it cannot tell."""
    interval: tuple[float, float] | None
    """95 % interval of the delay, seconds."""
    confidence: float
    """Calibrated probability that the best delay is within 40 ms of the truth, also when that is withheld."""
    verdict: Verdict
    reasons: tuple[Reason, ...] = ()
    held: tuple[int, int] | None = None
    """What `confidence` rests on: of the trials of the calibration that were about as sure, how many were right, and
    how many there were; None = not known."""
    searched: tuple[float, float] | None = None
    """Delays really compared, seconds: what the overlap of video and audio allowed."""
    num_windows: int = 0
    """Visual windows that took part."""
    drift: Drift | None = None
    """None where the clip is too short for one, or the delay jumps: no line is laid across a step."""
    pieces: tuple[DelayPiece, ...] = ()
    """Where the delay jumps: at least two pieces in order of time; `audio_delay` is then that of the longest."""

    def __post_init__(self) -> None:
        assert (self.audio_delay is None) == (self.verdict is Verdict.CANNOT_TELL)

    @property
    def words(self) -> str:
        """For people: "audio lags by 120 ms; shift the audio by -120 ms"."""
        if self.audio_delay is None:
            why = ", ".join(reason.value.replace("_", " ") for reason in self.reasons)
            return "cannot tell" + (f" ({why})" if why else "")
        if self.pieces:
            told = [f"{_lateness(p.audio_delay)} from {p.start:.1f} s" for p in self.pieces[:MOST_PIECES_TOLD]]
            more = len(self.pieces) - len(told)
            return "the delay jumps: " + ", ".join(told) + (f" and {more} more" if more else "")
        told = _lateness(self.audio_delay)
        if self.verdict is Verdict.IN_SYNC:
            return told
        return f"{told}; shift the audio by {-round(self.audio_delay * 1000):+d} ms"


MOST_PIECES_TOLD = 3


def _lateness(delay: float) -> str:
    """ "audio lags by 120 ms", "audio and video together"."""
    ms = round(delay * 1000)
    return "audio and video together" if ms == 0 else f"audio {'lags' if ms > 0 else 'leads'} by {abs(ms)} ms"


@dataclass(frozen=True, kw_only=True)
class RejectedTrack:
    """A face that was seen and not used."""

    track_id: int
    start: float
    end: float
    reason: Reason
    measured: float
    """The value that failed, in the unit of `limit`."""
    limit: float
    unit: str
    """What `measured` and `limit` are: "s", "px", "fraction", ..."""


@dataclass(frozen=True, kw_only=True)
class TrackResult:
    """A face that was used, with the delay it alone supports."""

    track_id: int
    start: float
    """Seconds."""
    end: float
    num_frames: int
    observed_fraction: float
    """Frames with a detected face over frames of the track; the rest were interpolated."""
    face_size_px: float
    """Median width of the face box in pixels of the source frame."""
    estimate: DelayEstimate
    weight: float = 0.0
    """Share of the summed evidence that came from this face, 0 to 1."""


@dataclass(frozen=True, kw_only=True, repr=False)
class CheckResult(Card):
    """What `viseme.check` answers about one file.

    The answer itself is at hand as `audio_delay`, `verdict`, `interval`, `confidence`, `reasons` and `words`; all of
    `estimate`. For curves and frames see `evidence`.
    """

    file: str
    estimate: DelayEstimate
    tracks: tuple[TrackResult, ...] = ()
    rejected: tuple[RejectedTrack, ...] = ()
    duration: float | None = None
    """Seconds."""
    frame_rate: float | None = None
    """Mean frames per second; time stamps, not this, are what is used."""
    width: int | None = None
    height: int | None = None
    timecode: str | None = None
    """Time code of the first frame, as the file carries it: "10:00:00;00"."""
    input_mode: str = "landmarks"
    weights: str = ""
    """Name and hash of the weights that answered."""
    elapsed: float = 0.0
    """Seconds of work."""
    warnings: tuple[str, ...] = ()
    """Notes that did not stop the answer (damaged tail, several audio streams, ...)."""
    evidence: CheckEvidence | None = None
    """Curves and frames for a report; None unless they were asked for."""

    @property
    def audio_delay(self) -> float | None:
        """Seconds, positive = audio later than the video; None when it cannot be told."""
        return self.estimate.audio_delay

    @property
    def delay_frames(self) -> float | None:
        """The delay in frames of this file at its mean rate; None where either is not known."""
        return as_frames(self.audio_delay, self.frame_rate)

    @property
    def verdict(self) -> Verdict:
        """In sync, out of sync, or cannot tell."""
        return self.estimate.verdict

    @property
    def interval(self) -> tuple[float, float] | None:
        """95 % interval of the delay, seconds."""
        return self.estimate.interval

    @property
    def confidence(self) -> float:
        """Probability that the best delay is within 40 ms of the truth."""
        return self.estimate.confidence

    @property
    def reasons(self) -> tuple[Reason, ...]:
        """Why the delay cannot be told, or why the answer needs care."""
        return self.estimate.reasons

    @property
    def words(self) -> str:
        """For people: "audio lags by 120 ms; shift the audio by -120 ms"."""
        return self.estimate.words

    def facts(self) -> Mapping[str, Any]:
        """What the card shows."""
        return {
            "file": self.file,
            "verdict": self.verdict,
            "audio_delay": self.audio_delay,
            "interval": self.interval,
            "confidence": self.confidence,
            **({"reasons": self.reasons} if self.reasons else {}),
            "tracks": len(self.tracks),
        }

    def to_json(self) -> dict[str, Any]:
        """The versioned object that `--json` prints, one line per file."""
        e = self.estimate
        return to_jsonable(
            {
                "schema": CHECK_SCHEMA,
                "file": self.file,
                "audio_delay": e.audio_delay,
                "delay_frames": self.delay_frames,
                "interval": e.interval,
                "confidence": e.confidence,
                "verdict": e.verdict,
                "reasons": e.reasons,
                "held": e.held,
                "words": e.words,
                "drift_ms_per_min": None if e.drift is None else e.drift.ms_per_min,
                "drift": e.drift,
                "pieces": e.pieces,
                "searched": e.searched,
                "num_windows": e.num_windows,
                "tracks": [
                    {
                        "track_id": t.track_id,
                        "start": t.start,
                        "end": t.end,
                        "status": "used",
                        "num_frames": t.num_frames,
                        "observed_fraction": t.observed_fraction,
                        "face_size_px": t.face_size_px,
                        "weight": t.weight,
                        "audio_delay": t.estimate.audio_delay,
                        "interval": t.estimate.interval,
                        "confidence": t.estimate.confidence,
                        "verdict": t.estimate.verdict,
                        "reasons": t.estimate.reasons,
                    }
                    for t in self.tracks
                ]
                + [
                    {
                        "track_id": r.track_id,
                        "start": r.start,
                        "end": r.end,
                        "status": "rejected",
                        "reason": r.reason,
                        "measured": r.measured,
                        "limit": r.limit,
                        "unit": r.unit,
                    }
                    for r in self.rejected
                ],
                "duration": self.duration,
                "frame_rate": self.frame_rate,
                "width": self.width,
                "height": self.height,
                "timecode": self.timecode,
                "input_mode": self.input_mode,
                "weights": self.weights,
                "elapsed": self.elapsed,
                "warnings": self.warnings,
                "error": None,
            }
        )


@dataclass(frozen=True, kw_only=True, repr=False)
class FailedFile(Card):
    """A file of a batch without an answer, and why. Not to be confused with a reasoned `cannot_tell`."""

    file: str
    error_type: str
    """Class of the error, such as "UnreadableMedia", or "WorkerCrashed"."""
    message: str
    """One line: what, on what file, what to do."""
    traceback: str = ""
    """For an error we did not foresee; never in the JSON."""

    def facts(self) -> Mapping[str, Any]:
        """What the card shows."""
        return {"file": self.file, "error_type": self.error_type, "message": self.message}

    def to_json(self) -> dict[str, Any]:
        """`file` and `error`; each command adds its schema and the fields that an answer has."""
        return {"file": self.file, "error": {"type": self.error_type, "message": self.message}}


@dataclass(frozen=True, kw_only=True, repr=False)
class FailedCheck(FailedFile):
    """A file that `check_many` could not answer for."""

    def to_json(self) -> dict[str, Any]:
        """The same object as an answer, its fields null, with `error` filled."""
        empty = dict.fromkeys(
            ("audio_delay", "delay_frames", "interval", "confidence", "verdict", "words", "drift_ms_per_min")
        )
        return {"schema": CHECK_SCHEMA, **empty, "reasons": [], "tracks": [], **super().to_json()}
