"""What scores speaking faces, and the features it sees. Read this first.

A scorer turns what was measured of one face, every 40 ms, into one number a step, higher = rather speaking in sync
with the audio. Everything else (tracking, alignment, smoothing into states, voices, identities) is the same for all.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from viseme.audio.band_levels import STEP_S
from viseme.audio.features import NUM_MELS
from viseme.audio.voice_activity import speech_level, voice_ceiling, voice_log_odds
from viseme.core.errors import ConfigError
from viseme.core.registry import Registry
from viseme.faces.crop_recorder import RecordedCrops

__all__ = [
    "FEATURES",
    "STEP_S",
    "AudioSteps",
    "FaceSteps",
    "Scored",
    "SpeakerScorer",
    "audio_steps",
    "heard_by",
    "load_scorer",
    "speaker_networks",
    "speaker_scorers",
]


FEATURES = (
    "ratio",  # log-likelihood ratio "these lips made this audio" at the delay taken out
    "cosine",  # of the two embeddings, there
    "near",  # mean ratio at the delays 30 to 50 ms on either side
    "best",  # the best 15-step mean ratio within half a second of that delay, ...
    "away",  # ... and how far from it, seconds
    "opening",  # inner lip aperture, eye distances
    "motion",  # standard deviation of the aperture over 0.6 s
    "lips",  # root mean square speed of all lip points over 0.2 s, eye distances a second
    "yaw",  # of the head, absolute radians
    "seen",  # 1 where the face was observed, 0 where interpolated
    "audio",  # 1 where there is audio at that instant
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
    """(T, 4) xyxy, pixels of the source frame."""
    crops: RecordedCrops | None = None
    """Grey mouths (`GreyMouth`) at the steps, for scorers that want pixels."""

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
class AudioSteps:
    """What is known of the audio at every step, on the clock of the video (the delay taken out)."""

    first: int
    """Number of the first step."""
    voice: NDArray[np.float32]
    """(V,) log-odds that somebody is heard; `BandLevels` and `voice_log_odds` made them."""
    bands: NDArray[np.float16]
    """(V, 40) decibels of the mel bands."""
    delay: float = 0.0
    """Seconds that were taken out."""
    samples: Callable[[float, float], NDArray[np.float32]] | None = None
    """(S,) audio at 16 kHz from a start to an end, seconds as recorded; zeros where there is none. For scorers that
    want pixels."""

    def at(self, face: FaceSteps, values: NDArray | None = None) -> NDArray[np.float32]:
        """(T,) or (T, ...) `values` (default: the voice) at a face's steps; NaN where there is no audio."""
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


def audio_steps(
    first: int, bands: NDArray[np.floating], delay: float, odds: NDArray[np.floating] | None = None
) -> AudioSteps:
    """Move the audio to where the lips that made it moved.

    Args:
        first: Number of the first step as recorded; step `n` is the audio from `n` to `n + 1` times 40 ms.
        bands: (V, 40) decibels.
        delay: Seconds by which the audio is late.
        odds: (V,) log-odds of a voice, never taken above `voice_ceiling`; None = `voice_log_odds`.

    Returns:
        The audio on the steps of the faces, which lie at `n` times 40 ms.
    """
    if len(bands) == 0:
        return AudioSteps(
            first=0, voice=np.zeros(0, np.float32), bands=np.zeros((0, NUM_MELS), np.float16), delay=delay
        )
    level = speech_level(bands)
    odds = np.minimum(voice_log_odds(level) if odds is None else odds, voice_ceiling(level))
    shift = delay / STEP_S
    begin, end = math.floor(first - shift), math.ceil(first + len(odds) - shift)
    at = np.clip(np.arange(begin, end) + shift - 0.5 - first, 0, len(odds) - 1)
    low = np.minimum(np.floor(at).astype(int), max(len(odds) - 2, 0))
    high, part = np.minimum(low + 1, len(odds) - 1), at - low
    wide = bands[low].astype(np.float32) * (1 - part[:, None]) + bands[high].astype(np.float32) * part[:, None]
    return AudioSteps(
        first=begin,
        voice=(odds[low] * (1 - part) + odds[high] * part).astype(np.float32),
        bands=wide.astype(np.float16),
        delay=delay,
    )


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

    def score(self, faces: Sequence[FaceSteps], audio: AudioSteps) -> list[Scored]:
        """Score all faces of a file together."""
        ...


def heard_by(scorer: SpeakerScorer, audio: AudioSteps) -> AudioSteps:
    """The audio with the voice as this scorer hears it."""
    return replace(audio, voice=scorer.voice(audio.bands))


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
speaker_networks: Registry[type] = Registry(
    "speaker_network",
    {
        "speaker-head": "viseme.speakers.models.speaker_head:SpeakerHead",
        "light-asd": "viseme.speakers.models.light_asd:LightASD",
        "lr-asd": "viseme.speakers.models.lr_asd:LRASD",
    },
)
"""Name -> torch module, for training, conversion and export."""


def load_scorer(name: str, weights: str | os.PathLike[str] | None = None, *, device: str = "auto") -> SpeakerScorer:
    """A scorer by name; `device` is where its networks run, if it has some, see `viseme.weights.DEVICES`.

    Raises:
        ConfigError: no such scorer or device, or weights were given to one that has none.
        WeightsError: its weights are missing or damaged.
    """
    kind: Any = speaker_scorers[name]
    if hasattr(kind, "load"):
        return kind.load(weights, device=device)
    if weights is not None:
        raise ConfigError(f"the scorer {name!r} has no weights; leave --scorer-weights out")
    return kind()
