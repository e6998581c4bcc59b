"""Upper-face dynamics deviation: whether brows and lids move as much as they should, wherever they are.

Knows vertices of one topology in a face-centred space; refuses to know how they were found.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

__all__ = ["face_dynamics", "upper_face_deviation"]


def upper_face_deviation(predicted: ArrayLike, true: ArrayLike, neutral: ArrayLike, upper_face: ArrayLike) -> float:
    """Dynamics of the true upper face minus that of the predicted one.

    Args:
        predicted: (T, V, 3).
        true: (T', V, 3); the frames need not correspond.
        neutral: (V, 3) the same identity's face at rest.
        upper_face: Indices of the vertices; state which, see `viseme.metrics.vertices`.

    Returns:
        In the unit of the vertices: positive where the prediction moves too little, negative where it moves too much.

    Raises:
        ValueError: shapes do not fit, or there is no frame.

    Source:
        Xing et al., "CodeTalker", 2023, equation 9.

    Example:
        >>> still, moving = np.zeros((2, 1, 3)), np.array([[[0.0, 0, 0]], [[2.0, 0, 0]]])
        >>> upper_face_deviation(still, moving, np.zeros((1, 3)), [0])
        1.0
    """
    return face_dynamics(true, neutral, upper_face) - face_dynamics(predicted, neutral, upper_face)


def face_dynamics(vertices: ArrayLike, neutral: ArrayLike, chosen: ArrayLike) -> float:
    """Standard deviation over time of a vertex's distance from rest, mean over the chosen vertices.

    Args:
        vertices: (T, V, 3).
        neutral: (V, 3).
        chosen: Indices of vertices.

    Raises:
        ValueError: shapes do not fit, or there is no frame.
    """
    moving, rest, at = np.asarray(vertices), np.asarray(neutral), np.asarray(chosen, np.intp)
    if moving.ndim != 3 or len(moving) == 0 or moving.shape[1:] != rest.shape or rest.shape[1] != 3 or at.size == 0:
        raise ValueError(f"vertices {moving.shape} must be (T > 0, V, 3) and the neutral face {rest.shape} be (V, 3)")
    motion = np.linalg.norm(moving[:, at].astype(np.float64) - rest[at], axis=-1)
    return float(motion.std(0).mean())
