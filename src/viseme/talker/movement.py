"""Motion of faces as components that all people share, and how much one person moves. Knows arrays alone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from viseme.compose.region import face_region
from viseme.face3d.head_pose import canonical_vertices
from viseme.faces.schemes import LIPS, LOWER_INNER, UPPER_INNER

__all__ = ["Movement", "movement_of", "vertex_weights"]

LIP_WEIGHT = 3.0
"""How much more a lip vertex counts than the chin."""
LEAST_WEIGHT = 0.1
"""Of vertices that are not replaced."""
LOUD = 0.7
"""Quantile of the frames' motion by which people are compared: they speak in a third of the frames at least."""
TALKS = 0.45
"""Motion, relative to the mean person's, under which somebody is taken to be silent in the video."""
SURE_FRAMES = 60
"""Frames after which a person's own motion counts as much as the mean person's."""
LEAST_SIZE, MOST_SIZE = 0.75, 1.4
MAIN, EFFORT = 6, 0.005
"""Components that shut a mouth, and how much moving counts against lips that are apart, relative to what these move."""
LEAN = 0.6
"""Share of what a person's mean shape differs from the mean person's that is taken over."""


def vertex_weights() -> NDArray[np.float32]:
    """(1404,) lips count most, then chin and cheeks."""
    weights = np.maximum(face_region(canonical_vertices()).geometry, LEAST_WEIGHT)
    weights[LIPS] = LIP_WEIGHT
    return np.repeat(weights, 3).astype(np.float32)


@dataclass(frozen=True, kw_only=True, eq=False)
class Movement:
    """offsets = mean + coefficients @ basis; coefficients have variance one over the frames of the fit."""

    mean: NDArray[np.float32]
    """(1404,)."""
    basis: NDArray[np.float32]
    """(K, 1404)."""
    usual: float
    """Motion of the mean person, see `amount`."""

    @property
    def powers(self) -> NDArray[np.float32]:
        """(K,) share of the weighted variance."""
        powers = ((self.basis * vertex_weights()) ** 2).sum(1)
        return np.asarray(powers / powers.sum(), np.float32)

    def coefficients(self, offsets: NDArray[np.floating]) -> NDArray[np.float32]:
        """(T, K) of (T, 1404) or (T, 468, 3) vertices minus those at rest."""
        scaled = self.basis * vertex_weights() ** 2
        scaled /= np.maximum((scaled * self.basis).sum(1, keepdims=True), 1e-12)
        return np.asarray((offsets.reshape(len(offsets), -1) - self.mean) @ scaled.T, np.float32)

    def amount(self, offsets: NDArray[np.floating]) -> float:
        """How far a person's lips are from rest when they speak, in units of the reference space.

        Args:
            offsets: (T, 468, 3) vertices minus those at rest.
        """
        away = np.square(offsets[:, LIPS]).sum(2).mean(1)
        return float(np.sqrt(np.quantile(away, LOUD)))

    def lean(self, offsets: NDArray[np.floating]) -> NDArray[np.float32]:
        """(468, 3) what a person's face in speech differs from the mean person's; 0 where they do not speak.

        Args:
            offsets: (T, 468, 3) vertices minus those at rest.
        """
        if self.amount(offsets) / self.usual < TALKS:
            return np.zeros((468, 3), np.float32)
        usual = self.size(offsets) * self.mean.reshape(468, 3)
        return np.asarray(LEAN * (offsets.mean(0) - usual), np.float32)

    def shut(self, vertices: NDArray[np.floating]) -> NDArray[np.float64]:
        """(468, 3) a face with its lips together: (468, 3) moved as people move, as little as that takes."""
        basis = self.basis[:MAIN].reshape(-1, 468, 3).astype(np.float64)
        gap = (vertices[UPPER_INNER] - vertices[LOWER_INNER]).ravel()
        of_basis = (basis[:, UPPER_INNER] - basis[:, LOWER_INNER]).reshape(len(basis), -1).T
        ridge = EFFORT * np.trace(of_basis.T @ of_basis) / len(basis)
        steps = np.linalg.solve(of_basis.T @ of_basis + ridge * np.eye(len(basis)), -of_basis.T @ gap)
        return np.asarray(vertices + np.tensordot(steps, basis, 1), np.float64)

    def speech(self, offsets: NDArray[np.floating]) -> NDArray[np.float32]:
        """(T,) 0 at rest, 1 from the motion of speech on, of (T, 468, 3) offsets."""
        away = np.sqrt(np.square(offsets[:, LIPS]).sum(2).mean(1))
        return np.asarray(np.clip(away / self.usual, 0, 1), np.float32)

    def size(self, offsets: NDArray[np.floating]) -> float:
        """Factor on the mean person's motion that makes it this person's; 1 where they do not speak."""
        seen = self.amount(offsets) / self.usual
        if seen < TALKS:
            return 1.0
        sure = len(offsets) / (len(offsets) + SURE_FRAMES)
        return float(np.clip(seen**sure, LEAST_SIZE, MOST_SIZE))


def movement_of(offsets: NDArray[np.float32], num: int, usual: float) -> Movement:
    """The `num` components of (N, 1404) offsets with the largest weighted variance."""
    weights = vertex_weights()
    mean = offsets.mean(0)
    centred = (offsets - mean) * weights
    few = len(centred) < centred.shape[1]  # the smaller of the two matrices of products is decomposed
    products = centred @ centred.T if few else centred.T @ centred
    powers, vectors = np.linalg.eigh(products / len(centred))
    keep = np.argsort(powers)[::-1][:num]
    deviations = np.sqrt(np.maximum(powers[keep], 1e-12))
    basis = vectors[:, keep].T @ centred / np.sqrt(len(centred)) if few else (vectors[:, keep] * deviations).T
    basis = basis / weights
    return Movement(mean=mean.astype(np.float32), basis=basis.astype(np.float32), usual=usual)
