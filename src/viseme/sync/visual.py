"""What the picture stream of a sync model sees: `landmarks` (67 lip and jaw points) or `mesh` (face-model vertices)."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from viseme.face3d.lips import LipMotion

__all__ = ["Landmarks", "VisualInput"]


class VisualInput(Protocol):
    """Pose-normalised lip motion in, points of the picture stream out."""

    num_points: int

    def __call__(self, motion: LipMotion) -> NDArray[np.float32]:
        """(T, K, 3) points of every frame."""
        ...

    def of_points(self, points: NDArray[np.float32]) -> NDArray[np.float32]:
        """The same from (T, 67, 3) lip points."""
        ...


class Landmarks:
    """The 67 lip and jaw points themselves."""

    num_points = 67

    def __call__(self, motion: LipMotion) -> NDArray[np.float32]:
        """(T, 67, 3), unit = outer eye corner distance."""
        return self.of_points(motion.points)

    def of_points(self, points: NDArray[np.float32]) -> NDArray[np.float32]:
        """(T, 67, 3) as they are."""
        return points
