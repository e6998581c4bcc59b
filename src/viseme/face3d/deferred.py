"""The differentiable renderer: project, find the seen triangle of each pixel, interpolate, shade, composite.

Torch throughout. Visibility carries no gradient; the perspective-correct barycentrics are recomputed in torch, so
gradients exist inside silhouettes and not at them (landmarks carry pose). Knows no hair, eyes or garments.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from viseme.face3d.camera import Camera, place, project
from viseme.face3d.light import shade
from viseme.face3d.raster import visible_triangles, visible_triangles_torch

if TYPE_CHECKING:
    import torch

__all__ = ["Rendering", "barycentrics", "render"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Rendering:
    """What `render` gives; torch tensors."""

    image: torch.Tensor
    """(H, W, C) interpolated and shaded values, 0 where nothing is."""
    mask: torch.Tensor
    """(H, W) bool."""
    depth: torch.Tensor
    """(H, W) head-space z of the seen surface in decimetres, 0 where nothing is."""
    ids: torch.Tensor
    """(H, W) int64 triangle, -1 where nothing is."""


def barycentrics(uvd: torch.Tensor, triangles: torch.Tensor, ids: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Perspective-correct weights of the seen triangles at their pixel centres, with gradient to `uvd`.

    Args:
        uvd: (V, 3) projected vertices.
        triangles: (F, 3).
        ids: (H, W) from a visibility pass.

    Returns:
        (P, 3) weights of the P covered pixels in row order, and (P, 3) their vertex indices.
    """
    import torch

    rows, columns = torch.nonzero(ids >= 0, as_tuple=True)
    corners = triangles[ids[rows, columns]]
    (ax, ay, ad), (bx, by, bd), (cx, cy, cd) = (uvd[corners[:, k]].unbind(-1) for k in range(3))
    px, py = columns + 0.5, rows + 0.5
    wa = (bx - px) * (cy - py) - (by - py) * (cx - px)
    wb = (cx - px) * (ay - py) - (cy - py) * (ax - px)
    wc = (ax - px) * (by - py) - (ay - py) * (bx - px)
    weights = torch.stack([wa / ad, wb / bd, wc / cd], -1)
    return weights / weights.sum(-1, keepdim=True), corners


def render(
    vertices: torch.Tensor,
    colours: torch.Tensor,
    triangles: torch.Tensor,
    pose: torch.Tensor,
    *,
    gamma: torch.Tensor | None = None,
    camera: Camera | None = None,
    compiled: bool | None = None,
) -> Rendering:
    """Draw one head, differentiably.

    Args:
        vertices: (V, 3) head space, decimetres.
        colours: (V, C) values to interpolate; RGB albedo when `gamma` is given.
        triangles: (F, 3) int64, counter-clockwise from outside.
        pose: (6,) pitch, yaw, roll, tx, ty, tz.
        gamma: (27,) light; None for no shading.
        camera: Default: the 224-pixel camera.
        compiled: True = the numba z-buffer (CPU tensors only), False = the torch one; None = numba on the CPU.
    """
    import torch

    camera = camera or Camera()
    placed = place(vertices, pose)
    uvd = project(placed, camera)
    if compiled is None:
        compiled = uvd.device.type == "cpu"
    if compiled:
        found, _ = visible_triangles(
            uvd.detach().double().numpy(),
            triangles.numpy().astype(np.int32),
            camera.width,
            camera.height,
            near=camera.near,
            far=camera.far,
        )
        ids = torch.from_numpy(found.astype(np.int64))
    else:
        ids, _ = visible_triangles_torch(uvd, triangles, camera.width, camera.height, near=camera.near, far=camera.far)
    weights, corners = barycentrics(uvd, triangles, ids)

    def mix(values: torch.Tensor) -> torch.Tensor:
        return (values[corners] * weights[..., None]).sum(1)

    seen = mix(colours)
    if gamma is not None:
        normals = torch.nn.functional.normalize(mix(_torch_normals(placed, triangles)), dim=-1)
        seen = shade(seen, normals, gamma)
    mask = ids >= 0
    image = seen.new_zeros(*ids.shape, seen.shape[-1]).masked_scatter(mask[..., None], seen)
    depth = seen.new_zeros(ids.shape).masked_scatter(mask, mix(placed[:, 2:])[:, 0])
    return Rendering(image=image, mask=mask, depth=depth, ids=ids)


def _torch_normals(vertices: torch.Tensor, triangles: torch.Tensor) -> torch.Tensor:
    import torch

    a, b, c = (vertices[triangles[:, k]] for k in range(3))
    across = torch.linalg.cross(b - a, c - a)
    total = torch.zeros_like(vertices)
    for k in range(3):
        total = total.index_add(0, triangles[:, k], across)
    return torch.nn.functional.normalize(total, dim=-1, eps=1e-12)
