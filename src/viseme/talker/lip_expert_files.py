"""Lip experts from files: our own, and a user's of Wav2Lip, read without running anything in them. Needs torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from viseme.core.errors import WeightsError
from viseme.talker.lip_expert import LipExpert
from viseme.talker.networks import AudioEncoder
from viseme.talker.train_experts import LIP_EXPERT
from viseme.weights import read_checkpoint, weights_id
from viseme.weights.export import arrays_of, load_arrays
from viseme.weights.torch_file import read_torch_file

__all__ = ["LoadedLipExpert", "load_lip_expert"]

_PLAIN_LAYERS = 13
"""Layers of the audio encoder with one residual layer of 256 channels."""


@dataclass(frozen=True)
class LoadedLipExpert:
    """A lip expert, or the audio encoder alone of one."""

    name: str
    """With its hash."""
    audio: AudioEncoder
    num_residual: int
    """See `AudioEncoder`."""
    whole: LipExpert | None
    """None = the file has no face encoder of a lip expert."""
    redistributable: bool
    """Whether what learns from it may be passed on."""


def load_lip_expert(path: Path) -> LoadedLipExpert:
    """Read a file of `viseme train lip-expert`, or Wav2Lip's `lipsync_expert.pth` or `wav2lip.pth`.

    Raises:
        WeightsError: it is missing or something else.
    """
    if path.suffix == ".safetensors":
        found = read_checkpoint(path, component=LIP_EXPERT, holds="lip expert")
        expert = LipExpert(**found.config())
        load_arrays(expert, found.tensors)
        free = bool(found.header["card"].get("redistributable", False))
        return LoadedLipExpert(found.name, expert.audio, found.config()["num_residual"], expert, free)
    arrays = _published(read_torch_file(path), path)
    heard = {k: v for k, v in arrays.items() if k.startswith("audio_encoder.")}
    layers = len({k.split(".")[1] for k in heard})
    num = layers - _PLAIN_LAYERS + 1
    whole = None
    if any(k.startswith("face_encoder.") for k in arrays) and num == 2:
        whole = LipExpert(num_residual=num, bgr=True)
        seen = {k: v for k, v in arrays.items() if k.startswith("face_encoder.")}
        _load(whole, seen | {f"audio.{k}": v for k, v in heard.items()}, path)
        return LoadedLipExpert(weights_id(path), whole.audio, num, whole, False)
    audio = AudioEncoder(num_residual=max(num, 1))
    _load(audio, heard, path)
    return LoadedLipExpert(weights_id(path), audio, num, None, False)


def _load(network: Any, arrays: Mapping[str, NDArray[Any]], path: Path) -> None:
    try:
        load_arrays(network, {k: v for k, v in arrays.items() if k in arrays_of(network)})
    except WeightsError:
        raise WeightsError(f"{path} holds neither Wav2Lip's lip expert nor its generator") from None


def _published(held: Any, path: Path) -> dict[str, NDArray[Any]]:
    """Tensors by name, without the prefix of several GPUs."""
    inside = held.get("state_dict", held) if isinstance(held, Mapping) else None
    if not isinstance(inside, Mapping) or not all(isinstance(v, np.ndarray) for v in inside.values()):
        raise WeightsError(f"{path} is not a state dict of Wav2Lip: it holds other things than tensors")
    return {str(k).removeprefix("module."): v for k, v in inside.items()}
