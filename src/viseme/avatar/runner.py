"""A trained avatar, ready to speak, by ONNX Runtime. Knows `.vis` files and samples; refuses to know torch and videos.

An avatar is a `FaceGenerator` of `compose.interface`. It answers at any times, and in chunks, so memory does not grow
with the length of what is said. Where nobody speaks the mouth is closed, whatever the network makes of noise.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from viseme.audio.stft import speech_gain, stft_windows
from viseme.avatar.file import closed_of, cylinder_of, read_avatar
from viseme.compose.interface import SpokenFace, speech_arrays
from viseme.core.errors import WeightsError
from viseme.provenance.consent import Consent, consent_from_json
from viseme.sync.heard import HeardAudio
from viseme.sync.heard_streams import streams_of
from viseme.weights import Checkpoint, Session

__all__ = ["Avatar", "load_avatar"]

CHUNK = 16
"""Frames that are made at once."""

Made = tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]
"""Vertices (T, 468, 3), lip crops (T, 128, 128, 3), weights (T, 52)."""


class _Speaker(Protocol):
    """The network of an avatar while it says one thing."""

    def __call__(self, times: NDArray[np.float64]) -> Made: ...


class _Compact:
    """Frames from windows of embedded audio."""

    def __init__(self, spoken: Session, heard: HeardAudio) -> None:
        self._spoken, self._heard = spoken, heard

    def __call__(self, times: NDArray[np.float64]) -> Made:
        found = self._spoken.run(heard=self._heard.at(times))
        return found["vertices"], found["lips"], found["weights"]


class _Remembering:
    """Frames from spectrograms and the frame before."""

    def __init__(self, shape: Session, lips: Session, samples: NDArray[np.float32], start: float) -> None:
        self._shape, self._lips, self._samples, self._start = shape, lips, samples, start
        self._gain = speech_gain(samples)
        self._before = np.zeros((1, 128, 128, 3), np.float32)

    def __call__(self, times: NDArray[np.float64]) -> Made:
        stft = stft_windows(self._samples, self._start, times, gain=self._gain)
        found = self._shape.run(stft=stft)
        if "before" not in self._lips.inputs:
            return found["vertices"], self._lips.run(code=found["code"])["lips"], found["weights"]
        lips = []
        for code in found["code"]:
            self._before = self._lips.run(code=code[None], before=self._before)["lips"]
            lips.append(self._before[0])
        return found["vertices"], np.stack(lips), found["weights"]


class Avatar:
    """One person's face, driven by any audio."""

    def __init__(self, found: Checkpoint, device: str = "auto") -> None:
        header = found.header
        self.id: str = found.name
        """Name and hash, for results."""
        self.preset: str = header["preset"]
        """What it was trained as."""
        self.card: dict[str, Any] = header["card"]
        """Training data, preparation and results."""
        self.consent: Consent = consent_from_json(header["consent"])
        """What the person allowed."""
        self.reference: NDArray[np.float32] = found.tensors["person.reference"]
        """(468, 3) reference space."""
        self.reference_atlas: NDArray[np.float32] = np.asarray(found.tensors["person.atlas"] / 65535, np.float32)
        """(256, 256, 3) RGB in [0, 1]."""
        self.cylinder = cylinder_of(found)
        """How vertices are laid onto the atlas."""
        self._closed = closed_of(found)
        parts = ("spoken",) if "spoken" in found.graphs else ("shape", "lips")
        self._parts = {part: found.session(part, device=device) for part in parts}
        self._streams = streams_of(found, header.get("num_streams", 0), device)

    def speak(self, samples: NDArray[np.floating], start: float, times: NDArray[np.floating]) -> Iterator[SpokenFace]:
        """See `compose.interface.FaceGenerator.speak`."""
        audio, when = speech_arrays(samples, times)
        heard = HeardAudio(self._streams, audio, start)
        speaker: _Speaker = (
            _Compact(self._parts["spoken"], heard)
            if "spoken" in self._parts
            else _Remembering(self._parts["shape"], self._parts["lips"], audio, start)
        )
        for at in range(0, len(when), CHUNK):
            part = when[at : at + CHUNK]
            yield self._closing(part, speaker(part), heard.openness(part))

    def _closing(self, times: NDArray[np.float64], made: Made, openness: NDArray[np.float32]) -> SpokenFace:
        """What was made, closed where nobody speaks."""
        closed = (self._closed.vertices, self._closed.lips, self._closed.weights)
        vertices, lips, weights = (
            np.asarray(rest + openness.reshape(-1, *[1] * rest.ndim) * (of - rest), np.float32)
            for of, rest in zip(made, closed)
        )
        return SpokenFace(times=times, vertices=vertices, lips=lips, weights=weights)


def load_avatar(path: str | Path, *, device: str = "auto") -> Avatar:
    """Read an avatar that `viseme train avatar` made.

    Args:
        path: A `.vis` file.
        device: Where it runs, see `viseme.weights.DEVICES`.

    Raises:
        MissingWeights: not there.
        WeightsError: there, and no avatar.
        ConsentError: the consent that it stores has expired, or is none.
        ConfigError: there is no such device here.
    """
    found = read_avatar(path)
    try:
        avatar = Avatar(found, device)
    except (AttributeError, KeyError, TypeError) as error:
        raise WeightsError(f"{found.path} has an incomplete or unknown header ({error!r})") from error
    avatar.consent.refuse_expired()
    return avatar
