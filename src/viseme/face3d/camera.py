"""Pose and projection: head space to pixels. Knows no face, no light and no pixels' colours.

Axes: right-handed decimetres, +x image right, +y up, +z out of the face; pixel centres at +0.5, v down.
The camera sits on the z axis at `distance` and looks along -z. Every function takes NumPy arrays or torch
tensors and answers in kind, with gradients where torch has them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from viseme.core.arrays import array_namespace
from viseme.faces.rotation import rotation_matrix

__all__ = ["Camera", "centred", "place", "project"]

REFERENCE_SIZE = 224
REFERENCE_FOCAL = 1015.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Camera:
    """A pinhole on the z axis; the default is the 224-pixel camera whose coefficients interchange with Deep3D's."""

    width: int = REFERENCE_SIZE
    """Pixels."""
    height: int = REFERENCE_SIZE
    """Pixels."""
    focal: float = REFERENCE_FOCAL
    """Focal length in pixels; 101.5 pixels a decimetre at the default distance."""
    distance: float = 10.0
    """Decimetres from the origin to the pinhole."""
    near: float = 5.0
    """Nothing nearer than this (decimetres from the pinhole) is drawn."""
    far: float = 15.0
    """Nothing farther than this is drawn."""

    @classmethod
    def standard(cls, size: int = REFERENCE_SIZE) -> Camera:
        """The square camera of the specification: focal 1015 * size / 224, field of view 12.6 degrees.

        Example:
            >>> Camera.standard(448).focal
            2030.0
        """
        return cls(width=size, height=size, focal=REFERENCE_FOCAL * size / REFERENCE_SIZE)

    @classmethod
    def portrait(cls, width: int, height: int, *, face_width: float = 0.4) -> Camera:
        """A camera that draws an average face (1.45 dm wide) as `face_width` of the frame's width."""
        return cls(width=width, height=height, focal=face_width * width / 1.45 * 10.0)


def place(points: Any, pose: Any) -> Any:
    """Move head-space `points` (..., K, 3) by `pose` (..., 6): `X = R S + t`.

    Args:
        points: Decimetres.
        pose: pitch, yaw, roll (radians), tx, ty, tz (decimetres).
    """
    rotation = rotation_matrix(pose[..., :3])
    return points @ rotation.swapaxes(-1, -2) + pose[..., None, 3:]


def project(points: Any, camera: Camera) -> Any:
    """Placed `points` (..., K, 3) -> (..., K, 3): u, v in pixels and the depth `distance - z` in decimetres.

    Example:
        >>> project(np.array([[0.5, 0.25, 0.0]]), Camera()).tolist()
        [[162.75, 86.625, 10.0]]
    """
    xp = array_namespace(points)
    depth = camera.distance - points[..., 2]
    u = camera.focal * points[..., 0] / depth + camera.width / 2
    v = camera.height / 2 - camera.focal * points[..., 1] / depth
    return xp.stack([u, v, depth], -1)


def centred(points: NDArray[np.floating], *, margin: float, camera: Camera | None = None) -> NDArray[np.float64]:
    """The translation that brings a face, already turned, into the middle of the frame at a given size.

    Args:
        points: (K, 3) landmarks of the turned face, decimetres.
        margin: Width of the frame over the larger side of the landmarks' box.
        camera: Default: the standard one.

    Returns:
        (3,) decimetres.
    """
    camera = camera or Camera.standard()
    shift = np.zeros(3)
    for _ in range(5):
        uv = project(points + shift, camera)[..., :2]
        low, high = uv.min(0), uv.max(0)
        depth = camera.distance - (points[:, 2].mean() + shift[2])
        shift[2] += depth * (1 - margin * (high - low).max() / camera.width)
        middle = (low + high) / 2 - camera.width / 2
        shift[:2] -= middle * [1, -1] * (camera.distance - points[:, 2].mean() - shift[2]) / camera.focal
    return shift
