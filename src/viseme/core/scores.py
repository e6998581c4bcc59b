"""What `viseme score` answers with: every metric of every clip, how failures were counted, and what surrounds a number.

Knows names and numbers; refuses to know how a metric is computed. A metric's headline counts failed clips at its floor;
`valid` leaves them out. Anchors are what the same metric gives for videos whose answer is known: the reference itself,
the reference under mismatched audio, a still face.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from enum import Enum
from typing import Any

from viseme.core.card import Card
from viseme.core.results import to_jsonable

__all__ = [
    "CLIP_SCORE_SCHEMA",
    "SCORE_SCHEMA",
    "Better",
    "ClipScore",
    "ClipValue",
    "FailedScore",
    "FailureCause",
    "LeakageOutcome",
    "MetricProtocol",
    "MetricValue",
    "Need",
    "ScoreResult",
    "ScoredFace",
    "protocols_to_json",
]

SCORE_SCHEMA = "viseme.score/1"
CLIP_SCORE_SCHEMA = "viseme.score-clip/1"


class Better(str, Enum):
    """Which way a metric is better."""

    HIGHER = "higher"
    LOWER = "lower"
    ONE = "one"
    """The nearer to 1, as the reference has it, the better."""
    ZERO = "zero"
    """The nearer to 0, as the reference has it, the better."""

    def cost(self, value: float) -> float:
        """What to make small.

        Example:
            >>> Better.HIGHER.cost(2.0), Better.ONE.cost(0.5), Better.ZERO.cost(-3.0)
            (-2.0, 0.5, 3.0)
        """
        if self in (Better.ONE, Better.ZERO):
            return abs(value - (self is Better.ONE))
        return -value if self is Better.HIGHER else value


class Need(str, Enum):
    """What a metric cannot do without."""

    REFERENCE = "reference"
    AUDIO = "audio"
    PIXELS = "pixels"
    LANDMARKS = "landmarks"
    EXPERT = "expert"
    SYNC_MODEL = "sync_model"
    TRANSCRIPT = "transcript"


class FailureCause(str, Enum):
    """Why a clip has no value of a metric of its own, and is counted at the metric's floor."""

    UNREADABLE = "unreadable"
    MISSING_PARTNER = "missing_partner"
    NO_FACE = "no_face"
    ONE_FRAME = "one_frame"
    STILL_IMAGE = "still_image"
    LENGTHS_DIFFER = "lengths_differ"
    FRAME_RATES_DIFFER = "frame_rates_differ"
    NO_AUDIO = "no_audio"
    SILENT = "silent"
    TOO_SHORT = "too_short"
    FACE_TOO_SMALL = "face_too_small"
    NOT_A_NUMBER = "not_a_number"


@dataclass(frozen=True, kw_only=True)
class MetricProtocol:
    """How one metric is computed: what must be the same before two numbers may be compared."""

    name: str
    """Key of every result. What was computed with other weights has another name."""
    unit: str
    """Of the value; "1" = none."""
    better: Better
    version: int
    """Rises when the same clip would give another value."""
    needs: frozenset[Need]
    floor: str
    """Anchor at which a failed clip is counted: "still_face", "mismatched_audio", "audio_only"; empty = `worst`."""
    worst: float
    """What a failed clip counts where the floor could not be measured on any clip."""
    identical: float | None = None
    """What the reference scores against itself by definition; None = it is measured."""
    crop: str = ""
    """Which part of a frame is seen, and at which size."""
    text: str = ""
    """One sentence: what is averaged over what."""
    source: str = ""
    """Paper or program it follows."""
    weights: str = ""
    """Name and hash of the networks that take part."""
    of_set: bool = False
    """Taken once over the frames of all clips: a clip has no value of its own."""
    weighted: bool = False
    """A clip counts by its `num_frames`, which are words here: errors over words, and no mean of rates."""


def protocols_to_json(protocols: Sequence[MetricProtocol]) -> list[dict[str, Any]]:
    """Plain JSON values."""
    return [{**to_jsonable(p), "needs": sorted(n.value for n in p.needs)} for p in protocols]


