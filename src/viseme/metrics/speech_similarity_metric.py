"""AVS_u, AVS_m and AVS_v in the seam of metrics: any speech expert, fed frame by frame.

Knows views of faces and audio; what is computed is `speech_similarity`.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from viseme.audio.clock import RATE
from viseme.audio.features import speech_features
from viseme.core.errors import DataError
from viseme.core.scores import Better, MetricProtocol, Need
from viseme.expert.interface import SpeechExpert
from viseme.media import AudioBlock
from viseme.media.audio import join_blocks
from viseme.metrics.face_streams import MouthStream, PointStream
from viseme.metrics.interface import ClipAudio, FramePair, Measured
from viseme.metrics.speech_similarity import SpeechSimilarity, avs_audio_floor, avs_key, avs_m, avs_u, avs_v

__all__ = ["SpeechClip", "SpeechSimilarityMetric"]

_WITH_REFERENCE = ("avs_m", "avs_v", "avs_m_audio_only")
_MEANS = "_of_means"


class SpeechSimilarityMetric:
    """A `FrameMetric`. AVS_u needs no reference; the others are left out where there is none."""

    def __init__(self, expert: SpeechExpert) -> None:
        """Name the protocols after the expert: results of different experts are never merged."""
        self._expert = expert
        self.protocols = tuple(
            self._protocol(name + kind, floor, of)
            for name, floor, of in (
                ("avs_u", "mismatched_audio", "lips alone and audio alone"),
                ("avs_m", "still_face", "lips with audio, generated and real"),
                ("avs_v", "still_face", "lips alone, generated and real"),
                ("avs_m_audio_only", "", "audio alone and real lips with audio: what AVS_m gives for no lips at all"),
            )
            for kind in ("", _MEANS)
        )

    def start(self, audio: ClipAudio | None) -> SpeechClip:
        """See `FrameMetric.start`."""
        return SpeechClip(self._expert, audio)

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
            identical=1.0 if name.startswith(("avs_m", "avs_v")) and "audio_only" not in name else None,
            crop="88 px of a 96 px mouth on the 256 px canvas" if self._expert.input == "pixel" else self._expert.input,
            text=f"{average}, 25 frames a second, of a speech expert's embeddings of {of}",
            source="Yaman et al., equations 4 to 6",
            weights=self._expert.id,
        )


class SpeechClip:
    """One clip of `SpeechSimilarityMetric`; nothing but the mouths is kept of its frames."""

    def __init__(self, expert: SpeechExpert, audio: ClipAudio | None) -> None:
        """Nothing yet."""
        self._expert, self._audio = expert, audio
        self._generated, self._real = self._stream(), self._stream()

    def add(self, pair: FramePair) -> None:
        """See `FrameAccumulator.add`."""
        self._generated.add(pair.time, pair.generated)
        if pair.reference is not None:
            self._real.add(pair.time, pair.reference)

    def compute(self) -> Mapping[str, Measured]:
        """See `FrameAccumulator.compute`."""
        (start, video), (_, real) = self._generated.finish(), self._real.finish()
        found: dict[str, SpeechSimilarity] = {}
        try:
            if len(real):
                found["avs_v"] = avs_v(self._expert, video, real)
            if (audio := self._heard(start, len(video))) is not None:
                found["avs_u"] = avs_u(self._expert, video, audio)
                if len(real):
                    found["avs_m"] = avs_m(self._expert, video, real, audio)
                    found["avs_m_audio_only"] = avs_audio_floor(self._expert, real, audio)
        except DataError:
            pass  # lengths that do not fit, or no frame: what is left out below cannot be told
        none = SpeechSimilarity(value=float("nan"), of_means=float("nan"), num_frames=0)
        out = {}
        for name in ("avs_u", "avs_m", "avs_v", "avs_m_audio_only"):
            one = found.get(name, none)
            for kind, value in (("", one.value), (_MEANS, one.of_means)):
                out[avs_key(name + kind, self._expert.id)] = Measured(value=value, num_frames=one.num_frames)
        return out

    def _heard(self, start: float, num: int) -> NDArray[np.float32] | None:
        """(T, 104) the audio of the steps; None where there is none."""
        found = [] if self._audio is None else self._audio.blocks()
        blocks = [AudioBlock(start=b.start, samples=b.samples, rate=RATE) for b in found]
        if not blocks or not num:
            return None
        samples, at = join_blocks(blocks)
        return speech_features(samples, num, start=float(at) - start)

    def _stream(self) -> MouthStream | PointStream:
        return MouthStream() if self._expert.input == "pixel" else PointStream(self._expert.input)
