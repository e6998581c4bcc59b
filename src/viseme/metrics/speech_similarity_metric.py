"""AVS_u, AVS_m and AVS_v in the seam of metrics: any speech expert, fed frame by frame.

Knows views of faces and audio; what is computed is `speech_similarity`. Both faces are gathered once for all anchors,
and what the expert has embedded once is not embedded again. An expert sees a clip as a whole, so 8 kB (mouths) or 6 kB
(landmarks) of each face stay in memory for a frame, whatever its size.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from functools import partial
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from viseme.audio.features import speech_features
from viseme.core.errors import DataError
from viseme.core.scores import Better, MetricProtocol, Need
from viseme.expert.interface import SpeechExpert
from viseme.faces.mouth_roi import STEP_S
from viseme.metrics.clip_audio import whole_audio
from viseme.metrics.face_streams import MouthStream, PointStream, stream_of
from viseme.metrics.interface import SHIFT_FRAMES, ClipAudio, FaceView, Measured
from viseme.metrics.speech_similarity import (
    SpeechSimilarity,
    avs_audio_floor,
    avs_key,
    avs_m,
    avs_u,
    avs_v,
    similarity,
)
from viseme.metrics.spoken_words import LipWords

__all__ = ["SpeechClip", "SpeechSimilarityMetric"]

_WITH_REFERENCE = ("avs_m", "avs_v")
_MEANS = "_of_means"


class SpeechSimilarityMetric:
    """A `ClipMetric`. AVS_u needs no reference; the others are left out where there is none."""

    def __init__(self, expert: SpeechExpert, words: LipWords | None = None) -> None:
        """Name the protocols after the expert: results of different experts are never merged.

        Args:
            expert: Whose embeddings are compared.
            words: What it reads off the lips, where it can; the lips are gathered once for both.
        """
        self._expert, self._words = expert, words
        self.protocols = tuple(
            self._protocol(name + kind, floor, of)
            for name, floor, of in (
                ("avs_u", "mismatched_audio", "lips alone and audio alone"),
                ("avs_m", "audio_only", "lips with audio, generated and real"),
                ("avs_v", "still_face", "lips alone, generated and real"),
            )
            for kind in ("", _MEANS)
        )
        self.protocols += () if words is None else words.protocols

    def start(self, audios: Mapping[str, ClipAudio]) -> SpeechClip:
        """See `ClipMetric.start`."""
        return SpeechClip(self._expert, audios, self._words)

    def _protocol(self, name: str, floor: str, of: str) -> MetricProtocol:
        needs = {Need.EXPERT, Need.LANDMARKS}
        needs |= {Need.PIXELS} if self._expert.input == "pixel" else set()
        needs |= {Need.REFERENCE} if name.startswith(_WITH_REFERENCE) else set()
        needs |= set() if name.startswith("avs_v") else {Need.AUDIO}
        average = "cosine of the means over time" if name.endswith(_MEANS) else "mean over frames of the cosine"
        return MetricProtocol(
            name=avs_key(name, self._expert.id),
            unit="1",
            better=Better.HIGHER,
            version=1,
            needs=frozenset(needs),
            floor=floor,
            worst=0.0,
            identical=1.0 if name.startswith(_WITH_REFERENCE) else None,
            crop="88 px of a 96 px mouth on the 256 px canvas" if self._expert.input == "pixel" else self._expert.input,
            text=f"{average}, 25 frames a second, of a speech expert's embeddings of {of}",
            source="Yaman et al., equations 4 to 6",
            weights=self._expert.id,
        )


class _Remembered:
    """A `SpeechExpert` that embeds the same arrays once."""

    def __init__(self, expert: SpeechExpert) -> None:
        self._expert = expert
        self._found: dict[tuple[bytes | None, bytes | None], NDArray[np.float32]] = {}
        self.id, self.input, self.width = expert.id, expert.input, expert.width

    def encode(
        self,
        audio: NDArray[np.float32] | None = None,
        video: NDArray[np.float32] | None = None,
        layer: int | None = None,
    ) -> NDArray[np.float32]:
        """See `SpeechExpert.encode`."""
        key = _digest(audio), _digest(video)
        if key not in self._found:
            self._found[key] = self._expert.encode(audio, video, layer)
        return self._found[key]


def _digest(values: NDArray[np.float32] | None) -> bytes | None:
    return None if values is None else hashlib.blake2b(values.tobytes(), digest_size=16).digest()


class _Lips(NamedTuple):
    """What the expert's video stream sees of one face, 25 a second."""

    first: int
    """Number of the first step; step n lies at n / 25 seconds."""
    video: NDArray[np.float32]

    def part(self, first: int, end: int) -> _Lips:
        """Steps `first` to `end`."""
        return _Lips(first, self.video[first - self.first : end - self.first])


