"""Who speaks when: what `viseme.find_speakers` answers with. Frozen, typed, writable as JSON.

Times are seconds after the first frame, on the clock of the video: where the audio of a file is late, a voice stands
where the lips that made it moved.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Any

from viseme.core.card import Card
from viseme.core.evidence import FaceStrip
from viseme.core.results import DelayEstimate, RejectedTrack, to_jsonable
from viseme.core.time import as_frames, with_frames

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = [
    "SPEAKERS_SCHEMA",
    "FaceState",
    "FaceTimeline",
    "SpeakersResult",
    "StateSegment",
    "VoiceSegment",
    "VoiceState",
]

SPEAKERS_SCHEMA = "viseme.speakers/1"


class FaceState(str, Enum):
    """What one face does at one time."""

    SPEAKING = "speaking"
    NOT_SPEAKING = "not_speaking"
    CANNOT_TELL = "cannot_tell"
    DUBBING_SUSPECTED = "dubbing_suspected"
    """The mouth speaks and a voice is heard, yet they do not belong together at any delay."""


class VoiceState(str, Enum):
    """Whose a voice is."""

    ONSCREEN = "voice_onscreen"
    """A face in view is speaking."""
    OFFSCREEN = "voice_offscreen"
    """Nobody in view is speaking."""
    UNSURE = "voice_unsure"
    """A face in view might be speaking: it could not be told."""
    DUBBED = "dubbing_suspected"
    """A face in view speaks other words, or the same at another time."""


@dataclass(frozen=True, kw_only=True)
class StateSegment:
    """A stretch of one face in one state."""

    start: float
    """Seconds."""
    end: float
    """Seconds."""
    state: FaceState


@dataclass(frozen=True, kw_only=True)
class VoiceSegment:
    """A stretch of the audio in which somebody speaks."""

    start: float
    """Seconds."""
    end: float
    """Seconds."""
    state: VoiceState
    speakers: tuple[int, ...] = ()
    """Track ids of the faces that speak during most of it."""


@dataclass(frozen=True, kw_only=True)
class FaceTimeline:
    """One face from where it comes into view to where it leaves it, or to the next cut."""

    track_id: int
    person: int
    """The same number for faces taken to be one person, from 0 in order of appearance."""
    person_confidence: float
    """Probability that joining this face to its person is right; 1 where the person was seen once."""
    shot: int
    """Number of the shot, from 0."""
    face_size_px: float
    """Median width of the box, pixels of the source frame."""
    times: NDArray[np.float64]
    """(T,) seconds, every 40 ms."""
    scores: NDArray[np.float32]
    """(T,) in the unit the result names; higher = more likely speaking."""
    boxes: NDArray[np.float32]
    """(T, 4) xyxy, pixels of the source frame."""
    segments: tuple[StateSegment, ...]
    """Without gaps, from the first to the last frame."""
    delay: DelayEstimate | None = None
    """What this face alone says about the delay of the audio."""

    @property
    def start(self) -> float:
        """Seconds of the first frame."""
        return float(self.times[0])

    @property
    def end(self) -> float:
        """Seconds just after the last step."""
        return self.segments[-1].end

    def seconds(self, state: FaceState) -> float:
        """How long the face is in a state."""
        return sum(s.end - s.start for s in self.segments if s.state is state)

    def to_json(self, frame_rate: float | None = None) -> dict[str, Any]:
        """One entry of `faces`, its delay also in frames where the file's frames per second are given."""
        delay = None if self.delay is None else self.delay.audio_delay
        return {
            "id": self.track_id,
            "person": self.person,
            "person_confidence": self.person_confidence,
            "start": self.start,
            "end": self.end,
            "shot": self.shot,
            "face_size_px": self.face_size_px,
            "scores": [[round(float(t), 3), round(float(s), 4)] for t, s in zip(self.times, self.scores)],
            "boxes": self.boxes.astype(float).round(1),
            "segments": self.segments,
            "audio_delay": delay,
            "delay_frames": as_frames(delay, frame_rate),
            "delay_confidence": None if self.delay is None else self.delay.confidence,
        }


