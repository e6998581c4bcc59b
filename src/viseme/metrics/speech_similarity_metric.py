"""AVS_u, AVS_m and AVS_v in the seam of metrics: any speech expert, fed frame by frame.

Knows views of faces and audio; what is computed is `speech_similarity`. Both faces are gathered once for all anchors,
and what the expert has embedded once is not embedded again: shifts are taken among embeddings. An expert sees `PIECE_S`
seconds as a whole, longer clips piece by piece, so memory does not grow with the length.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from viseme.audio.features import speech_features
from viseme.core.scores import Better, MetricProtocol, Need
from viseme.expert.interface import SpeechExpert
from viseme.faces.mouth_roi import STEP_S
from viseme.metrics.clip_audio import AudioWindows
from viseme.metrics.face_streams import MouthStream, PointStream, stream_of
from viseme.metrics.interface import SHIFT_FRAMES, ClipAudio, FaceView, Measured
from viseme.metrics.speech_similarity import SimilaritySums, SpeechSimilarity, avs_key
from viseme.metrics.spoken_words import LipWords, LipWordsClip

__all__ = ["PIECE_S", "SpeechClip", "SpeechSimilarityMetric"]

PIECE_S = 20.0
"""Longest stretch that is embedded at once, seconds."""
MARGIN_S = 0.1
"""Seconds of audio after the last step that its last features need."""
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
            text=f"{average}, 25 frames a second, of a speech expert's embeddings of {of}; clips longer than "
            f"{PIECE_S:g} s in pieces of that length",
            source="Yaman et al., equations 4 to 6",
            weights=self._expert.id,
        )


class _Piece:
    """A `SpeechExpert`'s embeddings of a piece of a clip; the same arrays are embedded once."""

    def __init__(self, expert: SpeechExpert) -> None:
        self._expert = expert
        self._found: dict[tuple[bytes | None, bytes | None], NDArray[np.float32]] = {}

    def embed(
        self, audio: NDArray[np.float32] | None = None, video: NDArray[np.float32] | None = None
    ) -> NDArray[np.float32]:
        """See `SpeechExpert.encode`."""
        key = _digest(audio), _digest(video)
        if key not in self._found:
            self._found[key] = self._expert.encode(audio, video)
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
    """One clip of `SpeechSimilarityMetric`; nothing but what the expert sees is kept of its frames."""

    def __init__(self, expert: SpeechExpert, audios: Mapping[str, ClipAudio], words: LipWords | None = None) -> None:
        """Nothing yet."""
        self._expert = expert
        self._audio = {name: AudioWindows(audio) for name, audio in audios.items()}
        self._words: LipWordsClip | None = None if words is None else words.start()
        self._sums: dict[tuple[str, str], SimilaritySums] = defaultdict(SimilaritySums)
        """By video or anchor, and metric."""
        self._streams = self._new_streams()
        self._piece_start: float | None = None
        self._has_reference = False

    def add(self, generated: FaceView | None, reference: FaceView | None) -> None:
        """See `ClipAccumulator.add`."""
        seen = reference or generated
        if seen is None:
            return
        if self._piece_start is None:
            self._piece_start = seen.time
        elif seen.time >= self._piece_start + PIECE_S - STEP_S / 4:
            self._embed()
            self._piece_start = seen.time
        self._has_reference |= reference is not None
        for stream, face in zip(self._streams, (generated, reference)):
            if face is not None:
                stream.add(seen.time, face)

    def compute(self) -> Mapping[str, Mapping[str, Measured]]:
        """See `ClipAccumulator.compute`."""
        self._embed()
        for name in ("avs_u", "avs_m", "avs_v"):
            self._sums[("generated", name)].add(_NO_STEPS, _NO_STEPS)
        found: dict[str, dict[str, Measured]] = defaultdict(dict)
        for (video, name), sums in self._sums.items():
            found[video].update(_measured(name, sums.compute(), self._expert.id))
        if self._words is not None:
            for video, values in self._words.compute().items():
                found[video].update(values)
        return found

    def _new_streams(self) -> tuple[MouthStream | PointStream, MouthStream | PointStream]:
        return stream_of(self._expert.input), stream_of(self._expert.input)

    def _embed(self) -> None:
        """Compare what was gathered since the last piece."""
        streams, self._streams = self._streams, self._new_streams()
        ours, theirs = (_Lips(round(start / STEP_S), video) for start, video in (s.finish() for s in streams))
        piece = _Piece(self._expert)
        self._add_unimodal(piece, ours, "generated", "generated")
        self._add_pair(piece, ours, theirs, "generated")
        if len(theirs.video):
            self._add_reference(piece, theirs)
        self._add_unimodal(piece, theirs if self._has_reference else ours, "mismatched_audio", "mismatched_audio")
        if self._words is not None:
            self._words.add({"generated": ours.video, "reference": theirs.video, "still_face": _still(theirs).video})

    def _add_unimodal(self, piece: _Piece, lips: _Lips, audio: str, name: str) -> None:
        heard = self._heard(audio, lips)
        if heard is not None:
            self._sums[name, "avs_u"].add(piece.embed(video=lips.video), piece.embed(audio=heard))

    def _add_pair(self, piece: _Piece, ours: _Lips, theirs: _Lips, audio: str) -> None:
        """AVS_m and AVS_v over the steps that both have."""
        one, other = _common(ours, theirs)
        if not len(one.video):
            return
        self._sums["generated", "avs_v"].add(piece.embed(video=one.video), piece.embed(video=other.video))
        heard = self._heard(audio, one)
        if heard is not None:
            both = (piece.embed(heard, lips.video) for lips in (one, other))
            self._sums["generated", "avs_m"].add(*both)

    def _add_reference(self, piece: _Piece, real: _Lips) -> None:
        """Anchors made of the real video."""
        seen, still = piece.embed(video=real.video), _still(real).video
        held = piece.embed(video=still)
        late, early = slice(None, -SHIFT_FRAMES), slice(SHIFT_FRAMES, None)
        for name, shown, meant in (("shifted", late, early), ("shifted_early", early, late)):
            self._sums[name, "avs_v"].add(seen[shown], seen[meant])
        self._sums["still_face", "avs_v"].add(held, seen)
        audio = self._heard("reference", real)
        if audio is None:
            return
        heard, both = piece.embed(audio=audio), piece.embed(audio, real.video)
        self._sums["reference", "avs_u"].add(seen, heard)
        self._sums["still_face", "avs_u"].add(held, heard)
        self._sums["still_face", "avs_m"].add(piece.embed(audio, still), both)
        self._sums["audio_only", "avs_m"].add(heard, both)
        self._sums["audio_only", "avs_v"].add(heard, seen)
        for name, shown, meant in (("shifted", late, early), ("shifted_early", early, late)):
            self._sums[name, "avs_u"].add(seen[shown], heard[meant])
            if len(real.video) > SHIFT_FRAMES:
                self._sums[name, "avs_m"].add(piece.embed(audio[meant], real.video[shown]), both[meant])

    def _heard(self, name: str, lips: _Lips) -> NDArray[np.float32] | None:
        """(T, 104) the audio of the steps; None where there is none."""
        if name not in self._audio or not len(lips.video):
            return None
        start = lips.first * STEP_S
        samples, at = self._audio[name].between(start, start + len(lips.video) * STEP_S + MARGIN_S)
        if not len(samples):
            return None
        return speech_features(samples, len(lips.video), start=at - start)


def _still(lips: _Lips) -> _Lips:
    """The first frame, held."""
    return _Lips(lips.first, np.repeat(lips.video[:1], len(lips.video), 0))


_NO_STEPS = np.zeros((0, 1))


def _common(one: _Lips, other: _Lips) -> tuple[_Lips, _Lips]:
    """The steps of both."""
    first = max(one.first, other.first)
    end = max(first, min(one.first + len(one.video), other.first + len(other.video)))
    return one.part(first, end), other.part(first, end)


def _measured(name: str, found: SpeechSimilarity, expert: str) -> dict[str, Measured]:
    values = (("", found.value), (_MEANS, found.of_means))
    return {avs_key(name + kind, expert): Measured(value=v, num_frames=found.num_frames) for kind, v in values}
