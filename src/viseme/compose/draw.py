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
    order = np.argsort(np.asarray(points, np.float32)[triangles, 2].mean(1), kind="stable")
    triangles = triangles[order]
    corners = np.asarray(points, np.float32)[triangles]
    (ax, bx, cx), (ay, by, cy) = corners[..., 0].T, corners[..., 1].T
    area = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)
    low_x = np.clip(np.ceil(corners[..., 0].min(1) - 0.5), 0, width).astype(np.int32)
    low_y = np.clip(np.ceil(corners[..., 1].min(1) - 0.5), 0, height).astype(np.int32)
    wide = np.clip(np.floor(corners[..., 0].max(1) - 0.5) + 1, 0, width).astype(np.int32) - low_x
    high = np.clip(np.floor(corners[..., 1].max(1) - 0.5) + 1, 0, height).astype(np.int32) - low_y
    drawn = (np.abs(area) > LEAST_AREA) & (wide > 0) & (high > 0)
    # one span a row of a triangle's box, then one candidate a pixel of a span
    rows_of = np.repeat(np.flatnonzero(drawn).astype(np.int32), high[drawn])
    first = np.cumsum(high[drawn]) - high[drawn]
    row = np.arange(len(rows_of), dtype=np.int32) - np.repeat(first, high[drawn]).astype(np.int32) + low_y[rows_of]
    # the weights of the second and third corner are linear in the pixel, counted from the first corner
    scale = 1 / np.where(drawn, area, 1)
    b_x, b_y, c_x, c_y = (cy - ay) * scale, (ax - cx) * scale, (ay - by) * scale, (bx - ax) * scale
    x, y = low_x[rows_of] + np.float32(0.5) - ax[rows_of], row + np.float32(0.5) - ay[rows_of]
    b_row, c_row = b_x[rows_of] * x + b_y[rows_of] * y, c_x[rows_of] * x + c_y[rows_of] * y
    num = wide[rows_of]
    span = np.repeat(np.arange(len(num), dtype=np.int32), num)
    step = np.arange(len(span), dtype=np.int32) - np.take(np.cumsum(num, dtype=np.int32) - num, span)
    b = np.take(b_row, span) + np.take(b_x[rows_of], span) * step
    c = np.take(c_row, span) + np.take(c_x[rows_of], span) * step
    inside = np.flatnonzero((b >= -EDGE) & (c >= -EDGE) & (b + c <= 1 + EDGE))
    place = np.take(row * width + low_x[rows_of], span[inside]) + step[inside]
    best = np.full(height * width, -1, np.int32)
    best[place] = inside  # of several the last, which is the nearest
    place = np.flatnonzero(best >= 0)
    chosen = best[place]
    owner = np.take(rows_of, span[chosen])
    values = np.asarray(attributes, np.float32)[triangles]
    out = np.take(values[:, 0], owner, axis=0)
    for weight, corner in ((b, 1), (c, 2)):
        part = np.take(values[:, corner] - values[:, 0], owner, axis=0)
        part *= weight[chosen, None]
        out += part
    whole = np.zeros((height * width, values.shape[2]), np.float32)
    whole[place] = out
    return whole.reshape(height, width, -1), (best >= 0).reshape(height, width)
