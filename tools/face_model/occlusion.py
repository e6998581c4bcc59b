"""How much of the surround each vertex sees."""

from __future__ import annotations

import numpy as np

from viseme.face3d.interface import vertex_normals
from viseme.face3d.raster import visible_triangles


def occlusion(shapes: list[np.ndarray], triangles: np.ndarray, num: int = 160) -> np.ndarray:
    """(V,) share of the cosine-weighted surround each vertex sees, the best over `shapes`."""

    k = np.arange(num) + 0.5
    z = 1 - 2 * k / num
    turn = np.pi * (1 + 5**0.5) * k
    directions = np.stack([np.sqrt(1 - z * z) * np.cos(turn), np.sqrt(1 - z * z) * np.sin(turn), z], 1)
    size, scale, far = 320, 52.0, 1000.0
    best = np.zeros(len(shapes[0]))
    for vertices in shapes:
        normals = vertex_normals(vertices, triangles)
        seen, total = np.zeros(len(vertices)), np.zeros(len(vertices))
        for d in directions:
            side = np.cross([0.0, 1.0, 0.0] if abs(d[1]) < 0.9 else [1.0, 0, 0], d)
            side /= np.linalg.norm(side)
            up = np.cross(d, side)
            uvd = np.stack(
                [size / 2 + scale * vertices @ side, size / 2 - scale * vertices @ up, far - vertices @ d], 1
            )
            _, depth = visible_triangles(uvd, triangles.astype(np.int32), size, size, near=0.0, far=1e9)
            column = np.clip(uvd[:, 0].astype(int), 0, size - 1)
            row = np.clip(uvd[:, 1].astype(int), 0, size - 1)
            facing = np.maximum(normals @ d, 0)
            seen += facing * (uvd[:, 2] <= depth[row, column] + 0.04 + 0.05 * (1 - facing))
            total += facing
        best = np.maximum(best, seen / np.maximum(total, 1e-9))
    return best
