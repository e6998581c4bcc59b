"""`landmarks` and `mesh`: lip points, and the vertices of the face model that they move.

Knows pose-normalised lip motion; refuses to know pixels.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from viseme.face3d.interface import FaceModel, load_face_model
from viseme.face3d.lips import align
from viseme.faces import FaceTrack
from viseme.faces.schemes import ALIGNMENT, ALIGNMENT_SHAPE, LIP_POINTS
from viseme.sync.inputs.interface import motion_of

__all__ = ["Landmarks", "Mesh", "lip_basis"]


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


class Landmarks:
    """The 67 lip and jaw points themselves."""

    shape = (len(LIP_POINTS), 3)
    dtype = np.float32
    needs_pixels = False

    def of_track(self, track: FaceTrack) -> NDArray[np.float32]:
        """(T, 67, 3), unit = outer eye corner distance."""
        return motion_of(track).points

    def of_points(self, points: NDArray[np.float32]) -> NDArray[np.float32]:
        """(T, 67, 3) as they are."""
        return points


class Mesh:
    """Vertices of the default face model's lips and lower face, moved by the expression that explains the lip points.

    Fitting is linear: with the head's motion already taken out, `points = mean + L_exp beta`, so the expression of a
    frame is a ridge regression whose matrix is computed once. What a model cannot express (tracker noise, identity)
    does not reach the network.
    """

    shape = (96, 3)
    dtype = np.float32
    needs_pixels = False
    ridge = 0.02
    """Prior on expression coefficients, in squared eye distances per coefficient."""

    def __init__(self) -> None:
        model, turn, basis = _model_in_lip_space()
        basis = basis.reshape(3 * len(LIP_POINTS), -1)
        lower = np.flatnonzero(np.linalg.norm(model.exp_basis, axis=1).mean(-1) * (model.masks["lips"] + 0.3) > 0)
        strength = np.linalg.norm(model.exp_basis[lower], axis=1).sum(-1) * (model.masks["lips"][lower] + 0.15)
        ranked = lower[np.argsort(-strength)][: 8 * self.shape[0]]
        chosen = _spread(model.mean[ranked], ranked, self.shape[0])
        vertices = np.einsum("ij,vjk->vik", turn, model.exp_basis[chosen]).reshape(3 * self.shape[0], -1)
        inverse = np.linalg.solve(basis.T @ basis + self.ridge * np.eye(basis.shape[1]), basis.T)
        self._operator = (vertices @ inverse).T.astype(np.float32)

    def of_track(self, track: FaceTrack) -> NDArray[np.float32]:
        """(T, 96, 3) displacements from the mean of the stretch, unit = outer eye corner distance."""
        return self.of_points(motion_of(track).points)

    def of_points(self, points: NDArray[np.float32]) -> NDArray[np.float32]:
        """(T, 96, 3) from (T, 67, 3)."""
        moved = (points - points.mean(0)).reshape(len(points), -1)
        return (moved @ self._operator).reshape(len(points), self.shape[0], 3)


def _spread(places: NDArray[np.floating], names: NDArray[np.integer], num: int) -> NDArray[np.integer]:
    """`num` of the names whose places are far apart: farthest-point sampling from the first."""
    chosen = [0]
    distance = np.linalg.norm(places - places[0], axis=-1)
    while len(chosen) < num:
        chosen.append(int(distance.argmax()))
        distance = np.minimum(distance, np.linalg.norm(places - places[chosen[-1]], axis=-1))
    return names[chosen]
