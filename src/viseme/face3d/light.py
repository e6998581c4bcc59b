"""Spherical-harmonics light, three bands, nine numbers a colour channel. Knows nothing of faces.

Light lives in the camera frame: rotate the normals before shading. The constants are those of the published
coefficients and are not orthonormal times Lambert, so `gamma` means something only inside this convention.
NumPy arrays or torch tensors in, the same out.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from viseme.core.arrays import array_namespace

__all__ = ["K0", "K1", "K2", "K2_AXIAL", "K2_PLANAR", "UNIFORM_LIGHT", "lamp", "sh_basis", "shade"]

K0, K1, K2 = 0.886227, 1.772454, 2.427032
K2_AXIAL, K2_PLANAR = 0.700624, 1.213516

UNIFORM_LIGHT: NDArray[np.float64] = np.repeat(np.eye(9)[:1] / K0, 3, axis=0).reshape(27)
"""(27,) white light from everywhere: the radiance is the albedo."""


def sh_basis(normals: Any) -> Any:
    """Unit `normals` (..., 3) in the camera frame -> (..., 9) basis values.

    Example:
        >>> sh_basis(np.array([0.0, 0.0, 1.0])).round(4).tolist()
        [0.8862, -0.0, 1.7725, -0.0, 0.0, -0.0, 1.4012, -0.0, 0.0]
    """
    xp = array_namespace(normals)
    x, y, z = normals[..., 0], normals[..., 1], normals[..., 2]
    columns = [
        K0 * xp.ones_like(x),
        -K1 * y,
        K1 * z,
        -K1 * x,
        K2 * x * y,
        -K2 * y * z,
        K2_AXIAL * (3 * z * z - 1),
        -K2 * x * z,
        K2_PLANAR * (x * x - y * y),
    ]
    return xp.stack(columns, -1)


def shade(albedo: Any, normals: Any, gamma: Any) -> Any:
    """Radiosity: `albedo` (..., V, 3) times the light that `normals` (..., V, 3) receive from `gamma` (..., 27).

    `gamma` is 3 x 9, red first. The answer is not clipped.
    """
    light = gamma.reshape(*gamma.shape[:-1], 3, 9)
    return albedo * (sh_basis(normals) @ light.swapaxes(-1, -2))


def lamp(
    direction: Sequence[float], *, colour: Sequence[float] = (1.0, 1.0, 1.0), ambient: Sequence[float] = (0, 0, 0)
) -> NDArray[np.float64]:
    """(27,) light of one distant lamp plus an even surround: `ambient + colour * max(0, n . direction)`, three bands.

    Args:
        direction: From the face to the lamp, camera frame; any length.
        colour: Radiance factor at a surface that faces the lamp.
        ambient: Radiance factor everywhere.

    Source:
        Ramamoorthi & Hanrahan, "An efficient representation for irradiance environment maps", 2001 (1/4, 1/2, 5/16).
    """
    x, y, z = np.asarray(direction, dtype=np.float64) / np.linalg.norm(direction)
    a1, a2 = 1 / 2, 5 / 16
    one = np.array(
        [
            0.25 / K0,
            -a1 * y / K1,
            a1 * z / K1,
            -a1 * x / K1,
            3 * a2 * x * y / K2,
            -3 * a2 * y * z / K2,
            a2 * (3 * z * z - 1) / 4 / K2_AXIAL,
            -3 * a2 * x * z / K2,
            0.75 * a2 * (x * x - y * y) / K2_PLANAR,
        ]
    )
    gamma = np.asarray(colour, dtype=np.float64)[:, None] * one
    gamma[:, 0] += np.asarray(ambient, dtype=np.float64) / K0
    return gamma.reshape(27)
