"""Rotations of heads: pitch, yaw and roll to a matrix and back, and the rotation nearest to a matrix.

Axes: +x image right, +y up, +z out of the face. Positive pitch looks down, positive yaw turns the nose to image right,
positive roll is counter-clockwise in the image. Knows no landmarks.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from viseme.core.arrays import array_namespace

__all__ = ["nearest_rotation", "rotation_angles", "rotation_matrix"]


def rotation_matrix(angles: Any) -> Any:
    """(..., 3) pitch, yaw, roll in radians -> (..., 3, 3) `Rz(roll) Ry(yaw) Rx(pitch)`, for column vectors.

    NumPy or torch, with gradients where torch has them.

    Example:
        >>> rotation_matrix(np.array([0.0, np.pi / 2, 0.0])).round(6)[:, 2].tolist()  # where the nose goes
        [1.0, 0.0, 0.0]
    """
    xp = array_namespace(angles)
    c, s = xp.cos(angles), xp.sin(angles)
    cx, cy, cz = c[..., 0], c[..., 1], c[..., 2]
    sx, sy, sz = s[..., 0], s[..., 1], s[..., 2]
    rows = [
        xp.stack([cz * cy, cz * sy * sx - sz * cx, cz * sy * cx + sz * sx], -1),
        xp.stack([sz * cy, sz * sy * sx + cz * cx, sz * sy * cx - cz * sx], -1),
        xp.stack([-sy, cy * sx, cy * cx], -1),
    ]
    return xp.stack(rows, -2)


def rotation_angles(rotation: NDArray[np.floating]) -> NDArray[np.float64]:
    """(..., 3, 3) -> (..., 3) pitch, yaw, roll in radians: the inverse of `rotation_matrix` for |yaw| <= pi / 2.

    Example:
        >>> rotation_angles(rotation_matrix(np.array([0.1, -0.2, 0.3]))).round(6).tolist()
        [0.1, -0.2, 0.3]
    """
    pitch = np.arctan2(rotation[..., 2, 1], rotation[..., 2, 2])
    yaw = np.arcsin(np.clip(-rotation[..., 2, 0], -1, 1))
    roll = np.arctan2(rotation[..., 1, 0], rotation[..., 0, 0])
    return np.stack([pitch, yaw, roll], -1)


def nearest_rotation(matrices: NDArray[np.floating]) -> tuple[NDArray[np.floating], NDArray[np.floating]]:
    """The rotation that comes nearest to a matrix, least squares; never a reflection.

    Args:
        matrices: (T, 3, 3). For point sets this is the sum over points of `outer(target, source)`, both about their
            centres: the rotation then takes source to target.

    Returns:
        Rotations R (T, 3, 3), and (T,) the trace of `R^T M`.

    Source:
        Kabsch, "A solution for the best rotation to relate two sets of vectors", 1976.
    """
    u, size, vt = np.linalg.svd(matrices)
    sign = np.ones((len(matrices), 3))
    sign[:, 2] = np.sign(np.linalg.det(u) * np.linalg.det(vt))
    return np.einsum("tij,tj,tjk->tik", u, sign, vt), (size * sign).sum(-1)