class SpeechClip:
    """One clip of `SpeechSimilarityMetric`; nothing but the mouths is kept of its frames."""

    def __init__(self, expert: SpeechExpert, audios: Mapping[str, ClipAudio], words: LipWords | None = None) -> None:
        """Nothing yet."""
        self._expert, self._audios, self._words = _Remembered(expert), audios, words
        self._streams: list[MouthStream | PointStream] = [stream_of(expert.input), stream_of(expert.input)]
        self._samples: dict[str, tuple[NDArray[np.float32], float]] = {}

    def add(self, generated: FaceView | None, reference: FaceView | None) -> None:
        """See `ClipAccumulator.add`."""
        time = reference.time if reference is not None else generated.time if generated is not None else 0.0
        for stream, face in zip(self._streams, (generated, reference)):
            if face is not None:
                stream.add(time, face)

    def compute(self) -> Mapping[str, Mapping[str, Measured]]:
        """See `ClipAccumulator.compute`."""
        ours, theirs = (_Lips(round(start / STEP_S), video) for start, video in (s.finish() for s in self._streams))
        found = {"generated": {"avs_u": self._unimodal(ours, "generated"), **self._pair(ours, theirs, "generated")}}
        if len(theirs.video):
            found |= self._reference_anchors(theirs)
        lips = theirs if len(theirs.video) else ours
        found["mismatched_audio"] = {"avs_u": self._unimodal(lips, "mismatched_audio")}
        measured = {name: _measured(values, self._expert.id) for name, values in found.items()}
        if self._words is not None:
            seen = {"generated": ours.video, "reference": theirs.video, "still_face": _still(theirs).video}
            for name, values in self._words.measure(seen).items():
                measured.setdefault(name, {}).update(values)
        return measured

    def _reference_anchors(self, real: _Lips) -> dict[str, dict[str, SpeechSimilarity]]:
        late = _Lips(real.first + SHIFT_FRAMES, real.video)
        early = _Lips(real.first - SHIFT_FRAMES, real.video)
        found = {"reference": {"avs_u": self._unimodal(real, "reference")}}
        for name, lips in (("still_face", _still(real)), ("shifted", late), ("shifted_early", early)):
            both = _common(lips, real)
            found[name] = {"avs_u": self._unimodal(both[0], "reference"), **self._pair(*both, "reference")}
        audio = self._heard("reference", real)
        if audio is not None:
            heard = _tried(lambda: similarity(self._expert.encode(audio=audio), self._expert.encode(video=real.video)))
            found["audio_only"] = {
                "avs_m": _tried(partial(avs_audio_floor, self._expert, real.video, audio)),
                "avs_v": heard,
            }
        return found

    def _unimodal(self, lips: _Lips, audio: str) -> SpeechSimilarity:
        heard = self._heard(audio, lips)
        return _NOTHING if heard is None else _tried(partial(avs_u, self._expert, lips.video, heard))

    def _pair(self, ours: _Lips, theirs: _Lips, audio: str) -> dict[str, SpeechSimilarity]:
        """AVS_m and AVS_v over the steps that both have."""
        if not len(theirs.video) or not len(ours.video):
            return {"avs_m": _NOTHING, "avs_v": _NOTHING}
        one, other = _common(ours, theirs)
        heard = self._heard(audio, one)
        return {
            "avs_m": _NOTHING if heard is None else _tried(partial(avs_m, self._expert, one.video, other.video, heard)),
            "avs_v": _tried(partial(avs_v, self._expert, one.video, other.video)),
        }

    def _heard(self, name: str, lips: _Lips) -> NDArray[np.float32] | None:
        """(T, 104) the audio of the steps; None where there is none."""
        if name not in self._samples:
            self._samples[name] = whole_audio(self._audios.get(name))
        samples, at = self._samples[name]
        if not len(samples) or not len(lips.video):
            return None
        return speech_features(samples, len(lips.video), start=at - lips.first * STEP_S)


def _still(lips: _Lips) -> _Lips:
    """The first frame, held."""
    return _Lips(lips.first, np.repeat(lips.video[:1], len(lips.video), 0))


_NOTHING = SpeechSimilarity(value=float("nan"), of_means=float("nan"), num_frames=0)


def _tried(measure: Callable[[], SpeechSimilarity]) -> SpeechSimilarity:
    """NaN where there is no frame to compare."""
    try:
        return measure()
    except DataError:
        return _NOTHING


def _common(one: _Lips, other: _Lips) -> tuple[_Lips, _Lips]:
    """The steps of both."""
    first = max(one.first, other.first)
    end = min(one.first + len(one.video), other.first + len(other.video))
    end = max(first, end)
    return one.part(first, end), other.part(first, end)


def _measured(values: Mapping[str, SpeechSimilarity], expert: str) -> dict[str, Measured]:
    return {
        avs_key(name + kind, expert): Measured(value=value, num_frames=one.num_frames)
        for name, one in values.items()
        for kind, value in (("", one.value), (_MEANS, one.of_means))
    }
