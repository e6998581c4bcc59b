"""Who speaks now: the lines that `viseme.find_speakers_live` yields. Frozen, typed, writable as JSON.

Times are seconds after the first frame, on the clock of the video, as in `core.speakers`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from viseme.core.results import Reason, to_jsonable
from viseme.core.speakers import FaceState, VoiceState

__all__ = ["LIVE_SCHEMA", "LiveEnd", "LiveFace", "LiveHeader", "LiveReject", "LiveStep"]

LIVE_SCHEMA = "viseme.speakers.live/1"


def _line(event: str, value: Any) -> dict[str, Any]:
    return {"schema": LIVE_SCHEMA, "event": event, **to_jsonable(value)}


@dataclass(frozen=True, kw_only=True)
class LiveHeader:
    """What holds for the whole stream."""

    source: str
    latency_s: float
    """Delay, in seconds, between a step's time and the newest frame processed when it is emitted. Decoding comes on
    top, and `LiveStep.backlog_s` where this machine is slower than real time."""
    context_s: float
    """Latency, in seconds, at which every part has all the context that it uses: the sum of `context_parts`. Where
    `latency_s` is less, scores are less accurate."""
    context_parts: dict[str, float]
    """Part -> seconds of context it uses after the step."""
    every: float
    """Seconds between steps."""
    align: str
    """"file": the delay is estimated as the stream goes on; "given": it was given; "none": scored as recorded."""
    scorer: str
    """Who scores, with the hash of its weights where it has some."""
    score_unit: str
    """What a score is."""
    threshold: float
    """Score from which a face is called speaking."""
    weights: str
    """Name and hash of the sync weights."""
    width: int
    """Pixels of the frames, in which boxes are given."""
    height: int

    def to_json(self) -> dict[str, Any]:
        """The first line."""
        return _line("header", self)


@dataclass(frozen=True, kw_only=True)
class LiveFace:
    """One face in view at one time."""

    id: int
    """Constant from the face's first frame in view to its last, or to the next cut."""
    score: float
    """In the header's `score_unit`; higher = more likely speaking."""
    state: FaceState
    box: tuple[float, float, float, float]
    """xyxy, pixels."""


@dataclass(frozen=True, kw_only=True)
class LiveReject:
    """A face in view that cannot be used."""

    id: int
    reason: Reason


@dataclass(frozen=True, kw_only=True)
class LiveStep:
    """The state at one time; it is final."""

    time: float
    """Seconds: the instant that this step describes."""
    newest: float
    """Seconds: the newest frame processed."""
    faces: tuple[LiveFace, ...]
    rejected: tuple[LiveReject, ...]
    voice: VoiceState | None
    """Whose voice is heard; None = nobody's."""
    delay: float | None
    """Seconds by which the audio was taken to be late; None = it cannot be told yet, scored as recorded."""
    backlog_s: float
    """Seconds of the stream that have arrived and are not processed yet."""
    dropped: int
    """Frames dropped so far, because this machine is slower than real time."""

    def to_json(self) -> dict[str, Any]:
        """One line."""
        return _line("step", self)


@dataclass(frozen=True, kw_only=True)
class LiveEnd:
    """Totals, when the stream has ended."""

    duration: float
    """Seconds from the first to the last frame."""
    frames: int
    """Processed."""
    dropped: int
    """Dropped."""
    delay: float | None
    """Seconds; see `LiveStep`."""
    warnings: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """The last line."""
        return _line("end", self)
