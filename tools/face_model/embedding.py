"""Landmarks as triangles and weights, symmetric, with inner lips that close."""

from __future__ import annotations

import numpy as np
from scipy.optimize import linear_sum_assignment
from scipy.spatial import cKDTree

from viseme.faces.schemes import FACE_OVAL, LIPS, LIPS_INNER, NOSE

IBUG_FROM_MP = [
    # jaw, brows and nose, eyes, lips
    *(127, 234, 93, 58, 172, 136, 149, 148, 152, 377, 378, 365, 397, 288, 323, 454, 356),
    *(70, 63, 105, 66, 107, 336, 296, 334, 293, 300, 168, 197, 5, 4, 75, 97, 2, 326, 305),
    *(33, 160, 158, 133, 153, 144, 362, 385, 387, 263, 373, 380),
    *(61, 39, 37, 0, 267, 269, 291, 405, 314, 17, 84, 181, 78, 82, 13, 312, 308, 317, 14, 87),
]


def embed(points: np.ndarray, vertices: np.ndarray, triangles: np.ndarray, allowed: np.ndarray, group: np.ndarray):
    """Nearest allowed triangle and weights of each point."""
    index, weights = np.empty(len(points), np.int32), np.empty((len(points), 3))
    centres = vertices[triangles].mean(1)
    for value in np.unique(group):
        rows = np.flatnonzero(group == value)
        live = np.flatnonzero(allowed == value)
        _, near = cKDTree(centres[live]).query(points[rows], k=12)
        for row, candidates in zip(rows, live[near]):
            best = np.inf
            for t in candidates:
                w = np.clip(plane_weights(points[row], vertices[triangles[t]]), 0, None)
                w /= w.sum()
                gap = np.linalg.norm(points[row] - w @ vertices[triangles[t]])
                if gap < best:
                    best, index[row], weights[row] = gap, t, w
    return index, weights


def mirrored(points: np.ndarray) -> np.ndarray:
    """Average each landmark with the mirror image of its partner on the other side."""
    far = np.linalg.norm(points[:, None] * [-1, 1, 1] - points[None], axis=-1)
    _, partner = linear_sum_assignment(far**2)
    mutual = partner[partner] == np.arange(len(points))
    average = 0.5 * (points + points[partner] * [-1, 1, 1])
    return np.where(mutual[:, None], average, points)


def embed_twice(closed_at, open_at, closed, opened, triangles, live) -> tuple[np.ndarray, np.ndarray]:
    """Inner-lip points: one place on the surface that serves the closed mouth (height only) and the open one."""
    steps = 6
    grid = np.array([(i, j, steps - i - j) for i in range(steps + 1) for j in range(steps + 1 - i)]) / steps
    at_rest = np.einsum("gc,fcd->fgd", grid, closed[triangles[live]]).reshape(-1, 3)
    at_open = np.einsum("gc,fcd->fgd", grid, opened[triangles[live]]).reshape(-1, 3)
    rest = (at_rest[:, None, :2] - closed_at[None, :, :2]) * [0.5, 4.0]
    wide = at_open[:, None] - open_at[None]
    best = ((rest**2).sum(-1) + (wide**2).sum(-1)).argmin(0)
    return live[best // len(grid)].astype(np.int32), grid[best % len(grid)]


def plane_weights(point: np.ndarray, corners: np.ndarray) -> np.ndarray:
    """(3,) weights of the place in the plane of a triangle that is nearest to a point."""
    a, b, c = corners
    basis = np.stack([b - a, c - a], 1)
    (s, t), *_ = np.linalg.lstsq(basis, point - a, rcond=None)
    return np.array([1 - s - t, s, t])


def subsets() -> dict[str, dict[str, list[int]]]:
    """Scheme -> name -> landmark indices."""
    sets = {"lips": np.sort(LIPS), "inner_lips": LIPS_INNER, "contour": FACE_OVAL, "nose": NOSE}
    mesh = {name: indices.tolist() for name, indices in sets.items()}
    return {
        "mp468": mesh,
        "mp478": {**mesh, "irises": list(range(468, 478))},
        "ibug68": {
            "contour": list(range(17)),
            "nose": list(range(27, 36)),
            "lips": list(range(48, 68)),
            "inner_lips": list(range(60, 68)),
        },
    }
