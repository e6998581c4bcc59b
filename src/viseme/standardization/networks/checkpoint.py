"""An expression network as one file holds it, ready to run. Knows weights, headers and the face model that the
coefficients belong to; refuses to know how the network is trained (`export.py` writes such files)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from viseme.core.errors import ConfigError, WeightsError
from viseme.face3d.interface import FaceModel, load_face_model
from viseme.weights import FileStamp, Session, file_stamp, find_weights, read_checkpoint, resolve_device

__all__ = ["COMPONENT", "VARIANTS", "ExpressionWeights", "load_expression_weights"]

COMPONENT = "enet"
VARIANTS = ("enet", "per-image")
"""Shared identity and texture in training, or everything read off the frame."""


@dataclass(frozen=True)
class ExpressionWeights:
    """A network ready to look at face crops."""

    session: Session
    """From `images` (B, 3, 224, 224), RGB in [0, 1], to the coefficients by name."""
    widths: dict[str, int]
    """Name -> numbers a frame: "beta", "gamma", "pose", "alpha" and "delta" where they are read off the frame, and
    "bias" where the network estimates it."""
    variant: str
    """One of `VARIANTS`."""
    face_model: FaceModel
    """The model its coefficients belong to."""
    name: str
    """Name and hash, for results."""
    card: dict[str, Any]
    """Training data, licence and metrics, as written by the trainer."""


def load_expression_weights(
    weights: str | Path | None = None, *, device: str = "auto", threads: int | None = None
) -> ExpressionWeights:
    """Read a network by catalogue name or path; None is the default that ships.

    A file is read once in a process: asked for again, unchanged and for the same device, it is the same object.

    Args:
        weights: Name or path.
        device: See `viseme.weights.DEVICES`.
        threads: See `Session`.

    Raises:
        MissingWeights: not there.
        WeightsError: there, and not an expression network of this package, or made for another face model.
        ConfigError: there is no such device here.
    """
    return _load(file_stamp(find_weights(weights, component=COMPONENT)), resolve_device(device), threads)


@lru_cache(maxsize=4)
def _load(file: FileStamp, device: str, threads: int | None) -> ExpressionWeights:
    found = read_checkpoint(file.path, component=COMPONENT, holds="expression network")
    try:
        widths = {str(k): int(v) for k, v in found.header["widths"].items()}
        model, made_for = load_face_model(found.header["face_model"]), found.header["face_model_sha256"]
        variant, card = found.header["variant"], found.header["card"]
    except (AttributeError, ConfigError, KeyError, TypeError, ValueError) as error:
        raise WeightsError(f"{file.path} has an incomplete or unknown header ({error!r}); get it again") from error
    if made_for != model.source_hash or variant not in VARIANTS:
        raise WeightsError(
            f"{file.path} was trained for another build of the face model {model.name!r} ({made_for[:12]}..., not "
            f"{model.source_hash[:12]}...): its coefficients mean nothing here; train it again"
        )
    session = found.session("coefficients", device=device, threads=threads)
    return ExpressionWeights(session, widths, variant, model, found.name, card)
