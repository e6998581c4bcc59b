"""Landmarks of a face model with the mouth shut, as a tracker reports them. Knows the model's bases alone."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from viseme.face3d.interface import FaceModel
from viseme.faces.schemes import LOWER_INNER, UPPER_INNER

__all__ = ["neutral_landmarks", "shut_lips"]


def shut_lips(points: NDArray[np.floating]) -> NDArray[np.floating]:
    """Landmarks with opposite points of the inner lips moved together, up or down and in depth, where they gape.

    Args:
        points: (K, 3) of a face looking ahead, +y up; K is 468 or 478.

    Returns:
        (K, 3), a copy.
    """
    out = points.copy()
    half = (points[UPPER_INNER, 1:] - points[LOWER_INNER, 1:]) / 2
    half[half[:, 0] <= 0] = 0
    out[UPPER_INNER, 1:] -= half
    out[LOWER_INNER, 1:] += half
    return out


def neutral_landmarks(model: FaceModel) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Mean (468, 3), identity basis (468, 3, A) and expression basis (468, 3, E) of `mp468`, the mouth shut.

    The inner-lip points lie a little inside the seam of the model's lips, because they were found with the mouth open;
    on the mean face upper and lower therefore stand some millimetres apart, where a tracker reports shut lips as
    touching. They are moved together.
    """
    mean, identity, expression = (np.array(x, np.float64) for x in model.landmark_bases("mp468"))
    return np.asarray(shut_lips(mean), np.float64), identity, expression
