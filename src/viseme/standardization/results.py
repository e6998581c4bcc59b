"""What `standardize` answers with: which faces were kept, which frames of them are good, and why others are not.

Knows numbers and words; refuses to know files.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from viseme.core.card import Card
from viseme.core.results import FailedFile, Reason, RejectedTrack, to_jsonable

__all__ = ["FailedStandardize", "StandardizeResult", "StandardizedTrack"]

SCHEMA = "viseme.standardize/1"


@dataclass(frozen=True, kw_only=True)
class StandardizedTrack:
    """A face track that was kept."""

    name: str
    """Its group in the file: `track0`, ..."""
    track_id: int
    """As the tracker numbers it."""
    start: float
    """Seconds."""
    end: float
    num_frames: int
    num_valid: int
    """Frames whose coefficients may be used."""
    reasons: Mapping[str, int]
    """Why the others may not: reason -> frames."""
    face_size_px: float
    """Median width of the face box in pixels of the source frame."""
    residual: float | None
    """Median over the valid frames of the mean landmark distance over face width; None where there is none."""
    depth_range: tuple[float, float] | None = None
    """Decimetres that depths 0 and 255 stand for; None where every frame has its own, or no depth was asked for."""


@dataclass(frozen=True, kw_only=True, repr=False)
class StandardizeResult(Card):
    """What `viseme.standardize` answers about one file."""

    file: str
    out: str
    as_: str
    """"rgb", "rgbd", "mesh", "beta" or "arkit"."""
    estimator: str
    weights: str | None
    """As given; None = those that ship, or none needed."""
    face_model: str
    z_norm: str
    tracks: tuple[StandardizedTrack, ...] = ()
    """By first frame."""
    rejected: tuple[RejectedTrack, ...] = ()
    duration: float | None = None
    """Seconds."""
    frame_rate: float | None = None
    width: int | None = None
    height: int | None = None
    video: str | None = None
    """The video written for looking at."""
    elapsed: float = 0.0
    """Seconds of work."""
    warnings: tuple[str, ...] = ()

    @property
    def reasons(self) -> tuple[Reason, ...]:
        """Why there is nothing to use, where there is nothing to use."""
        if self.tracks:
            return ()
        return tuple(dict.fromkeys(r.reason for r in self.rejected)) or (Reason.NO_FACE,)

    @property
    def words(self) -> str:
        """For people: "1 face, 74 of 75 frames"."""
        if not self.tracks:
            return f"no face ({', '.join(r.value for r in self.reasons)})"
        num, valid = sum(t.num_frames for t in self.tracks), sum(t.num_valid for t in self.tracks)
        why: dict[str, int] = {}
        for track in self.tracks:
            for reason, count in track.reasons.items():
                why[reason] = why.get(reason, 0) + count
        faces = f"{len(self.tracks)} face{'s' if len(self.tracks) > 1 else ''}"
        left = ", ".join(f"{count} {reason}" for reason, count in why.items())
        return f"{faces}, {valid} of {num} frames" + (f" ({left})" if left else "")

    def facts(self) -> Mapping[str, Any]:
        """What the card shows."""
        return {"file": self.file, "out": self.out, "as": self.as_, "found": self.words}

    def to_json(self) -> dict[str, Any]:
        """The versioned object that `--json` prints, one line per file."""
        entry = to_jsonable(self)
        entry["as"] = entry.pop("as_")
        return {"schema": SCHEMA, **entry, "reasons": to_jsonable(self.reasons), "words": self.words, "error": None}


@dataclass(frozen=True, kw_only=True, repr=False)
class FailedStandardize(FailedFile):
    """A file of a batch that could not be read or written, and why."""

    def to_json(self) -> dict[str, Any]:
        """The same object as an answer, its fields null, with `error` filled."""
        return {"schema": SCHEMA, "out": None, "tracks": [], "words": None, **super().to_json()}
