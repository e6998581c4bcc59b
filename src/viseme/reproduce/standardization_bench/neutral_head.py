"""Lips of the mean head, moved by expression alone: what two estimates of expression are compared by."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from viseme.face3d.camera import Camera
from viseme.face3d.interface import FaceModel
from viseme.face3d.neutral_landmarks import neutral_landmarks

__all__ = ["NeutralLips"]


class NeutralLips:
    """Lip landmarks of the mean head, moved by expression alone."""

    def __init__(self, model: FaceModel) -> None:
        expression = neutral_landmarks(model)[2]
        self._lips = expression[model.landmarks["mp468"].subsets["lips"]]
        self._gap = expression[13, 1] - expression[14, 1]

    def aperture(self, beta: NDArray[np.floating]) -> NDArray[np.floating]:
        """(T,) gap of the inner lips, dm."""
        return beta @ self._gap

    def distance(self, beta: NDArray[np.floating], truth: NDArray[np.floating]) -> float:
        """Mean distance of the lip landmarks from the true ones, pixels of the 224-pixel crop."""
        off = np.einsum("nka,ta->tnk", self._lips, beta - truth)
        camera = Camera.standard()
        return float(camera.focal / camera.distance * np.linalg.norm(off, axis=2).mean())

    def error(self, beta: NDArray[np.floating], truth: NDArray[np.floating]) -> float:
        """Rms error of lip displacement over its spread, constant part left out."""
        own = np.einsum("nka,ta->tnk", self._lips, truth)
        off = np.einsum("nka,ta->tnk", self._lips, beta) - own
        return float(np.sqrt((off - off.mean(0)).var() / (own - own.mean(0)).var()))
