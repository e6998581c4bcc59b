"""Published networks that see pixels, as scorers beside ours: Light-ASD and LR-ASD, with the user's own weights,
converted once by `viseme weights convert`.

Knows their files and inputs: grey mouths at 25 a second and 13 cepstra at 100 a second. The file's delay is taken out
first, which the authors' programs do not do; pass --align none for their behaviour.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import lru_cache
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from viseme.audio.features import mfcc
from viseme.audio.voice_activity import speech_level, voice_log_odds
from viseme.core.errors import MissingWeights, WeightsError
from viseme.speakers.features import smooth_steps
from viseme.speakers.interface import STEP_S, AudioSteps, FaceSteps, Scored
from viseme.weights import FileStamp, Session, file_stamp, read_checkpoint, resolve_device

__all__ = ["PUBLISHED", "LRASDScorer", "LightASDScorer", "PixelScorer"]

PUBLISHED = "published-speakers"
"""Component of converted weights."""

STRETCH = 250
"""Steps scored at a time: 10 s, ..."""
MARGIN = 50
"""... with 2 s of context either way."""


class PixelScorer:
    """A published network, run over each face in stretches."""

    wants_crops = True
    reach_steps = STRETCH + MARGIN
    unit = "logit of speaking, mean over 0.2 s"
    threshold = 0.0
    band = 0.5
    layout: ClassVar[str]
    """Name of the network in `speaker_networks`."""

    def __init__(self, session: Session, *, name: str) -> None:
        self._session = session
        self.name = name

    @classmethod
    def load(cls, weights: str | os.PathLike[str] | None = None, *, device: str = "auto") -> PixelScorer:
        """Read converted weights.

        A file is read once in a process, see `HeadScorer.load`.

        Raises:
            MissingWeights: no file was given, or it is not there.
            WeightsError: it is something else, or has not been converted.
            ConfigError: there is no such device here.
        """
        if weights is None:
            raise MissingWeights(
                f"{cls.layout} ships without weights; convert the authors' file with viseme weights convert FILE --to "
                f"{cls.layout} and pass the result with --scorer-weights"
            )
        return _load(cls, file_stamp(os.fspath(weights)), resolve_device(device))

    def voice(self, bands: NDArray[np.floating]) -> NDArray[np.float32]:
        """By level and rhythm."""
        return voice_log_odds(speech_level(bands))

    def score(self, faces: Sequence[FaceSteps], audio: AudioSteps) -> list[Scored]:
        """-10 where there is no audio."""
        out = []
        for face in faces:
            logits = np.concatenate(
                [self._stretch(face, audio, a, min(a + STRETCH, face.num)) for a in range(0, face.num, STRETCH)]
            )
            known = np.where(face.column("audio") > 0, logits, np.nan)
            out.append(Scored(speaking=np.nan_to_num(smooth_steps(known, 5), nan=-10.0)))
        return out

    def _stretch(self, face: FaceSteps, audio: AudioSteps, begin: int, end: int) -> NDArray[np.float32]:
        assert face.crops is not None
        assert audio.samples is not None
        low, high = max(0, begin - MARGIN), min(face.num, end + MARGIN)
        mouths = face.crops[slice(low, high)].astype(np.float32)
        start = (face.first + low) * STEP_S + audio.delay
        num = 4 * (high - low)
        samples = audio.samples(start, start + num * 0.01 + 0.015)
        cepstra = mfcc(samples)[:num]
        logits = self._session.run(audio=cepstra[None], mouths=mouths[None])["logits"][0]
        return logits[begin - low : end - low]


@lru_cache(maxsize=4)
def _load(kind: type[PixelScorer], file: FileStamp, device: str) -> PixelScorer:
    if file.path.suffix != ".safetensors":
        raise WeightsError(
            f"{file.path} is no safetensors file; convert the authors' file once: viseme weights convert {file.path} "
            f"--to {kind.layout}"
        )
    found = read_checkpoint(file.path, component=PUBLISHED, holds="published speaker network")
    if found.header.get("model") != kind.layout:
        raise WeightsError(f"{file.path} are not weights of {kind.layout} but of {found.header.get('model')}")
    return kind(found.session("face", device=device), name=f"{kind.layout}@{found.name.rpartition('@')[2]}")


class LightASDScorer(PixelScorer):
    """Light-ASD."""

    layout = "light-asd"


class LRASDScorer(PixelScorer):
    """LR-ASD."""

    layout = "lr-asd"
