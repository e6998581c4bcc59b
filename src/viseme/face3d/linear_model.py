"""Coefficients to vertices and albedo: equations 1 and 2 of "Data Standardization for Robust Lip Sync", stated once.

`S = mean + B_id a + B_exp b` (1), `T = mean + B_tex d` (2). Takes NumPy arrays or torch tensors; knows neither models
nor cameras.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

__all__ = ["form_albedo", "form_shape"]


def form_shape(model: Mapping[str, Any], alpha: Any = None, beta: Any = None) -> Any:
    """Equation 1: vertices in decimetres, NumPy or torch as the model is.

    Args:
        model: `mean` (V, 3), `id_basis` (V, 3, A) and `exp_basis` (V, 3, E): `FaceModel.arrays()` or `.tensors()`, or
            those of some points of it.
        alpha: (B, <=A) or (<=A,) identity; None for zeros.
        beta: (B, <=E) or (<=E,) expression; None for zeros. One of the two may have B = 1.

    Returns:
        (B, V, 3), or (V, 3) where neither has a batch.

    Raises:
        ValueError: more coefficients than the model has columns.
    """
    return _moved(_moved(model["mean"], model["id_basis"], alpha), model["exp_basis"], beta)


def form_albedo(model: Mapping[str, Any], delta: Any = None) -> Any:
    """Equation 2: vertex albedo ([B,] V, 3) RGB, not clipped (a clip would cut the gradient); see `form_shape`."""
    return _moved(model["tex_mean"], model["tex_basis"], delta)


def _moved(points: Any, basis: Any, coefficients: Any) -> Any:
    """`points` ([B,] V, 3) plus `basis` (V, 3, K) times ([B,] <=K) coefficients."""
    if coefficients is None:
        return points
    num = coefficients.shape[-1]
    if coefficients.ndim not in (1, 2) or num > basis.shape[-1]:
        raise ValueError(f"expected at most {basis.shape[-1]} coefficients, got shape {tuple(coefficients.shape)}")
    if coefficients.ndim == 1 and isinstance(coefficients, np.ndarray):
        used = np.flatnonzero(coefficients)  # of an expression, most are zero
        return points + basis[..., used] @ coefficients[used]
    moved = coefficients @ basis.reshape(-1, basis.shape[-1])[:, :num].T
    return points + moved.reshape(*coefficients.shape[:-1], *basis.shape[:2])
