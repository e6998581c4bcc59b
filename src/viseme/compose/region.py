"""Which part of a face is replaced, as weights of its vertices. Knows the 468 mesh; refuses to know pixels.

Lips and chin are replaced whole. Around them the generated face passes into the filmed one over a third of the
distance between the eyes; it ends at the nose and at the outline of the face, whose inside alone the mesh shows.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from viseme.faces.schemes import EYE_CORNERS, FACE_OVAL, JAW, LIPS, LIPS_INNER, LIPS_OUTER

__all__ = ["ANCHORS", "JAW_HANDLES", "SKIN_HANDLES", "FaceRegion", "face_region"]

RAMP = 0.35
"""Width of the passage to the filmed face, in distances between the outer eye corners."""
NOSE_RAMP = 0.1
"""The same between the nose and the upper lip."""
LIP_MARGIN = 0.06
"""How far from the lips skin begins to be skin, in the same unit."""

JAW_HANDLES = JAW[2:-2]
"""(17,) the outline from under one ear to under the other: what drives the warp of the frame below the face."""
SKIN_HANDLES = np.unique(
    np.concatenate([LIPS_OUTER, [2, 98, 327, 18, 200, 199, 175, 164, 205, 425, 207, 427, 57, 287, 212, 432, 50, 280]])
)
"""Points inside the face that drive the warp of its skin."""
ANCHORS = np.array([2, 94, 97, 98, 326, 327])
"""The base of the nose: what speech moves least near the lips."""
_CORE = np.concatenate([LIPS_OUTER[:11], [378, 400, 377, 152, 148, 176, 149]])
"""Outline of lips and chin, from the right corner of the mouth over the upper lip and back along the jaw."""


_NOSE = np.array([168, 188, 174, 198, 49, 48, 64, 98, 97, 2, 326, 327, 294, 278, 279, 420, 399, 412])
"""Outline of the nose."""


@dataclass(frozen=True, kw_only=True, eq=False)
class FaceRegion:
    """Weights of the vertices, each (468,) float32 in [0, 1]."""

    geometry: NDArray[np.float32]
    """1 = a vertex lies where the generated face has it, 0 = where the filmed face has it."""
    mask: NDArray[np.float32]
    """1 = the generated texture is shown, 0 = the frame."""
    lips: NDArray[np.float32]
    """1 on lips and mouth, 0 on skin, whose fine structure the frame itself has."""


def face_region(reference: NDArray[np.floating]) -> FaceRegion:
    """What of a face is replaced.

    Args:
        reference: (468, 3) vertices of the person at rest, reference space: frontal, y up; any unit.
    """
    points = np.asarray(reference, np.float64)[:, :2]
    eyes = float(np.linalg.norm(points[EYE_CORNERS[0]] - points[EYE_CORNERS[1]]))
    away = _outside(points, points[_CORE]) / eyes
    geometry = _smoothstep(1 - away / RAMP)
    nose = _outside(points, points[_NOSE]) / eyes
    geometry = geometry * _smoothstep(nose / NOSE_RAMP)
    geometry[LIPS] = 1
    mask = geometry.copy()
    mask[FACE_OVAL] = 0
    from_lips = _outside(points, points[LIPS_OUTER]) / eyes
    lips = _smoothstep(1 - from_lips / LIP_MARGIN)
    lips[LIPS_INNER] = 1
    return FaceRegion(geometry=geometry.astype(np.float32), mask=mask.astype(np.float32), lips=lips.astype(np.float32))


def _smoothstep(values: NDArray[np.float64]) -> NDArray[np.float64]:
    x = np.clip(values, 0, 1)
    return x * x * (3 - 2 * x)


def _outside(points: NDArray[np.float64], polygon: NDArray[np.float64]) -> NDArray[np.float64]:
    """(N,) distance of points from a polygon, 0 inside it.

    Args:
        points: (N, 2).
        polygon: (M, 2) corners in order.
    """
    a, b = polygon, np.roll(polygon, -1, axis=0)
    edge, from_a = b - a, points[:, None] - a[None]
    share = np.clip((from_a * edge).sum(-1) / np.maximum((edge**2).sum(-1), 1e-12), 0, 1)
    distance = np.linalg.norm(from_a - share[..., None] * edge, axis=-1).min(1)
    above = (a[:, 1] > points[:, 1:2]) != (b[:, 1] > points[:, 1:2])
    rise = np.where(edge[:, 1] == 0, 1e-12, edge[:, 1])
    crossing = a[:, 0] + (points[:, 1:2] - a[:, 1]) * edge[:, 0] / rise
    inside = (above & (points[:, :1] < crossing)).sum(1) % 2 == 1
    return np.where(inside, 0.0, distance)
