"""What a face can be standardised to, and the tensor that each form adds to a file.

Knows coefficients, landmarks and the mean face; refuses to know files.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from viseme.faces.blendshapes import ARKIT_NAMES, arkit_coefficients
from viseme.standardization.interface import Coefficients, FaceObservation
from viseme.standardization.synthesis import Scale, StandardFace, rendered_frames

__all__ = ["FORMS", "STRETCH", "Form", "form_rows", "form_tensor", "shared_tensors"]

Form = Literal["rgb", "rgbd", "mesh", "beta", "arkit"]
FORMS: tuple[Form, ...] = get_args(Form)
"""What a face can be standardised to."""

STRETCH = 64
"""Frames made at a time."""


def form_tensor(form: Form, face: StandardFace, num_frames: int) -> tuple[type, tuple[int, ...]] | None:
    """Type and shape of the tensor of one track; None where the form adds none.

    Example:
        >>> form_tensor("arkit", StandardFace(), 7)
        (<class 'numpy.float32'>, (7, 52))
    """
    if form == "beta":
        return None
    if form == "mesh":
        return np.float32, (num_frames, len(face.mesh_vertices), 3)
    if form == "arkit":
        return np.float32, (num_frames, len(ARKIT_NAMES))
    return np.uint8, (num_frames, len(form), face.config.size, face.config.size)


def shared_tensors(form: Form, face: StandardFace) -> dict[str, NDArray[Any]]:
    """What belongs to no track."""
    if form != "mesh":
        return {}
    return {"mesh_vertices": face.mesh_vertices.astype(np.int32), "mesh_triangles": face.mesh_triangles}


def form_rows(
    form: Form,
    face: StandardFace,
    coefficients: Coefficients,
    scale: Scale,
    observations: Iterable[FaceObservation],
) -> Iterator[NDArray[Any]]:
    """The rows of one track's tensor in order, a stretch at a time; zeros where not valid.

    Args:
        form: One that has a tensor.
        face: Draws.
        coefficients: Of the whole track.
        scale: Depth range.
        observations: The track as it was seen, the same frames; read by "arkit" alone.
    """
    if form == "arkit":
        yield from _arkit(coefficients, observations)
        return
    for start in range(0, len(coefficients.times), STRETCH):
        rows = slice(start, start + STRETCH)
        if form == "mesh":
            yield face.mesh(coefficients.beta[rows])
        else:
            yield rendered_frames(face, coefficients, scale, rows)[:, : len(form)]


def _arkit(coefficients: Coefficients, observations: Iterable[FaceObservation]) -> Iterator[NDArray[np.float32]]:
    start = 0
    for piece in observations:
        valid = coefficients.valid[start : start + len(piece.times)]
        values = np.zeros((len(piece.times), len(ARKIT_NAMES)), np.float32)
        values[valid] = arkit_coefficients(piece.landmarks[valid])
        start += len(piece.times)
        yield values