@dataclass(frozen=True, kw_only=True)
class ClipValue:
    """One metric of one clip."""

    value: float | None
    """None where the clip failed."""
    num_frames: int = 0
    """Frames, or pairs of frames, that were averaged; of word errors, words that were said."""
    failure: FailureCause | None = None

    def __post_init__(self) -> None:
        assert (self.value is None) == (self.failure is not None)


@dataclass(frozen=True, kw_only=True)
class ScoredFace:
    """A face that was followed in the generated video."""

    track_id: int
    start: float
    """Seconds."""
    end: float
    num_frames: int
    size_px: float
    """Median width of its box, source pixels."""
    confidence: float
    """Mean presence, 0 to 1, by the face tracker."""


@dataclass(frozen=True, kw_only=True)
class LeakageOutcome:
    """A check of whether lips come from the frames that a generator was given instead of from the audio."""

    name: str
    """"silent_audio", "cross_audio" or "reference_distance"."""
    value: float
    interval: tuple[float, float]
    """95 % bootstrap over clips."""
    n: int
    """Clips."""
    passed: bool
    """Whether the value is on the right side of its target."""
    certain: bool
    """Whether its whole interval is; never of one clip."""
    text: str
    """One sentence: what it says."""


@dataclass(frozen=True, kw_only=True, repr=False)
class ClipScore(Card):
    """Everything measured on one clip."""

    file: str
    name: str = ""
    """Of the clip: its file below the folder, without the ending; the same for all methods."""
    reference: str | None
    audio: str | None
    """Where the audio was taken from that the lips are compared with."""
    metrics: Mapping[str, ClipValue]
    anchors: Mapping[str, Mapping[str, float]]
    """Name of the anchor -> metric -> what it gives there; what could not be measured is left out."""
    audio_delay: float | None = None
    """Seconds, positive = audio later than the video; None when it cannot be told. As `viseme.check`."""
    reference_delay: float | None = None
    """The same of the reference."""
    share_in_sync: float | None = None
    """Share of the time that could be judged in which the delay lies within the standard, 0 to 1."""
    num_frames: int = 0
    """Of the generated video."""
    num_pairs: int = 0
    """Frames of it with a counterpart in the reference."""
    num_without_face: int = 0
    """Pairs, or frames without a reference, in which a face was missing: averages leave them out."""
    frame_rate: float | None = None
    faces: tuple[ScoredFace, ...] = ()
    """Every face that was followed in the generated video, in order of appearance."""
    failures: tuple[FailureCause, ...] = ()
    """What was wrong with the clip, each once."""
    message: str = ""
    """One line, where something was wrong: what, and what to do."""
    warnings: tuple[str, ...] = ()
    elapsed: float = 0.0
    """Seconds of work."""

    def facts(self) -> Mapping[str, Any]:
        """What the card shows."""
        return {"file": self.file, **{name: v.value for name, v in self.metrics.items()}, "failures": self.failures}

    def to_json(self) -> dict[str, Any]:
        """The versioned object: one line of `--out`."""
        told = {f.name: getattr(self, f.name) for f in fields(self)}
        told["metrics"], told["anchors"] = dict(self.metrics), {k: dict(v) for k, v in self.anchors.items()}
        return to_jsonable({"schema": CLIP_SCORE_SCHEMA, **told, "error": None})

    @staticmethod
    def from_json(entry: Mapping[str, Any]) -> ClipScore:
        """What `to_json` of it, or of a `FailedScore`, wrote."""
        known = {f.name: entry[f.name] for f in fields(ClipScore) if f.name in entry}
        known["metrics"] = {
            name: ClipValue(
                value=v["value"],
                num_frames=v["num_frames"],
                failure=None if v["failure"] is None else FailureCause(v["failure"]),
            )
            for name, v in entry["metrics"].items()
        }
        known["failures"] = tuple(FailureCause(c) for c in entry["failures"])
        known["warnings"] = tuple(entry["warnings"])
        known["faces"] = tuple(ScoredFace(**face) for face in entry["faces"])
        return ClipScore(**known)


