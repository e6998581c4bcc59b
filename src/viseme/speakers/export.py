"""Trained speaker networks to the files that ship, and authors' files to such. Needs torch (extra `[train]`)."""

from __future__ import annotations

import os
from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal

from torch import Tensor, nn

from viseme.core.errors import WeightsError
from viseme.speakers.head import COMPONENT, INPUTS
from viseme.speakers.interface import speaker_networks
from viseme.speakers.models.speaker_head import SpeakerHead
from viseme.speakers.pixel_scorers import PUBLISHED
from viseme.weights import sha256_of
from viseme.weights.convert import read_state_dict
from viseme.weights.export import save_networks

__all__ = ["convert_weights", "save_head"]


def save_head(path: str | Path, head: SpeakerHead, *, threshold: float, card: dict[str, Any], sync: str) -> None:
    """Write weights that describe themselves, in half precision.

    Args:
        path: safetensors.
        head: Trained.
        threshold: Log-odds from which a face speaks.
        card: Training data, licence, results.
        sync: Name and hash of the sync weights whose scores it was trained on.

    Raises:
        WeightsError: see `save_networks`.
    """
    header = {
        "model": "speaker-head",
        "config": asdict(head.config),
        "inputs": INPUTS,
        "reach_steps": head.config.reach_steps,
        "threshold": threshold,
        "sync": sync,
        "card": card,
    }
    save_networks(path, {"": head}, component=COMPONENT, header=header)


def convert_weights(file: Path, *, out: Path | None = None, to: Literal["light-asd", "lr-asd"] = "light-asd") -> Path:
    """Convert the authors' weights of a published speaker network, once, to a file that runs without torch.

    Args:
        file: Their state dict, as torch saves it (no code in it is run) or as safetensors.
        out: Where to write; None = beside it, with the suffix .safetensors.
        to: Whose weights they are.

    Returns:
        The file for `--scorer-weights`. It keeps their licence.

    Raises:
        MissingWeights: there is no such file.
        WeightsError: it is something else; every name and shape must fit.
    """
    network: nn.Module = speaker_networks[to]()
    try:
        network.load_state_dict(_ours(read_state_dict(file), file), strict=True)
    except RuntimeError as error:
        raise WeightsError(f"{os.fspath(file)} are not weights of {to}: {error}") from None
    out = file.with_suffix(".safetensors") if out is None else out
    if out.exists() and out.samefile(file):
        raise WeightsError(f"{out} would be replaced by its own conversion; pass another file with --out")
    header = {"model": to, "source": f"{file.name}@{sha256_of(file)[:12]}"}
    save_networks(out, {"": network.eval()}, component=PUBLISHED, header=header, storage="float32")
    return out


def _ours(state: dict[str, Tensor], file: Path) -> dict[str, Tensor]:
    """The authors' names to ours: `model.*` are the network, `lossAV.FC.*` its last layer; `lossV.*` serves training
    alone. A leading "module." is taken off."""
    out = {}
    for name, tensor in state.items():
        plain = name.removeprefix("module.")
        if plain.startswith("lossV."):
            continue
        part = next((p for p in ("model.", "lossAV.") if plain.startswith(p)), None)
        if part is None:
            raise WeightsError(f"{os.fspath(file)} holds {name!r}, which is no part of Light-ASD or LR-ASD")
        out[plain.removeprefix(part)] = tensor
    return out
