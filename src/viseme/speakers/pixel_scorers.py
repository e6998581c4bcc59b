"""Published networks that see pixels, as scorers beside ours: Light-ASD and LR-ASD, with the user's own weights.

Knows their files and inputs: grey mouths at 25 a second and 13 cepstra at 100 a second. The file's delay is taken out
first, which the authors' programs do not do; pass --align none for their behaviour.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from viseme.audio.features import mfcc
from viseme.audio.voice_activity import speech_level, voice_log_odds
from viseme.core.errors import MissingWeights, WeightsError
from viseme.speakers.features import smooth_steps
from viseme.speakers.interface import STEP_S, AudioSteps, FaceSteps, Scored
from viseme.speakers.models.light_asd import LightASD
from viseme.speakers.models.lr_asd import LRASD
from viseme.weights import sha256_of

__all__ = ["LRASDScorer", "LightASDScorer", "PixelScorer", "read_published"]

STRETCH = 250
"""Steps scored at a time: 10 s, ..."""
MARGIN = 50
"""... with 2 s of context either way."""


def read_published(path: str | os.PathLike[str]) -> dict[str, Tensor]:
    """A state dict as the authors save it, from a PyTorch file (no code is run) or safetensors, to our names.

    `model.*` are the network, `lossAV.FC.*` its last layer; `lossV.*` serves training alone. A leading "module." is
    taken off.

    Raises:
        MissingWeights: there is no such file.
        WeightsError: it cannot be read, or holds other names.
    """
    if not Path(path).is_file():
        raise MissingWeights(f"there are no weights at {os.fspath(path)}; get them from the authors' page")
    try:
        if Path(path).suffix == ".safetensors":
            from safetensors.torch import load_file

            state = load_file(str(path))
        else:
            state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        raise WeightsError(f"{os.fspath(path)} cannot be read as a state dict: {error}") from error
    out = {}
    for name, tensor in state.items():
        plain = name.removeprefix("module.")
        if plain.startswith("lossV."):
            continue
        if plain.startswith("model."):
            out[plain.removeprefix("model.")] = tensor
        elif plain.startswith("lossAV."):
            out[plain.removeprefix("lossAV.")] = tensor
        else:
            raise WeightsError(f"{os.fspath(path)} holds {name!r}, which is no part of Light-ASD or LR-ASD")
    return out


class PixelScorer:
    """A published network, run over each face in stretches."""

    wants_crops = True
    reach_steps = STRETCH + MARGIN
    unit = "logit of speaking, mean over 0.2 s"
    threshold = 0.0
    band = 0.5
    network: type[LightASD] | type[LRASD]

    def __init__(self, network: nn.Module, *, name: str) -> None:
        self._network = network.eval()
        self.name = name

    @classmethod
    def load(cls, weights: str | os.PathLike[str] | None = None) -> PixelScorer:
        """Read the authors' weights; every name and shape must fit.

        Raises:
            MissingWeights: no file was given, or it is not there.
            WeightsError: it is something else.
        """
        layout = cls.network.layout
        if weights is None:
            raise MissingWeights(f"{layout} ships without weights; pass the authors' file with --scorer-weights")
        state = read_published(weights)
        network = cls.network()
        try:
            network.load_state_dict(state, strict=True)
        except RuntimeError as error:
            raise WeightsError(f"{os.fspath(weights)} are not weights of {layout}: {error}") from None
        return cls(network, name=f"{layout}@{sha256_of(Path(weights))[:12]}")

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

    @torch.inference_mode()
    def _stretch(self, face: FaceSteps, audio: AudioSteps, begin: int, end: int) -> NDArray[np.float32]:
        assert face.crops is not None
        assert audio.samples is not None
        low, high = max(0, begin - MARGIN), min(face.num, end + MARGIN)
        mouths = torch.from_numpy(face.crops[slice(low, high)].astype(np.float32))
        start = (face.first + low) * STEP_S + audio.delay
        num = 4 * (high - low)
        samples = audio.samples(start, start + num * 0.01 + 0.015)
        cepstra = mfcc(samples)[:num]
        logits = self._network(torch.from_numpy(cepstra)[None], mouths[None])[0].numpy()
        return logits[begin - low : end - low]


class LightASDScorer(PixelScorer):
    """Light-ASD."""

    network = LightASD


class LRASDScorer(PixelScorer):
    """LR-ASD."""

    network = LRASD
