"""Who speaks now: what `viseme.find_speakers_live` answers with, line by line. Frozen, typed, writable as JSON.

Times are seconds after the first frame, on the clock of the frame, as in `core.speakers`.
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
    """Seconds from the instant a step tells of to the newest frame that was looked at before. Decoding comes on top,
    and `LiveStep.backlog_s` where this machine is too slow."""
    context_s: float
    """Seconds: the latency at which every part sees all it asks for, the sum of `context_parts`. Where `latency_s` is
    less, scores are rougher."""
    context_parts: dict[str, float]
    """Seconds that each part looks ahead."""
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
    """The same from where a face comes into view to where it leaves it, or to the next cut."""
    score: float
    """In the unit that the header names; higher = rather speaking."""
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
    """What is so at one time; it does not change any more."""

    time: float
    """Seconds: the instant this step tells of."""
    newest: float
    """Seconds: the newest frame that had been looked at."""
    faces: tuple[LiveFace, ...]
    rejected: tuple[LiveReject, ...]
    voice: VoiceState | None
    """Whose voice is heard; None = nobody's."""
    delay: float | None
    """Seconds by which the audio was taken to be late; None = it cannot be told yet, scored as recorded."""
    backlog_s: float
    """Seconds of the stream that had come and were not looked at yet."""
    dropped: int
    """Frames left out so far, because this machine is slower than real time."""

    def to_json(self) -> dict[str, Any]:
        """One line."""
        return _line("step", self)


@dataclass(frozen=True, kw_only=True)
class LiveEnd:
    """What was done when the stream ended."""

    duration: float
    """Seconds from the first to the last frame."""
    frames: int
    """Looked at."""
    dropped: int
    """Left out."""
    delay: float | None
    """Seconds; see `LiveStep`."""
    warnings: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """The last line."""
        return _line("end", self)
