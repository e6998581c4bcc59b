"""`landmarks` and `mesh`: lip points, and the vertices of the face model that they move.

Knows pose-normalised lip motion; refuses to know pixels.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from viseme.face3d.lip_mesh import NUM_VERTICES, lip_mesh
from viseme.faces import FaceTrack
from viseme.faces.schemes import LIP_POINTS
from viseme.sync.inputs.interface import motion_of

__all__ = ["Landmarks", "Mesh"]


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
    """Vertices of the default face model's lips and lower face, see `lip_mesh`."""

    shape = (NUM_VERTICES, 3)
    dtype = np.float32
    needs_pixels = False

    def of_track(self, track: FaceTrack) -> NDArray[np.float32]:
        """(T, 96, 3) displacements from the mean of the stretch, unit = outer eye corner distance."""
        return self.of_points(motion_of(track).points)

    def of_points(self, points: NDArray[np.float32]) -> NDArray[np.float32]:
        """(T, 96, 3) from (T, 67, 3)."""
        return lip_mesh(points)
