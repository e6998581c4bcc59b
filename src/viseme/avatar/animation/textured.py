"""Any textured face mesh as an image, without hair or shoulders: for avatars. Needs viseme[render]."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from viseme.avatar.animation.interface import FaceMesh
from viseme.face3d.camera import Camera, place, project
from viseme.face3d.interface import vertex_normals

__all__ = ["draw_textured"]

_BACKGROUND = np.array([0.86, 0.88, 0.9], np.float32)
DM_PER_M = 10.0


def draw_textured(
    mesh: FaceMesh,
    vertices: NDArray[np.float32],
    pose: NDArray[np.floating],
    size: int,
    *,
    style: Literal["plain", "cartoon"] = "plain",
) -> NDArray[np.float32]:
    """(size, size, 3) RGB in [0, 1] of vertices (V, 3) in metres, turned by `pose` (6,)."""
    from viseme.face3d.raster import BACKGROUND, visible_triangles

    camera = Camera.portrait(size, size, face_width=0.55)
    placed = place((vertices - vertices.mean(0)).astype(np.float64) * DM_PER_M, np.asarray(pose, np.float64))
    uvd = np.ascontiguousarray(project(placed, camera))
    ids, _ = visible_triangles(uvd, mesh.triangles, size, size, near=camera.near, far=camera.far)
    seen = ids != BACKGROUND
    rows, columns = np.nonzero(seen)
    corners = mesh.triangles[ids[seen]]
    a, b, c = (uvd[corners[:, k], :2] for k in range(3))
    at = np.stack([columns + 0.5, rows + 0.5], 1)
    across = _cross(b - a, c - a)
    wb, wc = _cross(at - a, c - a) / across, _cross(b - a, at - a) / across
    weights = np.stack([1 - wb - wc, wb, wc], 1)
    height, width, _ = mesh.texture.shape
    uv = np.einsum("nk,nkd->nd", weights, mesh.uv[corners].astype(np.float64))
    x = np.clip((uv[:, 0] * width).astype(int), 0, width - 1)
    y = np.clip(((1 - uv[:, 1]) * height).astype(int), 0, height - 1)
    towards = np.einsum("nk,nk->n", weights, vertex_normals(placed, mesh.triangles)[corners][..., 2])
    image = np.broadcast_to(_BACKGROUND, (size, size, 3)).copy()
    image[seen] = mesh.texture[y, x] / np.float32(255) * (0.6 + 0.4 * np.clip(towards, 0, 1))[:, None]
    if style == "cartoon":
        from viseme.avatar.animation.cartoon import cartoon

        return cartoon(image, uvd[:468])
    return image


def _cross(a: NDArray[np.floating], b: NDArray[np.floating]) -> NDArray[np.floating]:
    return a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]
