"""The skin of a frame moved with the jaw: a smooth field of displacements from a few points, and the frame read by it.

Knows points and pixels; refuses to know faces.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["displacements", "fade", "read_at", "spread"]

RIDGE, FAR_RIDGE = 0.02, 0.1
"""How firmly the field keeps to a pure shift where points do not tell more: in squares of `reach`, and of the distance
from the middle of the points that count."""


def displacements(
    at: NDArray[np.floating],
    points: NDArray[np.floating],
    shifts: NDArray[np.floating],
    *,
    reach: float,
) -> NDArray[np.float32]:
    """Moving least squares: at each place the affine displacement that best fits those of the points near it.

    Args:
        at: (N, 2) places.
        points: (H, 2) where displacements are known.
        shifts: (H, 2) the displacements.
        reach: A length over which the field may turn, in the unit of the places. Far from the points the field tends
            to a shift: the affine part is held back by a ridge.

    Returns:
        (N, 2).

    Source:
        Schaefer, McPhail, Warren, "Image Deformation Using Moving Least Squares", 2006, equations 3 to 5, with weights
        1 / d^4, applied to displacements instead of places, and with the ridge.

    Example:
        >>> corners = np.array([[0.0, 0.0], [10, 0], [0, 10], [10, 10]])
        >>> displacements(np.array([[5.0, 5.0]]), corners, np.full((4, 2), 2.0), reach=10).round(3).tolist()
        [[2.0, 2.0]]
    """
    at, points, shifts = (np.asarray(v, np.float32) for v in (at, points, shifts))
    apart = at[:, None] - points[None]
    weights = 1 / np.square((apart**2).sum(-1) + np.float32(1e-3 * reach) ** 2)
    weights /= weights.sum(1, keepdims=True)
    centre, mean = weights @ points, weights @ shifts
    spread_x, spread_y = points[None, :, 0] - centre[:, :1], points[None, :, 1] - centre[:, 1:]
    wx, wy = weights * spread_x, weights * spread_y
    ridge = RIDGE * reach**2 + FAR_RIDGE * ((at - centre) ** 2).sum(1)
    xx, yy, xy = (wx * spread_x).sum(1) + ridge, (wy * spread_y).sum(1) + ridge, (wx * spread_y).sum(1)
    across, down = wx @ shifts, wy @ shifts
    determinant = xx * yy - xy * xy
    x, y = (at - centre).T
    along_x, along_y = (yy * x - xy * y) / determinant, (xx * y - xy * x) / determinant
    return mean + along_x[:, None] * across + along_y[:, None] * down


def fade(at: NDArray[np.floating], points: NDArray[np.floating], *, near: float, far: float) -> NDArray[np.float32]:
    """(N,) 1 within `near` of any of the points, 0 beyond `far`, smooth between."""
    apart = np.asarray(at, np.float32)[:, None] - np.asarray(points, np.float32)[None]
    distance = np.sqrt((apart**2).sum(-1).min(1))
    x = np.clip((far - distance) / (far - near), 0, 1)
    return np.asarray(x * x * (3 - 2 * x), np.float32)


def spread(values: NDArray[np.float32], step: int, height: int, width: int) -> NDArray[np.float32]:
    """Values on a coarse grid at every pixel, bilinear.

    Args:
        values: (K, R, C); value (r, c) lies at pixel row `r * step`, column `c * step`; the grid reaches over the end.
        step: Pixels.
        height: Rows wanted, at most `(R - 1) * step + 1`.
        width: Columns wanted, at most `(C - 1) * step + 1`.

    Returns:
        (K, height, width).
    """
    share = np.arange(step, dtype=np.float32) / step
    rows = values[:, :-1, None] + (values[:, 1:] - values[:, :-1])[:, :, None] * share[:, None]
    rows = rows.reshape(len(values), -1, values.shape[2])[:, :height]
    whole = rows[:, :, :-1, None] + (rows[:, :, 1:] - rows[:, :, :-1])[..., None] * share
    return np.ascontiguousarray(whole.reshape(len(values), rows.shape[1], -1)[:, :, :width], np.float32)


def read_at(image: NDArray[np.float32], x: NDArray[np.float32], y: NDArray[np.float32]) -> NDArray[np.float32]:
    """An image at places between its pixels, bilinear; the edge is repeated outside.

    Args:
        image: (H, W, C).
        x: Any shape: columns, pixel centres at whole numbers.
        y: The same shape: rows.

    Returns:
        The shape of `x`, then (C,).
    """
    height, width, depth = image.shape
    x, y = np.clip(x, 0, width - 1), np.clip(y, 0, height - 1)
    left, top = x.astype(np.int32), y.astype(np.int32)
    np.minimum(left, max(width - 2, 0), out=left)
    np.minimum(top, max(height - 2, 0), out=top)
    across, down = (x - left)[..., None], (y - top)[..., None]
    flat = image.reshape(height * width, depth)
    at = top * width + left
    right, below = min(1, width - 1), width if height > 1 else 0
    # `take` reads rows several times as fast as an index does
    upper, lower = np.take(flat, at, axis=0), np.take(flat, at + below, axis=0)
    next_upper, next_lower = np.take(flat, at + right, axis=0), np.take(flat, at + (below + right), axis=0)
    for one, other in ((upper, next_upper), (lower, next_lower)):
        other -= one
        other *= across
        one += other
    lower -= upper
    lower *= down
    upper += lower
    return upper
