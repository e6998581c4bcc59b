"""Which triangle is seen at each pixel: a numba z-buffer, and the same rule in torch on any device.

A triangle covers a pixel when the pixel's centre lies inside it or on its edge; back faces are culled. The nearest
depth wins, rounded to float32; among equals the lowest triangle id. Both ways compute the same float64 expressions
in the same order, so their ids agree bit for bit. No gradient passes through visibility.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["BACKGROUND", "jit", "visible_triangles", "visible_triangles_torch"]

BACKGROUND = -1
"""The id of a pixel that no triangle covers."""


def jit(**options: Any) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """`numba.njit` whose machine code is kept on disk where a folder can be written, else compiled per process."""
    import numba

    def wrap(function: Callable[..., Any]) -> Callable[..., Any]:
        function = inspect.unwrap(function)  # a run-time shape checker may have wrapped it; kernels have no shapes
        try:
            return numba.njit(cache=True, **options)(function)
        except RuntimeError:  # numba found no writable place for its cache
            return numba.njit(**options)(function)

    return wrap


@jit()
def _fill(uvd, triangles, near, far, ids, depth):
    height, width = ids.shape
    for t in range(triangles.shape[0]):
        a, b, c = triangles[t, 0], triangles[t, 1], triangles[t, 2]
        ax, ay, bx, by, cx, cy = uvd[a, 0], uvd[a, 1], uvd[b, 0], uvd[b, 1], uvd[c, 0], uvd[c, 1]
        area = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)
        if not area < 0:  # v points down: counter-clockwise seen from the front is negative
            continue
        x0 = max(int(np.ceil(min(ax, bx, cx) - 0.5)), 0)
        x1 = min(int(np.floor(max(ax, bx, cx) - 0.5)), width - 1)
        y0 = max(int(np.ceil(min(ay, by, cy) - 0.5)), 0)
        y1 = min(int(np.floor(max(ay, by, cy) - 0.5)), height - 1)
        if x0 > x1 or y0 > y1:
            continue
        ra, rb, rc = 1.0 / uvd[a, 2], 1.0 / uvd[b, 2], 1.0 / uvd[c, 2]
        for y in range(y0, y1 + 1):
            py = y + 0.5
            for x in range(x0, x1 + 1):
                px = x + 0.5
                wa = (bx - px) * (cy - py) - (by - py) * (cx - px)
                if wa > 0:  # the area is negative, so this weight would be
                    continue
                wb = (cx - px) * (ay - py) - (cy - py) * (ax - px)
                if wb > 0:
                    continue
                wc = (ax - px) * (by - py) - (ay - py) * (bx - px)
                if wc > 0:
                    continue
                wa, wb, wc = wa / area, wb / area, wc / area
                z = np.float32(1.0 / (wa * ra + wb * rb + wc * rc))
                if z < near or z > far:
                    continue
                if z < depth[y, x]:
                    depth[y, x] = z
                    ids[y, x] = t


def visible_triangles(
    uvd: NDArray[np.float64],
    triangles: NDArray[np.int32],
    width: int,
    height: int,
    *,
    near: float = 5.0,
    far: float = 15.0,
) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """The numba z-buffer.

    Args:
        uvd: (V, 3) projected vertices: pixels, pixels, decimetres from the pinhole.
        triangles: (F, 3) counter-clockwise seen from outside.

    Returns:
        (H, W) triangle ids, `BACKGROUND` where nothing is; (H, W) depths, infinite there.
    """
    ids = np.full((height, width), BACKGROUND, dtype=np.int32)
    depth = np.full((height, width), np.inf, dtype=np.float32)
    _fill(np.ascontiguousarray(uvd, dtype=np.float64), np.ascontiguousarray(triangles, np.int32), near, far, ids, depth)
    return ids, depth


def visible_triangles_torch(
    uvd: Any, triangles: Any, width: int, height: int, *, near: float = 5.0, far: float = 15.0
) -> tuple[Any, Any]:
    """The same in torch, on the device of `uvd` (V, 3) or (B, V, 3): ([B,] H, W) int64 ids and float32 depths.

    Each triangle's pixel box is expanded to (triangle, pixel) pairs; every pair that is inside competes for its pixel
    by an int64 key, the depth's bits above the triangle's id. A batch is one pass over all its triangles.
    """
    import torch

    with torch.no_grad():
        device = uvd.device
        meshes = uvd.detach().double().reshape(-1, *uvd.shape[-2:])
        corner = meshes[:, triangles.long()].flatten(0, 1)  # B*F 3 3
        (ax, bx, cx), (ay, by, cy) = corner[..., 0].unbind(-1), corner[..., 1].unbind(-1)
        area = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)
        x0 = (corner[..., 0].amin(-1) - 0.5).ceil().clamp(0, width).long()
        x1 = (corner[..., 0].amax(-1) - 0.5).floor().clamp(-1, width - 1).long()
        y0 = (corner[..., 1].amin(-1) - 0.5).ceil().clamp(0, height).long()
        y1 = (corner[..., 1].amax(-1) - 0.5).floor().clamp(-1, height - 1).long()
        columns, rows = (x1 - x0 + 1).clamp(min=0), (y1 - y0 + 1).clamp(min=0)
        # a back face, or one with a corner that is not finite, covers nothing
        live = torch.nonzero((area < 0) & (columns * rows > 0))[:, 0]
        ax, bx, cx, ay, by, cy, area, x0, y0, columns, rows = (
            value[live] for value in (ax, bx, cx, ay, by, cy, area, x0, y0, columns, rows)
        )
        count = columns * rows
        t = torch.repeat_interleave(torch.arange(len(count), device=device), count)
        step = torch.arange(len(t), device=device) - (count.cumsum(0) - count)[t]
        width_of = columns[t]
        row = torch.div(step, width_of, rounding_mode="floor")
        x, y = x0[t] + step - row * width_of, y0[t] + row
        px, py = x + 0.5, y + 0.5
        ax, bx, cx, ay, by, cy, area = (value[t] for value in (ax, bx, cx, ay, by, cy, area))
        wa = ((bx - px) * (cy - py) - (by - py) * (cx - px)) / area
        wb = ((cx - px) * (ay - py) - (cy - py) * (ax - px)) / area
        wc = ((ax - px) * (by - py) - (ay - py) * (bx - px)) / area
        inside = torch.nonzero((wa >= 0) & (wb >= 0) & (wc >= 0))[:, 0]
        t, x, y, wa, wb, wc = (value[inside] for value in (live[t], x, y, wa, wb, wc))
        ra, rb, rc = (1.0 / corner[..., 2])[t].unbind(-1)
        z = (1.0 / (wa * ra + wb * rb + wc * rc)).float()
        hit = (z >= near) & (z <= far)
        mesh = torch.div(t, len(triangles), rounding_mode="floor")
        key = (z.view(torch.int32).long() << 32) | (t - mesh * len(triangles))  # positive floats sort as their bits
        place = (mesh * height + y) * width + x
        empty = torch.iinfo(torch.int64).max
        best = torch.full((len(meshes) * height * width,), empty, dtype=torch.int64, device=device)
        best.scatter_reduce_(0, place[hit], key[hit], "amin")
        found = best != empty
        ids = torch.where(found, best & 0xFFFFFFFF, torch.full_like(best, BACKGROUND))
        depth = torch.where(found, (best >> 32).int().view(torch.float32), torch.full((), torch.inf, device=device))
        shape = (*uvd.shape[:-2], height, width)
        return ids.view(shape), depth.view(shape)