@dataclass(frozen=True, kw_only=True, repr=False)
class FailedScore(Card):
    """A clip of a batch that could not even be looked at; it counts as unreadable, at the floor of every metric."""

    file: str
    error_type: str
    message: str
    traceback: str = ""

    def facts(self) -> Mapping[str, Any]:
        """What the card shows."""
        return {"file": self.file, "error_type": self.error_type, "message": self.message}

    @property
    def clip(self) -> ClipScore:
        """The same as an answer without values."""
        return ClipScore(
            file=self.file,
            name=os.path.splitext(os.path.basename(self.file))[0],
            reference=None,
            audio=None,
            metrics={},
            anchors={},
            failures=(FailureCause.UNREADABLE,),
            message=self.message,
        )

    def to_json(self) -> dict[str, Any]:
        """As `ClipScore.to_json`, with `error` filled."""
        return {**self.clip.to_json(), "error": {"type": self.error_type, "message": self.message}}


@dataclass(frozen=True, kw_only=True)
class MetricValue:
    """One metric over all clips."""

    value: float | None
    """Headline: mean over clips, failed ones counted at their floor; None where no clip has it and no floor is known.
    """
    interval: tuple[float, float] | None
    """95 % bootstrap interval over clips; None with a single clip."""
    valid: float | None
    """Mean over the clips that did not fail."""
    relative: float | None
    """(value - floor) / (real - floor): 0 = no better than the floor, 1 = as good as the real video. None where the
    two anchors were not measured or are the same."""
    unit: str
    better: Better
    n: int
    """Clips, failed ones included."""
    failures: Mapping[FailureCause, int] = field(default_factory=dict)
    """Cause -> clips."""


@dataclass(frozen=True, kw_only=True, repr=False)
class ScoreResult(Card):
    """What `viseme.score` answers: a row of a table, with everything needed to read it."""

    name: str
    """Of the set of clips: the file or folder that was scored."""
    reference: str | None
    metrics: Mapping[str, MetricValue]
    anchors: Mapping[str, Mapping[str, float]]
    """Name of the anchor -> metric -> mean over the clips on which it was measured."""
    protocols: tuple[MetricProtocol, ...]
    protocol_hash: str
    """Changes with anything in `protocols`, and with the version: compare numbers only where it is the same."""
    failures: Mapping[FailureCause, int]
    """Cause -> clips that it concerns."""
    clips: tuple[ClipScore, ...]
    share_in_sync: float | None = None
    """Mean over clips; see `ClipScore`."""
    not_measured: Mapping[str, str] = field(default_factory=dict)
    """Metric that was left out -> what it needs."""
    notes: tuple[str, ...] = ()
    """Sentences to be read beside the numbers."""
    leakage: LeakageOutcome | None = None
    """Where it was asked for."""
    elapsed: float = 0.0
    """Seconds."""

    def __getitem__(self, name: str) -> MetricValue:
        """One metric; an unknown name is a `KeyError` that lists the known ones."""
        if name not in self.metrics:
            raise KeyError(f"there is no metric {name!r} here; there are {', '.join(self.metrics)}")
        return self.metrics[name]

    def facts(self) -> Mapping[str, Any]:
        """What the card shows."""
        return {"name": self.name, "clips": len(self.clips), **{name: m.value for name, m in self.metrics.items()}}

    def to_json(self) -> dict[str, Any]:
        """The versioned object that `--json` prints."""
        return to_jsonable(
            {
                "schema": SCORE_SCHEMA,
                "name": self.name,
                "reference": self.reference,
                "metrics": {
                    name: {**to_jsonable(m), "failures": {c.value: n for c, n in m.failures.items()}}
                    for name, m in self.metrics.items()
                },
                "anchors": {name: dict(values) for name, values in self.anchors.items()},
                "protocols": protocols_to_json(self.protocols),
                "protocol_hash": self.protocol_hash,
                "failures": {c.value: n for c, n in self.failures.items()},
                "share_in_sync": self.share_in_sync,
                "not_measured": dict(self.not_measured),
                "notes": self.notes,
                "leakage": self.leakage,
                "clips": [clip.to_json() for clip in self.clips],
                "elapsed": self.elapsed,
            }
        )
