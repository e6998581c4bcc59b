"""Published AV-HuBERT files of a user, read without running anything in them, to weights of this package.

The files are for non-commercial research only and may not be passed on: nothing of them ships with this package, is a
default, or teaches what ships. Needs torch (extra `[train]`); what it writes runs without.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from viseme.core.errors import ConfigError, WeightsError
from viseme.expert.decoder import Decoder
from viseme.expert.networks import SpeechEncoder
from viseme.expert.runner import COMPONENT, DECODER
from viseme.expert.sizes import SIZES, ExpertConfig
from viseme.weights import sha256_of
from viseme.weights.export import arrays_of, export_graphs, load_arrays, save_networks
from viseme.weights.torch_file import Stub, read_torch_file

__all__ = ["NOTICE", "ImportResult", "import_expert"]

NOTICE = (
    "AV-HuBERT files are licensed for non-commercial research only. They must not be sub-licensed or used for "
    "biometric processing, and the terms reach data made with them. The file that is written is for you alone: do not "
    "pass it on, and do not train with it what you release."
)
"""Licence of published files, in short."""
SPECIALS = ("<s>", "<pad>", "</s>", "<unk>")
_ENCODER, _DECODER, _POSITIONS = "encoder.w2v_model.", DECODER, "decoder.embed_positions._float_tensor"
_UNTUNED = ("final_proj.weight", "final_proj.bias")
"""What fine-tuned files lack of the encoder."""

Arrays = dict[str, NDArray[Any]]


@dataclass(frozen=True, kw_only=True)
class ImportResult:
    """What was imported."""

    out: Path
    """The weights, for you alone."""
    size: str
    """base or large."""
    fine_tuned: bool
    """Whether it reads lips, with a decoder."""
    sha256: str
    """Of the file that was read."""
    num_units: int
    """Entries of the vocabulary that were found; 0 = none."""

    def __str__(self) -> str:
        kind = "fine-tuned to read lips" if self.fine_tuned else "pre-trained"
        words = f", {self.num_units} units of text" if self.num_units else ""
        return f"{self.out}: {self.size}, {kind}{words}; made of {self.sha256[:12]}; not to be passed on"


def import_expert(
    file: Path, *, accept_noncommercial: bool = False, out: Path | None = None, vocabulary: Path | None = None
) -> ImportResult:
    """Convert a published AV-HuBERT file, once, to a file that runs without torch.

    Args:
        file: As published, `base` or `large`, pre-trained or fine-tuned. No code in it is run.
        accept_noncommercial: Says that you accept the licence of these files (`NOTICE`).
        out: Where to write; None = beside it, with the suffix .safetensors.
        vocabulary: Units of a fine-tuned file, one a line, without the four special ones; None = those in the file.

    Raises:
        ConfigError: the licence was not accepted.
        MissingWeights: there is no such file.
        WeightsError: it is no published AV-HuBERT file, or not of a known size.
    """
    if not accept_noncommercial:
        raise ConfigError(f"{NOTICE} If you accept this, add --accept-noncommercial")
    held = read_torch_file(file)
    arrays = _model(held, file)
    fine_tuned = any(name.startswith(_ENCODER) for name in arrays)
    encoder, decoder = _split(arrays) if fine_tuned else (arrays, {})
    config = _config(encoder, decoder, file)
    network = SpeechEncoder(config)
    if fine_tuned:
        state = arrays_of(network)
        encoder |= {name: np.zeros_like(state[name]) for name in _UNTUNED}
    load_arrays(network, encoder)
    graphs = {}
    if fine_tuned:
        reader = Decoder(config)
        load_arrays(reader, decoder)
        graphs = export_graphs(reader)
    units = _units(held, vocabulary) if fine_tuned else ()
    target, digest = out or file.with_suffix(".safetensors"), sha256_of(file)
    card = {"licence": NOTICE, "redistributable": False, "sha256": digest, "fine_tuned": fine_tuned}
    header = {"model": "speech-encoder", "config": asdict(config), "units": units, "card": card}
    beside = {f"{_DECODER}{name}": value for name, value in decoder.items()}
    save_networks(
        target, {"": network}, component=COMPONENT, header=header, storage="float32", beside=beside,
        graphs_beside=graphs,
    )  # fmt: skip
    return ImportResult(out=target, size=_size(config), fine_tuned=fine_tuned, sha256=digest, num_units=len(units))


def _model(held: Any, file: Path) -> Arrays:
    """The tensors of the network, those that only training counts left out."""
    found = held.get("model") if isinstance(held, Mapping) else None
    if not isinstance(found, Mapping) or not found or not all(isinstance(v, np.ndarray) for v in found.values()):
        raise WeightsError(f"{file} is not a published AV-HuBERT file: it has no `model` made of tensors alone")
    kept = {str(k): v for k, v in found.items() if not str(k).endswith("num_batches_tracked")}
    return {k: v.astype(np.float32) if v.dtype.kind == "f" else v for k, v in kept.items()}


def _split(arrays: Arrays) -> tuple[Arrays, Arrays]:
    """Encoder and decoder of a fine-tuned file; anything else keeps its name, for the strict load to refuse."""
    decoder = {k[len(_DECODER) :]: v for k, v in arrays.items() if k.startswith(_DECODER) and k != _POSITIONS}
    encoder = {k.removeprefix(_ENCODER): v for k, v in arrays.items() if not k.startswith(_DECODER)}
    return encoder, decoder


def _config(encoder: Arrays, decoder: Arrays, file: Path) -> ExpertConfig:
    try:
        width = len(encoder["encoder.layer_norm.weight"])
        layers = sum(name.endswith(".fc1.weight") for name in encoder)
        (size,) = [c for c in (SIZES["base"], SIZES["large"]) if (c.width, c.layers) == (width, layers)]
        classes, projection = encoder["label_embs_concat"].shape
        units = len(decoder["embed_tokens.weight"]) if decoder else size.units
    except (KeyError, ValueError) as error:
        raise WeightsError(f"{file} is not a published AV-HuBERT file of size base or large ({error!r})") from error
    return replace(size, classes=int(classes), projection=int(projection), units=units)


def _size(config: ExpertConfig) -> str:
    return next(name for name, size in SIZES.items() if size.layers == config.layers)


def _units(held: Mapping[str, Any], vocabulary: Path | None) -> tuple[str, ...]:
    """The units of text, special ones first: the user's, or those of a dictionary that the file holds."""
    if vocabulary is not None:
        lines = vocabulary.read_text(encoding="utf-8").splitlines()
        return (*SPECIALS, *(line.split()[0] for line in lines if line.strip()))
    return next(_symbols(held.get("task_state")), ())


def _symbols(held: Any, depth: int = 4) -> Iterator[tuple[str, ...]]:
    inside = held.state if isinstance(held, Stub) else held
    if not isinstance(inside, Mapping) or depth == 0:
        return
    found = inside.get("symbols")
    if isinstance(found, list) and all(isinstance(symbol, str) for symbol in found):
        yield tuple(found)
    for value in inside.values():
        yield from _symbols(value, depth - 1)
