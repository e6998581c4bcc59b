"""The tight square of a face, from the brow to just below the chin: what talking-face generators see.

Knows landmarks; refuses to know pixels and networks.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import median_filter

from viseme.faces.schemes import CHEEKS, CHIN

__all__ = ["tight_squares"]

BROWS = np.array([70, 63, 105, 66, 107, 336, 296, 334, 293, 300])
"""Upper edges of both brows."""
BELOW = 0.05
"""Of the distance from brow to chin, what is shown below the chin."""
MEDIAN_FRAMES = 5


def tight_squares(landmarks: NDArray[np.floating]) -> NDArray[np.float64]:
    """(T, 3) centre x, centre y, side of the square of every frame, each a median over 5 frames.

    Args:
        landmarks: (T, 468 or 478, 3) source pixels, 25 frames a second, T at least 1.

    Source:
        Ours, for the "tight crops" of Yaman et al. 2024, which are not specified.

    Example:
        >>> points = np.zeros((1, 468, 3))
        >>> points[0, BROWS, 1], points[0, CHIN, 1] = 10, 110
        >>> tight_squares(points).tolist()
        [[0.0, 62.5, 105.0]]
    """
    points = np.asarray(landmarks, np.float64)
    top, chin = points[:, BROWS, 1].min(1), points[:, CHIN, 1]
    side = np.maximum((1 + BELOW) * (chin - top), 1.0)
    middle = points[:, CHEEKS, 0].mean(1)
    found = np.stack([middle, top + side / 2, side], 1)
    return median_filter(found, size=(MEDIAN_FRAMES, 1), mode="nearest")
