"""The lips and lower face of the default model, as lip points move them: what a model cannot express (tracker noise,
identity) is left out. Knows pose-normalised lip points; refuses to know tracks and pixels.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from viseme.face3d.interface import FaceModel, load_face_model
from viseme.face3d.lips import align
from viseme.faces.schemes import ALIGNMENT, ALIGNMENT_SHAPE, LIP_POINTS

__all__ = ["NUM_VERTICES", "lip_basis", "lip_mesh"]

NUM_VERTICES = 96
"""Vertices of lips and lower face, far apart."""
RIDGE = 0.02
"""Prior on expression coefficients, in squared eye distances per coefficient."""


@cache
def _model_in_lip_space() -> tuple[FaceModel, NDArray[np.floating], NDArray[np.floating]]:
    """The default face model, (3, 3) its axes and unit turned into those of lip motion, and (67, 3, E) `lip_basis`."""
    model = load_face_model("default")
    mean = model.landmark_points(model.mean, "mp468")
    scale, rotation, _ = align(mean[None, ALIGNMENT], ALIGNMENT_SHAPE)
    turn = scale[0] * rotation[0]
    basis = model.landmark_bases("mp468")[2][LIP_POINTS]
    return model, turn, np.einsum("ij,vjk->vik", turn, basis)


def lip_basis() -> NDArray[np.floating]:
    """(67, 3, E) how the lip points move with each expression of the default face model at coefficient 1."""
    return _model_in_lip_space()[2]


def lip_mesh(points: NDArray[np.floating]) -> NDArray[np.float32]:
    """Vertices of the lips and lower face, moved by the expression that explains the lip points.

    Fitting is linear: with the head's motion already taken out, `points = mean + L_exp beta`, so the expression of a
    frame is a ridge regression whose matrix is computed once.

    Args:
        points: (T, 67, 3) of `face3d.lips.lip_motion`.

    Returns:
        (T, 96, 3) displacements from the mean of the stretch, unit = outer eye corner distance.
    """
    moved = (points - points.mean(0)).reshape(len(points), -1)
    return np.asarray((moved @ _operator()).reshape(len(points), NUM_VERTICES, 3), np.float32)


@cache
def _operator() -> NDArray[np.float32]:
    """(201, 288) from moved lip points to moved vertices."""
    model, turn, basis = _model_in_lip_space()
    basis = basis.reshape(3 * len(LIP_POINTS), -1)
    lower = np.flatnonzero(np.linalg.norm(model.exp_basis, axis=1).mean(-1) * (model.masks["lips"] + 0.3) > 0)
    strength = np.linalg.norm(model.exp_basis[lower], axis=1).sum(-1) * (model.masks["lips"][lower] + 0.15)
    ranked = lower[np.argsort(-strength)][: 8 * NUM_VERTICES]
    chosen = _spread(model.mean[ranked], ranked, NUM_VERTICES)
    vertices = np.einsum("ij,vjk->vik", turn, model.exp_basis[chosen]).reshape(3 * NUM_VERTICES, -1)
    inverse = np.linalg.solve(basis.T @ basis + RIDGE * np.eye(basis.shape[1]), basis.T)
    return np.asarray((vertices @ inverse).T, np.float32)


def _spread(places: NDArray[np.floating], names: NDArray[np.integer], num: int) -> NDArray[np.integer]:
    """`num` of the names whose places are far apart: farthest-point sampling from the first."""
    chosen = [0]
    distance = np.linalg.norm(places - places[0], axis=-1)
    while len(chosen) < num:
        chosen.append(int(distance.argmax()))
        distance = np.minimum(distance, np.linalg.norm(places - places[chosen[-1]], axis=-1))
    return names[chosen]
