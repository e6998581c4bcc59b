"""Landmarks of a face model with the mouth shut, as a tracker reports them. Knows the model's bases alone."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from viseme.face3d.interface import FaceModel

__all__ = ["neutral_landmarks"]

UPPER_INNER = np.array([191, 80, 81, 82, 13, 312, 311, 310, 415])
LOWER_INNER = np.array([95, 88, 178, 87, 14, 317, 402, 318, 324])
"""Inner lips, opposite points in the same place; the corners, 78 and 308, have no opposite."""


def neutral_landmarks(model: FaceModel) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Mean (468, 3), identity basis (468, 3, A) and expression basis (468, 3, E) of `mp468`, the mouth shut.

    The inner-lip points lie a little inside the seam of the model's lips, because they were found with the mouth open;
    on the mean face upper and lower therefore stand some millimetres apart, where a tracker reports shut lips as
    touching. They are moved together.
    """
    mean, identity, expression = (np.array(x, np.float64) for x in model.landmark_bases("mp468"))
    apart = np.maximum(mean[UPPER_INNER, 1] - mean[LOWER_INNER, 1], 0)[:, None] > 0
    half = np.where(apart, (mean[UPPER_INNER] - mean[LOWER_INNER]) / 2, 0.0)
    half[:, 0] = 0
    mean[UPPER_INNER] -= half
    mean[LOWER_INNER] += half
    return mean, identity, expression
