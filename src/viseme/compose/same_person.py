"""Whether two stretches of video show one person, by the shape of the upper face. Knows landmarks alone.

Good enough to leave out people who look clearly different; not a means of recognising anybody: two thirds of all
pairs of strangers pass for one person.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from viseme.face3d.head_pose import canonical_vertices, head_poses, metric
from viseme.faces.rotation import rotation_angles
from viseme.faces.schemes import LIPS

__all__ = ["ALIKE", "face_shape", "shapes_apart"]

ALIKE = 0.026
"""Distance up to which two shapes may be one person's, in mean radii of a face. 186 clips of 24 people: clips of
one person .007 apart in the median, .016 at most but for one speaker (.028); of two people .023, a third over .026. One
man in eight films of several years: .004 to .026. Two people of a debate: .044."""
MOST_TURNED = np.deg2rad(25.0)
"""Radians of yaw or pitch from which a frame says nothing of the shape."""
MOST_FRAMES = 60
LEAST_FRAMES = 8


@lru_cache(maxsize=1)
def _upper() -> NDArray[np.intp]:
    """Vertices above the lips."""
    face = canonical_vertices()
    return np.setdiff1d(np.flatnonzero(face[:, 1] > face[LIPS, 1].max()), LIPS)


def face_shape(landmarks: NDArray[np.floating]) -> NDArray[np.float64] | None:
    """(N, 3) the upper face without pose and size; None where too few frames look ahead.

    Args:
        landmarks: (T, 468, 3) pixels.
    """
    some = np.asarray(landmarks, np.float64)[:: max(1, len(landmarks) // MOST_FRAMES)]
    upright = metric(some)
    poses = head_poses(upright, canonical_vertices())
    turned = np.abs(rotation_angles(poses.rotation.swapaxes(1, 2))[:, :2]).max(1)
    ahead = turned < MOST_TURNED
    if ahead.sum() < LEAST_FRAMES:
        return None
    shape = np.asarray(np.median(poses.normalise(upright)[ahead][:, _upper()], 0), np.float64)
    return shape if np.isfinite(shape).all() else None


def shapes_apart(one: NDArray[np.floating], other: NDArray[np.floating]) -> float:
    """Root mean square distance over coordinates, in mean radii of a face; see `ALIKE`."""
    return float(np.sqrt(np.square(one - other).mean()))
