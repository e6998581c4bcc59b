"""What the vertices of a mesh know, at every pixel of a frame. Knows triangles; refuses to know what is drawn."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["at_pixels"]

LEAST_AREA = 1e-3
"""Twice the area of a triangle, pixels, under which it is not drawn."""
EDGE = 1e-4
"""By how much a pixel's weights may be negative: no pixel falls between two triangles."""


def at_pixels(
    points: NDArray[np.floating],
    triangles: NDArray[np.integer],
    attributes: NDArray[np.floating],
    height: int,
    width: int,
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Interpolate attributes of vertices over the triangles that are seen.

    Args:
        points: (V, 3) x and y in pixels, centres at +0.5; the larger z, the nearer.
        triangles: (F, 3).
        attributes: (V, K).
        height: Rows.
        width: Columns.

    Returns:
        (height, width, K) values, 0 where nothing is drawn; (height, width) whether something is. A pixel is drawn
        where its centre lies in a triangle; triangles are drawn from the farthest to the nearest.
    """
    corners = np.asarray(points, np.float32)[triangles]
    corners = corners[np.argsort(corners[..., 2].mean(1), kind="stable")]
    triangles = triangles[np.argsort(np.asarray(points, np.float32)[triangles][..., 2].mean(1), kind="stable")]
    (ax, bx, cx), (ay, by, cy) = corners[..., 0].T, corners[..., 1].T
    area = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)
    low_x = np.clip(np.ceil(corners[..., 0].min(1) - 0.5), 0, width).astype(np.int32)
    low_y = np.clip(np.ceil(corners[..., 1].min(1) - 0.5), 0, height).astype(np.int32)
    wide = np.clip(np.floor(corners[..., 0].max(1) - 0.5) + 1, 0, width).astype(np.int32) - low_x
    high = np.clip(np.floor(corners[..., 1].max(1) - 0.5) + 1, 0, height).astype(np.int32) - low_y
    num = np.where(np.abs(area) > LEAST_AREA, np.maximum(wide, 0) * np.maximum(high, 0), 0)
    owner = np.repeat(np.arange(len(num), dtype=np.int32), num)
    step = np.arange(len(owner), dtype=np.int32) - np.repeat(np.cumsum(num) - num, num).astype(np.int32)
    row, column = np.divmod(step, np.repeat(np.maximum(wide, 1), num))
    row += low_y[owner]
    column += low_x[owner]
    # the weights of the second and third corner are linear in the pixel, counted from the first corner
    scale = 1 / np.where(num > 0, area, 1)
    linear = np.stack([ax, ay, (cy - ay) * scale, (ax - cx) * scale, (ay - by) * scale, (bx - ax) * scale], 1)
    mine = linear.astype(np.float32)[owner]
    x, y = column + np.float32(0.5) - mine[:, 0], row + np.float32(0.5) - mine[:, 1]
    b, c = mine[:, 2] * x + mine[:, 3] * y, mine[:, 4] * x + mine[:, 5] * y
    inside = np.flatnonzero((b >= -EDGE) & (c >= -EDGE) & (b + c <= 1 + EDGE))
    best = np.full(height * width, -1, np.int32)
    best[row[inside] * width + column[inside]] = inside  # of several the last, which is the nearest
    place = np.flatnonzero(best >= 0)
    chosen = best[place]
    owner, b, c = owner[chosen], b[chosen, None], c[chosen, None]
    values = np.asarray(attributes, np.float32)[triangles]
    first = values[:, 0]
    drawn = first[owner]
    drawn += (values[:, 1] - first)[owner] * b
    drawn += (values[:, 2] - first)[owner] * c
    out = np.zeros((height * width, values.shape[2]), np.float32)
    out[place] = drawn
    return out.reshape(height, width, -1), (best >= 0).reshape(height, width)
