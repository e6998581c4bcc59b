"""What scores speaking faces, and the features it sees. Read this first.

A scorer turns what was measured of one face, every 40 ms, into one number a step, higher = rather speaking in sync
with the sound. Everything else (tracking, alignment, smoothing into states, voices, identities) is the same for all.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from viseme.core.errors import ConfigError
from viseme.core.registry import Registry
from viseme.speakers.crops import CropReader

__all__ = [
    "FEATURES",
    "STEP_S",
    "FaceSteps",
    "Heard",
    "Scored",
    "SpeakerScorer",
    "load_scorer",
    "speaker_scorers",
]

STEP_S = 0.04
"""Seconds between steps; step `n` of every face and of the voice lies at `n * STEP_S`."""

FEATURES = (
    "ratio",  # log-likelihood ratio "these lips made this sound" at the delay taken out
    "cosine",  # of the two embeddings, there
    "near",  # mean ratio at the delays 30 to 50 ms on either side
    "best",  # the best 15-step mean ratio within half a second of that delay, ...
    "away",  # ... and how far from it, seconds
    "opening",  # inner lip aperture, eye distances
    "motion",  # standard deviation of the aperture over 0.6 s
    "lips",  # root mean square speed of all lip points over 0.2 s, eye distances a second
    "yaw",  # of the head, absolute radians
    "seen",  # 1 where the face was observed, 0 where interpolated
    "sound",  # 1 where there is sound at that instant
)
"""What is known of a face at one step, in this order."""


@dataclass(frozen=True, kw_only=True)
class FaceSteps:
    """All that is kept of one face: some 70 bytes for every 40 ms of it."""

    track_id: int
    shot: int
    first: int
    """Number of the first step."""
    features: NDArray[np.float32]
    """(T, len(FEATURES))."""
    boxes: NDArray[np.float32]
    """(T, 4) xyxy, pixels of the source picture."""
    crops: CropReader | None = None
    """Grey mouths at the steps, for scorers that want pixels."""

    def column(self, name: str) -> NDArray[np.float32]:
        """(T,) one feature by name."""
        return self.features[:, FEATURES.index(name)]

    @property
    def num(self) -> int:
        """Steps."""
        return len(self.features)

    def times(self) -> NDArray[np.float64]:
        """(T,) seconds."""
        return np.asarray((self.first + np.arange(self.num)) * STEP_S, np.float64)


@dataclass(frozen=True, kw_only=True)
class Heard:
    """What is known of the sound, on the clock of the picture (the delay taken out)."""

    first: int
    """Number of the first step."""
    voice: NDArray[np.float32]
    """(V,) log-odds that somebody is heard; `VoiceReader` and `voice_log_odds` made them."""
    bands: NDArray[np.float16]
    """(V, 40) decibels of the mel bands."""
    delay: float = 0.0
    """Seconds that were taken out."""
    samples: Callable[[float, float], NDArray[np.float32]] | None = None
    """(S,) sound at 16 kHz from a start to an end, seconds as recorded; zeros where there is none. For scorers that
    want pixels."""

    def at(self, face: FaceSteps, values: NDArray | None = None) -> NDArray[np.float32]:
        """(T,) or (T, ...) `values` (default: the voice) at a face's steps; NaN where there is no sound."""
        values = self.voice if values is None else values
        index = np.arange(face.first, face.first + face.num) - self.first
        inside = (index >= 0) & (index < len(values))
        out = np.full((face.num, *values.shape[1:]), np.nan, np.float32)
        out[inside] = values[index[inside]]
        return out


@dataclass(frozen=True, kw_only=True)
class Scored:
    """What a scorer says of one face."""

    speaking: NDArray[np.float32]
    """(T,) in the scorer's unit; higher = rather speaking in sync."""
    dubbed: NDArray[np.float32] | None = None
    """(T,) log-odds that the lips speak other words than are heard; None = the scorer cannot say."""


class SpeakerScorer(Protocol):
    """Who speaks, in one number a step."""

    wants_crops: bool
    """Whether `FaceSteps.crops` are needed."""
    reach_steps: int
    """Later steps that a score depends on; a live score is as late as that."""
    name: str
    """For results; with the hash of the weights where there are some."""
    unit: str
    """What a score is, in words."""
    threshold: float
    """Score from which a face is called speaking."""
    band: float
    """A face begins to speak above threshold + band and ends below threshold - band."""

    def voice(self, bands: NDArray[np.floating]) -> NDArray[np.float32]:
        """(V,) log-odds that somebody is heard, from (V, 40) decibels of mel bands every 40 ms."""
        ...

    def score(self, faces: Sequence[FaceSteps], heard: Heard) -> list[Scored]:
        """Score all faces of a file together."""
        ...


speaker_scorers: Registry[type] = Registry(
    "speaker_scorer",
    {
        "evidence": "viseme.speakers.scorers:EvidenceScorer",
        "cosine": "viseme.speakers.scorers:CosineScorer",
        "head": "viseme.speakers.head:HeadScorer",
        "light-asd": "viseme.speakers.pixel_scorers:LightASDScorer",
        "lr-asd": "viseme.speakers.pixel_scorers:LRASDScorer",
    },
)
"""Name -> scorer class."""


def load_scorer(name: str, weights: str | os.PathLike[str] | None = None) -> SpeakerScorer:
    """A scorer by name.

    Raises:
        ConfigError: no such scorer, or weights were given to one that has none.
        WeightsError: its weights are missing or damaged.
    """
    kind: Any = speaker_scorers[name]
    if hasattr(kind, "load"):
        return kind.load(weights)
    if weights is not None:
        raise ConfigError(f"the scorer {name!r} has no weights; leave --scorer-weights out")
    return kind()
