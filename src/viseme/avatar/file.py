"""The `.vis` file: an avatar as safetensors with its graphs, what is known of the person, consent and card.

It runs no code. The audio stream that a compact avatar hears with lies in the file too, so that an avatar answers alike
whatever weights ship later. Knows names and arrays; refuses to know torch.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from viseme.avatar.components import ClosedMouth
from viseme.core.errors import WeightsError
from viseme.face3d.atlas import Cylinder
from viseme.weights import Checkpoint, read_checkpoint

__all__ = ["COMPONENT", "closed_of", "cylinder_of", "person_header", "person_tensors", "read_avatar"]

COMPONENT = "avatar"


def read_avatar(path: str | Path) -> Checkpoint:
    """Read a `.vis` file.

    Raises:
        MissingWeights: not there.
        WeightsError: there, and no avatar.
    """
    return read_checkpoint(path, component=COMPONENT, holds="avatar")


def person_tensors(
    reference: NDArray[np.floating], atlas: NDArray[np.floating], cylinder: Cylinder, closed: ClosedMouth
) -> dict[str, NDArray[Any]]:
    """What is known of the person, as tensors."""
    arrays = {k: v for k, v in _fields(cylinder).items() if isinstance(v, np.ndarray)}
    return {
        "person.reference": np.asarray(reference, np.float32),
        "person.atlas": np.rint(np.clip(atlas, 0, 1) * 65535).astype(np.uint16),
        **{f"person.closed.{f.name}": getattr(closed, f.name) for f in fields(closed)},
        **{f"person.cylinder.{name}": value for name, value in arrays.items()},
    }


def person_header(cylinder: Cylinder) -> dict[str, Any]:
    """What of the cylinder is no array."""
    return {k: v for k, v in _fields(cylinder).items() if not isinstance(v, np.ndarray)}


def cylinder_of(found: Checkpoint) -> Cylinder:
    """How the person's vertices are laid onto the atlas.

    Raises:
        WeightsError: the header does not say so.
    """
    try:
        told: dict[str, Any] = {**found.config("cylinder"), **found.tensors_of("person.cylinder.")}
        return Cylinder(**told)
    except (KeyError, TypeError) as error:
        raise WeightsError(f"{found.path} does not say how the face lies on the atlas ({error!r})") from error


def closed_of(found: Checkpoint) -> ClosedMouth:
    """How the person looks in silence."""
    return ClosedMouth(**found.tensors_of("person.closed."))


def _fields(cylinder: Cylinder) -> Mapping[str, Any]:
    return asdict(cylinder)
