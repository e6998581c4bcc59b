"""Which vertices of a face model a 3D metric looks at, by name and number. Knows regions of a model and landmarks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from viseme.face3d.interface import FaceModel
from viseme.faces.schemes import LEFT_EYE, RIGHT_EYE

__all__ = ["MILLIMETRES", "VertexList", "vertices_of"]

MILLIMETRES = 100.0
"""Millimetres in a decimetre, the unit of face models."""


@dataclass(frozen=True, kw_only=True)
class VertexList:
    """The vertices of a region."""

    model: str
    """Name of the face model."""
    region: Literal["lips", "upper_face"]
    indices: NDArray[np.intp]
    """Rising."""

    def __str__(self) -> str:
        return f"{len(self.indices)} vertices of {self.region} of the face model {self.model!r}"


def vertices_of(model: FaceModel, region: Literal["lips", "upper_face"]) -> VertexList:
    """The vertices of a region of a model.

    Args:
        model: With the mask `lips`, or the masks `face_front` and `skin` and the landmarks `mp468`.
        region: `lips` is the model's own region. `upper_face` is the skin of the face's front above the lower lids.

    Raises:
        ValueError: the model does not name what is needed.
    """
    try:
        chosen = model.masks["lips"] if region == "lips" else _upper_face(model)
    except KeyError as error:
        raise ValueError(f"the face model {model.name!r} has no region {error.args[0]!r}") from None
    return VertexList(model=model.name, region=region, indices=np.nonzero(chosen)[0])


def _upper_face(model: FaceModel) -> NDArray[np.bool_]:
    points = model.landmark_points(model.mean, "mp468")
    lower_lids = points[np.concatenate([RIGHT_EYE, LEFT_EYE]), 1].min()
    return model.masks["face_front"] & model.masks["skin"] & (model.mean[:, 1] > lower_lids)
