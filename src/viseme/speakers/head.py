"""Our head on top of the scores: two small temporal networks, for faces and for voices, in one file of weights.

Knows features of steps; refuses to know media and sync models. Some 200,000 parameters; an hour of three faces takes
seconds on one core.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

import viseme
from viseme.audio.voice_activity import speech_level, voice_log_odds
from viseme.core.errors import ConfigError, WeightsError
from viseme.speakers.features import SMOOTH, smooth_steps
from viseme.speakers.interface import FEATURES, AudioSteps, FaceSteps, Scored
from viseme.weights import find_weights, weights_id

__all__ = ["CLASSES", "INPUTS", "HeadScorer", "SpeakerHead", "face_inputs", "save_head", "voice_inputs"]

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


class _Block(nn.Module):
    """Gated residual convolution over time; the norm is over channels, so nothing leaks along time."""

    def __init__(self, width: int, dilation: int, dropout: float) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.conv = nn.Conv1d(width, 2 * width, 5, padding=2 * dilation, dilation=dilation)
        self.drop = nn.Dropout(dropout)

    def forward(self, x: Float[Tensor, "B D T"]) -> Float[Tensor, "B D T"]:
        normed = self.norm(x.transpose(1, 2)).transpose(1, 2)
        return x + self.drop(nn.functional.glu(self.conv(normed), dim=1))


class _Temporal(nn.Module):
    """(B, T, inputs) to (B, T, outputs) with `2 * sum(dilations)` steps of context either way."""

    def __init__(
        self, num_inputs: int, num_outputs: int, width: int, dilations: tuple[int, ...], dropout: float
    ) -> None:
        super().__init__()
        self.first = nn.Linear(num_inputs, width)
        self.blocks = nn.Sequential(*(_Block(width, d, dropout) for d in dilations))
        self.last = nn.Linear(width, num_outputs)

    def forward(self, x: Float[Tensor, "B T D"]) -> Float[Tensor, "B T O"]:
        hidden = self.blocks(self.first(x).transpose(1, 2)).transpose(1, 2)
        return self.last(hidden)


class SpeakerHead(nn.Module):
    """What a face does, from the evidence around each step; and whether anybody is heard."""

    @dataclass(frozen=True, kw_only=True)
    class Config:
        """Sizes."""

        width: int = 48
        """Channels of the face network."""
        dilations: tuple[int, ...] = (1, 2, 4, 8, 16)
        """Of its blocks, in 40 ms steps."""
        voice_width: int = 32
        """Channels of the voice network."""
        voice_dilations: tuple[int, ...] = (1, 2, 4, 8)
        """Of its blocks."""
        dropout: float = 0.1
        """Probability of dropping a hidden unit, in training."""

        def __post_init__(self) -> None:
            if min(self.width, self.voice_width, *self.dilations, *self.voice_dilations) < 1:
                raise ConfigError(f"SpeakerHead: impossible sizes {self}")
            if not 0 <= self.dropout < 1:
                raise ConfigError(f"SpeakerHead: dropout must lie in [0, 1), not {self.dropout}")

        @classmethod
        def tiny(cls) -> SpeakerHead.Config:
            """The smallest configuration that exercises every part."""
            return cls(width=8, dilations=(1,), voice_width=4, voice_dilations=(1,))

    def __init__(self, config: Config | None = None) -> None:
        super().__init__()
        self.config = c = config or self.Config()
        self.face = _Temporal(len(INPUTS), len(CLASSES), c.width, c.dilations, c.dropout)
        self.audio = _Temporal(41, 1, c.voice_width, c.voice_dilations, c.dropout)

    def forward(self, x: Float[Tensor, "B T D"]) -> Float[Tensor, "B T 3"]:
        """Logits of `CLASSES` from `face_inputs`."""
        return self.face(x)

    def voice(self, x: Float[Tensor, "B T 41"]) -> Float[Tensor, "B T"]:
        """Log-odds of a voice from `voice_inputs`."""
        return self.audio(x)[..., 0]


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
        return np.zeros((0, 41), np.float32)
    x = np.maximum(bands.astype(np.float32), -60)
    level = 10 * np.log10((10 ** (x / 10)).sum(1))
    loud, quiet = np.percentile(level, 90), np.percentile(level, 10)
    over = np.clip((level - quiet) / 20, 0, 3)
    return np.concatenate([(x - loud + 25) / 15, over[:, None]], 1).astype(np.float32)


def save_head(path: str | Path, head: SpeakerHead, *, threshold: float, card: dict[str, Any], sync: str) -> None:
    """Write weights that describe themselves, in half precision.

    Args:
        path: safetensors.
        head: Trained.
        threshold: Log-odds from which a face speaks.
        card: Training data, licence, results.
        sync: Name and hash of the sync weights whose scores it was trained on.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    header = {
        "component": COMPONENT,
        "model": "speaker-head",
        "config": asdict(head.config),
        "inputs": INPUTS,
        "threshold": threshold,
        "sync": sync,
        "card": card,
        "weights_of": "viseme",
        "package": viseme.__version__,
    }
    tensors = {k: v.detach().to(torch.float16).contiguous().clone() for k, v in head.state_dict().items()}
    temporary = path.with_suffix(".partial")
    save_file(tensors, str(temporary), metadata={"viseme": json.dumps(header)})
    temporary.replace(path)


