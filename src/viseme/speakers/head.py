"""Our head on top of the scores: two small temporal networks, for faces and for voices, run from one file of weights.

Knows features of steps; refuses to know media, sync models and how the head is trained. An hour of three faces takes
seconds on one core.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from viseme.audio.voice_activity import speech_level, voice_log_odds
from viseme.core.errors import WeightsError
from viseme.speakers.features import SMOOTH, smooth_steps
from viseme.speakers.interface import FEATURES, AudioSteps, FaceSteps, Scored
from viseme.weights import FileStamp, Session, file_stamp, find_weights, read_checkpoint, resolve_device

if TYPE_CHECKING:
    from jaxtyping import Float

__all__ = [
    "CLASSES",
    "COMPONENT",
    "INPUTS",
    "NUM_VOICE_INPUTS",
    "HeadNetworks",
    "HeadScorer",
    "face_inputs",
    "voice_inputs",
]

COMPONENT = "speakers"
CLASSES = ("not_speaking", "speaking", "dubbed")
INPUTS = (
    *FEATURES,
    "mean_ratio",  # of 15 steps
    "mean_cosine",
    "voice",  # bounded log-odds by level and rhythm, whoever made `AudioSteps.voice`
    "others_ratio",  # the highest mean ratio of any other face
    "others_motion",  # the largest spread of any other mouth
    "others",  # whether there are any
)
"""What the face network sees at a step, in this order."""
NUM_VOICE_INPUTS = 41
"""What the voice network sees at a step: see `voice_inputs`."""


_SHIFT = {"opening": 0.05, "yaw": 0.3}
_SCALE = {
    "ratio": 1.5, "near": 1.5, "best": 1.0, "mean_ratio": 1.0, "others_ratio": 1.0, "cosine": 0.4, "mean_cosine": 0.3,
    "away": 0.3, "opening": 0.08, "yaw": 0.3, "voice": 3.0,
}  # fmt: skip
_LOGARITHMIC = {"motion": 0.015, "lips": 0.1, "others_motion": 0.015}


def face_inputs(faces: Sequence[FaceSteps], audio: AudioSteps) -> list[NDArray[np.float32]]:
    """(T, len(INPUTS)) for each face, scaled to about unit size."""
    means = [smooth_steps(np.where(f.column("audio") > 0, f.column("ratio"), np.nan)) for f in faces]
    ratios = _others(faces, [np.nan_to_num(m, nan=-2.3) for m in means], -2.3)
    motions = _others(faces, [f.column("motion") for f in faces], 0.0)
    voice = voice_log_odds(speech_level(audio.bands))
    out = []
    for face, mean, ratio, motion in zip(faces, means, ratios, motions):
        cosine = smooth_steps(np.where(face.column("audio") > 0, face.column("cosine"), np.nan))
        columns = {name: face.column(name) for name in FEATURES} | {
            "mean_ratio": np.nan_to_num(mean, nan=-2.3),
            "mean_cosine": np.nan_to_num(cosine),
            "voice": np.clip(np.nan_to_num(audio.at(face, voice), nan=-8.0), -8, 8),
            "others_ratio": ratio,
            "others_motion": motion,
            "others": (ratio > -2.29).astype(np.float32),
        }
        out.append(np.stack([_scaled(name, columns[name]) for name in INPUTS], -1).astype(np.float32))
    return out


def _scaled(name: str, values: NDArray[np.floating]) -> NDArray[np.floating]:
    if name in _LOGARITHMIC:
        return np.clip(np.log(np.maximum(values, 1e-5) / _LOGARITHMIC[name]), -4, 4)
    return (values - _SHIFT.get(name, 0.0)) / _SCALE.get(name, 1.0)


def _others(
    faces: Sequence[FaceSteps], values: Sequence[NDArray[np.floating]], nothing: float
) -> list[NDArray[np.float32]]:
    """For each face (T,) the highest value of any other face that is in view at the same step."""
    if not faces:
        return []
    first = min(f.first for f in faces)
    num = max(f.first + f.num for f in faces) - first
    best = np.full((2, num), nothing, np.float32)
    owner = np.full(num, -1)
    for number, (face, value) in enumerate(zip(faces, values)):
        where = slice(face.first - first, face.first - first + face.num)
        wins = value > best[0, where]
        best[1, where] = np.where(wins, best[0, where], np.maximum(best[1, where], value))
        owner[where] = np.where(wins, number, owner[where])
        best[0, where] = np.where(wins, value, best[0, where])
    out = []
    for number, face in enumerate(faces):
        where = slice(face.first - first, face.first - first + face.num)
        out.append(np.where(owner[where] == number, best[1, where], best[0, where]).astype(np.float32))
    return out


def voice_inputs(bands: NDArray[np.floating]) -> NDArray[np.float32]:
    """(V, 41) mel bands without overall loudness, and the level over the quietest tenth, from (V, 40) decibels."""
    if len(bands) == 0:
        return np.zeros((0, NUM_VOICE_INPUTS), np.float32)
    x = np.maximum(bands.astype(np.float32), -60)
    level = 10 * np.log10((10 ** (x / 10)).sum(1))
    loud, quiet = np.percentile(level, 90), np.percentile(level, 10)
    over = np.clip((level - quiet) / 20, 0, 3)
    return np.concatenate([(x - loud + 25) / 15, over[:, None]], 1).astype(np.float32)


class HeadNetworks(Protocol):
    """The two networks of a head, ready to run."""

    @property
    def reach_steps(self) -> int:
        """Later steps that either looks at."""
        ...

    def face(self, x: Float[np.ndarray, "T D"]) -> Float[np.ndarray, "T 3"]:
        """Logits of `CLASSES` from `face_inputs`."""
        ...

    def voice(self, x: Float[np.ndarray, "T D"]) -> Float[np.ndarray, "T"]:
        """Log-odds of a voice from `voice_inputs`."""
        ...


class _ShippedHead:
    """As exported, on one device."""

    def __init__(self, face: Session, voice: Session, reach_steps: int) -> None:
        self._face, self._voice = face, voice
        self.reach_steps = reach_steps

    def face(self, x: NDArray[np.float32]) -> NDArray[np.float32]:
        return self._face.run(x=x[None])["logits"][0]

    def voice(self, x: NDArray[np.float32]) -> NDArray[np.float32]:
        return self._voice.run(x=x[None])["log_odds"][0]


class HeadScorer:
    """Log-odds of speaking, by the trained head."""

    wants_crops = False
    unit = "log-odds of speaking"
    band = 0.5

    def __init__(
        self, networks: HeadNetworks, *, name: str = "head", threshold: float = 0.0, sync: str | None = None
    ) -> None:
        self._networks = networks
        self.sync = sync
        """Name and hash of the sync weights whose scores it learnt from; None = not known."""
        self.reach_steps = SMOOTH // 2 + networks.reach_steps
        self.name, self.threshold = name, threshold

    @classmethod
    def load(cls, weights: str | os.PathLike[str] | None = None, *, device: str = "auto") -> HeadScorer:
        """Read weights by catalogue name or path; None is the default that ships.

        A file is read once in a process: asked for again, unchanged and for the same device, it is the same scorer.

        Raises:
            MissingWeights: not there.
            WeightsError: there, and not the weights of a speaker head of this package.
            ConfigError: there is no such device here.
        """
        path = find_weights(None if weights is None else os.fspath(weights), component=COMPONENT)
        return _load(file_stamp(path), resolve_device(device))

    def voice(self, bands: NDArray[np.floating]) -> NDArray[np.float32]:
        """By the voice network."""
        return self._networks.voice(voice_inputs(bands)) if len(bands) else np.zeros(0, np.float32)

    def score(self, faces: Sequence[FaceSteps], audio: AudioSteps) -> list[Scored]:
        """By the face network; `dubbed` too."""
        out = []
        for inputs in face_inputs(faces, audio):
            silent, speaking, dubbed = self._networks.face(inputs).T
            out.append(
                Scored(speaking=speaking - np.logaddexp(silent, dubbed), dubbed=dubbed - np.logaddexp(silent, speaking))
            )
        return out


@lru_cache(maxsize=4)
def _load(file: FileStamp, device: str) -> HeadScorer:
    found = read_checkpoint(file.path, component=COMPONENT, holds="speaker head")
    header = found.header
    if tuple(header.get("inputs", ())) != INPUTS:
        raise WeightsError(f"{file.path} was trained on other features than this version makes; train it again")
    face, voice = (found.session(part, device=device) for part in ("face", "voice"))
    try:
        networks = _ShippedHead(face, voice, int(header["reach_steps"]))
        return HeadScorer(networks, name=found.name, threshold=float(header["threshold"]), sync=header.get("sync"))
    except (KeyError, TypeError, ValueError) as error:
        raise WeightsError(f"{file.path} has an incomplete or unknown header ({error!r}); get it again") from error