def _no_values() -> NDArray[np.float64]:
    import numpy as np

    return np.zeros(0)


@dataclass(frozen=True, kw_only=True, repr=False)
class SpeakersResult(Card):
    """What `viseme.find_speakers` answers about one file."""

    file: str
    faces: tuple[FaceTimeline, ...]
    voice: tuple[VoiceSegment, ...]
    rejected: tuple[RejectedTrack, ...] = ()
    delay: DelayEstimate | None = None
    """Of the file, from all faces together."""
    delay_taken_out: float = 0.0
    """Seconds: what was taken out of the audio before scoring, and what the clock of voices is shifted by; with
    align "track" for the voices alone."""
    align: str = "file"
    """"file": the file's delay was taken out; "track": each face's own; "none": scored as recorded."""
    scorer: str = "evidence"
    """Who scored, with the hash of its weights where it has some."""
    score_unit: str = ""
    """What a score is."""
    threshold: float = 0.0
    """Score from which a face is called speaking."""
    duration: float | None = None
    """Seconds."""
    frame_rate: float | None = None
    """Mean frames per second; time stamps, not this, are what is used."""
    width: int | None = None
    height: int | None = None
    timecode: str | None = None
    """Time code of the first frame, as the file carries it: "10:00:00;00"."""
    weights: str = ""
    """Name and hash of the sync weights."""
    elapsed: float = 0.0
    """Seconds of work."""
    warnings: tuple[str, ...] = ()
    strips: tuple[FaceStrip, ...] = ()
    """Small frames of the faces, for the report; never in the JSON."""
    audio_times: NDArray[np.float64] = field(default_factory=_no_values)
    """(A,) seconds, as recorded; never in the JSON."""
    audio_level_db: NDArray[np.float64] = field(default_factory=_no_values)
    """(A,) decibels below full scale."""

    @property
    def num_people(self) -> int:
        """Different people among the faces."""
        return len({face.person for face in self.faces})

    @property
    def audio_delay(self) -> float | None:
        """Seconds by which the file's audio is late; None when it cannot be told."""
        return None if self.delay is None else self.delay.audio_delay

    @property
    def delay_words(self) -> str:
        """The delay for people, also in frames; empty where none was looked for."""
        if self.delay is None:
            return ""
        return with_frames(self.delay.words, None if self.delay.pieces else self.audio_delay, self.frame_rate)

    @property
    def delay_frames(self) -> float | None:
        """The delay in frames of this file at its mean rate; None where either is not known."""
        return as_frames(self.audio_delay, self.frame_rate)

    def facts(self) -> Mapping[str, Any]:
        """What the card shows."""
        speaking = sum(face.seconds(FaceState.SPEAKING) for face in self.faces)
        unseen = sum(v.end - v.start for v in self.voice if v.state is VoiceState.OFFSCREEN)
        return {
            "file": self.file,
            "faces": len(self.faces),
            "people": self.num_people,
            "speaking_s": speaking,
            "voice_offscreen_s": unseen,
            "audio_delay": self.audio_delay,
        }

    def to_json(self) -> dict[str, Any]:
        """The versioned object that `--json` prints."""
        return to_jsonable(
            {
                "schema": SPEAKERS_SCHEMA,
                "file": self.file,
                "audio_delay": self.audio_delay,
                "delay_frames": self.delay_frames,
                "delay_confidence": None if self.delay is None else self.delay.confidence,
                "delay_reasons": () if self.delay is None else self.delay.reasons,
                "delay_taken_out": self.delay_taken_out,
                "align": self.align,
                "faces": [face.to_json(self.frame_rate) for face in self.faces],
                "voice": self.voice,
                "rejected": self.rejected,
                "scorer": self.scorer,
                "score_unit": self.score_unit,
                "threshold": self.threshold,
                "duration": self.duration,
                "frame_rate": self.frame_rate,
                "width": self.width,
                "height": self.height,
                "timecode": self.timecode,
                "weights": self.weights,
                "elapsed": self.elapsed,
                "warnings": self.warnings,
                "error": None,
            }
        )
