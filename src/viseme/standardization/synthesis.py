"""What is left of a face when only its expression is kept: the mean person, from the front, evenly lit.

Renders {alpha = 0, delta = 0, beta, gamma_0, p_0}: every frame of every person shows the same face, and what differs
is lip motion. Knows a face model and arrays; refuses to know files and estimators.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from viseme.core.errors import ConfigError
from viseme.face3d.formation import render_standard
from viseme.face3d.interface import PARTS, FaceModel, load_face_model
from viseme.faces.crops import CROP_SIZE
from viseme.standardization.interface import Coefficients

__all__ = ["Z_NORMS", "Scale", "StandardFace", "ZNorm", "rendered_frames"]

ZNorm = Literal["clip", "frame", "model"]
Z_NORMS: tuple[ZNorm, ...] = ("clip", "frame", "model")
"""What the depth of a frame is measured against: the range of its clip, of itself, or one range for all clips."""

Scale = tuple[float, float] | None
"""Depth range in decimetres; None = every frame its own."""

BATCH = 64
"""Frames whose vertices are computed at once."""


@lru_cache(maxsize=4)
def _lower_face(name: str) -> NDArray[np.int64]:
    """Vertices of the lips and of the skin from the base of the nose to under the chin that expressions move."""
    model = load_face_model(name)
    points = model.landmark_points(model.mean, "mp468")
    skin = np.zeros(len(model.mean), bool)
    skin[np.unique(model.triangles[model.part == PARTS.index("skin")])] = True
    front = (model.masks["face_front"] | model.masks["lips"]) & skin & ~model.masks["mouth_interior"]
    low = model.mean[:, 1] <= points[2, 1]
    moves = np.linalg.norm(model.exp_basis, axis=(1, 2)) > 1e-3
    return np.flatnonzero(front & low & moves)


class StandardFace:
    """Draws expression coefficients on the mean face."""

    @dataclass(frozen=True, kw_only=True, slots=True)
    class Config:
        """How the standard face is drawn."""

        face_model: str = "default"
        """Name in `viseme.face3d.FACE_MODELS`."""
        size: int = CROP_SIZE
        """Pixels of the square frame, 16 or more."""
        antialias: int = 2
        """Samples per pixel along each axis, 1 to 4."""
        mouth_interior: bool = False
        """Draw teeth, tongue and the inside of the mouth; without them an open mouth is background."""

        def __post_init__(self) -> None:
            if self.size < 16:
                raise ConfigError(f"size must be 16 or more, not {self.size}")
            if not 1 <= self.antialias <= 4:
                raise ConfigError(f"antialias must be 1 to 4, not {self.antialias}")

    def __init__(self, config: Config | None = None) -> None:
        self.config = config or self.Config()
        self.model: FaceModel = load_face_model(self.config.face_model)
        model = self.model
        depth = model.masks["face_front"]
        self._front_z = model.mean[depth, 2]
        self._front_basis = np.ascontiguousarray(model.exp_basis[depth, 2].T)
        self.mesh_vertices = _lower_face(self.config.face_model)
        """(N,) vertices of the face model that `mesh` speaks of."""
        moved = model.exp_basis[self.mesh_vertices]
        sigma = np.sqrt((moved**2).sum(-1).mean(-1))
        self.mesh_sigma: NDArray[np.float32] = sigma.astype(np.float32)
        """(N,) decimetres: root mean square over the axes of a vertex's movement for coefficients of variance 1."""
        self._mesh_basis = np.ascontiguousarray((moved / sigma[:, None, None]).reshape(-1, moved.shape[-1]).T)

    @property
    def mesh_triangles(self) -> NDArray[np.int32]:
        """(M, 3) triangles between the vertices of `mesh`, as rows of `mesh_vertices`."""
        row = np.full(len(self.model.mean), -1, np.int32)
        row[self.mesh_vertices] = np.arange(len(self.mesh_vertices), dtype=np.int32)
        found = row[self.model.triangles]
        return found[(found >= 0).all(1)]

    def mesh(self, beta: NDArray[np.floating]) -> NDArray[np.float32]:
        """Displacements of lips and lower face in the canonical pose, each vertex over its `mesh_sigma`.

        Args:
            beta: (T, E).

        Returns:
            (T, N, 3); +x image right, +y up, +z out of the face.
        """
        return (self._checked(beta) @ self._mesh_basis).reshape(len(beta), -1, 3)

    def depth_range(self, beta: NDArray[np.floating]) -> tuple[float, float]:
        """Least and greatest z of the front of the face over all frames, decimetres: the scale of `z_norm="clip"`.

        Of no frames at all: the range of the model.
        """
        if not len(beta):
            return self.model_depth_range
        low, high = self.depth_ranges(beta).T
        return float(low.min()), float(high.max())

    def depth_ranges(self, beta: NDArray[np.floating]) -> NDArray[np.float32]:
        """(T, 2) the same for every frame by itself: the scale of `z_norm="frame"`."""
        out = np.empty((len(beta), 2), np.float32)
        for start in range(0, len(beta), BATCH):
            z = self._front_z + self._checked(beta[start : start + BATCH]) @ self._front_basis
            out[start : start + BATCH] = np.stack([z.min(1), z.max(1)], 1)
        return out

    @property
    def model_depth_range(self) -> tuple[float, float]:
        """The scale of `z_norm="model"`: the mean face with any one coefficient between -3 and 3."""
        reach = 3 * self._front_basis
        z = np.concatenate([self._front_z + reach, self._front_z - reach])
        return float(z.min()), float(z.max())

    def rgb(self, beta: NDArray[np.floating]) -> NDArray[np.uint8]:
        """(T, E) -> (T, 3, size, size); background 0."""
        return self.rgbd(beta, self.model_depth_range)[:, :3]

    def rgbd(
        self, beta: NDArray[np.floating], depth_range: tuple[float, float] | NDArray[np.floating]
    ) -> NDArray[np.uint8]:
        """Colour and depth.

        Args:
            beta: (T, E).
            depth_range: Least and greatest z, decimetres: one pair, or (T, 2), one for every frame.

        Returns:
            (T, 4, size, size): RGB, then `255 (z - low) / (high - low)`, clipped; background 0.
        """
        c = self.config
        return render_standard(
            self.model, beta, depth_range, size=c.size, antialias=c.antialias, interior=c.mouth_interior
        )

    def _checked(self, beta: NDArray[np.floating]) -> NDArray[np.float32]:
        if beta.ndim != 2 or beta.shape[1] != self.model.exp_basis.shape[-1]:
            raise ValueError(f"beta must be (T, {self.model.exp_basis.shape[-1]}), got {beta.shape}")
        return beta.astype(np.float32, copy=False)


def rendered_frames(face: StandardFace, coefficients: Coefficients, scale: Scale, rows: slice) -> NDArray[np.uint8]:
    """(F, 4, 224, 224) some frames of a track; black where not valid."""
    beta, valid = coefficients.beta[rows], coefficients.valid[rows]
    out = np.zeros((len(beta), 4, face.config.size, face.config.size), np.uint8)
    if valid.any():
        out[valid] = face.rgbd(beta[valid], face.depth_ranges(beta[valid]) if scale is None else scale)
    return out