class HeadScorer:
    """Log-odds of speaking, by the trained head."""

    wants_crops = False
    unit = "log-odds of speaking"
    band = 0.5

    def __init__(
        self, head: SpeakerHead, *, name: str = "head", threshold: float = 0.0, sync: str | None = None
    ) -> None:
        self._head = head.eval()
        self.sync = sync
        """Name and hash of the sync weights whose scores it learnt from; None = not known."""
        config = head.config
        self.reach_steps = SMOOTH // 2 + 2 * max(sum(config.dilations), sum(config.voice_dilations))
        self.name, self.threshold = name, threshold

    @classmethod
    def load(cls, weights: str | os.PathLike[str] | None = None) -> HeadScorer:
        """Read weights by catalogue name or path; None is the default that ships.

        Raises:
            MissingWeights: not there.
            WeightsError: there, and not the weights of a speaker head of this package.
        """
        path = find_weights(None if weights is None else os.fspath(weights), component=COMPONENT)
        try:
            with safe_open(str(path), framework="pt") as file:
                header = json.loads((file.metadata() or {}).get("viseme", "{}"))
                tensors = {key: file.get_tensor(key).float() for key in file.keys()}  # noqa: SIM118
        except Exception as error:
            raise WeightsError(f"{path} cannot be read as safetensors: {error}") from error
        if header.get("component") != COMPONENT:
            raise WeightsError(f"{path} holds no speaker head (component is {header.get('component')!r})")
        if tuple(header.get("inputs", ())) != INPUTS:
            raise WeightsError(f"{path} was trained on other features than this version makes; train it again")
        try:
            config: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in header["config"].items()}
            head = SpeakerHead(SpeakerHead.Config(**config))
            head.load_state_dict(tensors)
        except (KeyError, TypeError, RuntimeError) as error:
            raise WeightsError(f"{path} does not fit its own header ({error!r}); get the file again") from error
        return cls(head, name=weights_id(path), threshold=float(header["threshold"]), sync=header.get("sync"))

    @torch.inference_mode()
    def voice(self, bands: NDArray[np.floating]) -> NDArray[np.float32]:
        """By the voice network."""
        if len(bands) == 0:
            return np.zeros(0, np.float32)
        return self._head.voice(torch.from_numpy(voice_inputs(bands))[None])[0].numpy()

    @torch.inference_mode()
    def score(self, faces: Sequence[FaceSteps], audio: AudioSteps) -> list[Scored]:
        """By the face network; `dubbed` too."""
        out = []
        for inputs in face_inputs(faces, audio):
            logits = self._head(torch.from_numpy(inputs)[None])[0]
            silent, speaking, dubbed = logits.unbind(-1)
            out.append(
                Scored(
                    speaking=(speaking - torch.logaddexp(silent, dubbed)).numpy(),
                    dubbed=(dubbed - torch.logaddexp(silent, speaking)).numpy(),
                )
            )
        return out
