"""Lip vertex error: how far the worst lip vertex of each frame lies from where it should be.

Knows vertices of one topology in a face-centred space; refuses to know how they were found.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["largest_lip_errors", "lip_vertex_error"]


def lip_vertex_error(predicted: ArrayLike, true: ArrayLike, lips: ArrayLike) -> float:
    """Mean over frames of the largest distance over lip vertices.

    Args:
        predicted: (T, V, 3).
        true: (T, V, 3), of the same frames, identity and unit.
        lips: Indices of the lip vertices; state which, see `viseme.metrics.vertices`.

    Returns:
        In the unit of the vertices; 0 where they are equal, NaN without frames.

    Raises:
        ValueError: shapes do not fit.

    Source:
        Richard et al., "MeshTalk", 2021, section 4. Programs that print this measure in m^2 take the mean of squares:
        their numbers cannot be compared with it.

    Example:
        >>> true = np.zeros((2, 3, 3))
        >>> moved = true.copy()
        >>> moved[0, 1, 0], moved[1, 2, 1], moved[1, 0, 2] = 3.0, 1.0, 9.0
        >>> lip_vertex_error(moved, true, [1, 2])
        2.0
    """
    errors = largest_lip_errors(predicted, true, lips)
    return float(errors.mean()) if len(errors) else float("nan")


def largest_lip_errors(predicted: ArrayLike, true: ArrayLike, lips: ArrayLike) -> NDArray[np.float64]:
    """(T,) the largest distance of each frame; see `lip_vertex_error`."""
    found, right, at = np.asarray(predicted), np.asarray(true), np.asarray(lips, np.intp)
    if found.ndim != 3 or found.shape != right.shape or found.shape[2] != 3 or at.size == 0:
        raise ValueError(
            f"vertices {found.shape} and {right.shape} must be two (T, V, 3), with at least one lip vertex"
        )
    return np.linalg.norm(found[:, at].astype(np.float64) - right[:, at], axis=-1).max(1)
