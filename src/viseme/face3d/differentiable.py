"""The differentiable renderer: project, find the seen triangle of each pixel, interpolate, shade, composite.

Torch throughout, a batch at a time; on a CPU the inner loops are compiled, with derivatives by hand. Visibility carries
no gradient; the perspective-correct barycentrics are recomputed, so gradients exist inside silhouettes and not at them
(landmarks carry pose). Knows no hair, eyes or garments.

Only what is seen is worked on: vertices are gathered into the triangles that won a pixel, triangles into pixels, and
pixels are kept channel by channel, which is what makes a processor quick.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from viseme.face3d import kernels
from viseme.face3d.camera import Camera, place, project
from viseme.face3d.light import K0, K1, K2, K2_AXIAL, K2_PLANAR
from viseme.face3d.raster import visible_triangles, visible_triangles_torch

if TYPE_CHECKING:
    import torch

__all__ = ["Rendering", "render", "vertex_normals_torch", "visibility"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Rendering:
    """What `render` gives; torch tensors, with a batch in front where there was one."""

    image: torch.Tensor
    """([B,] H, W, C) interpolated and shaded values, 0 where nothing is."""
    mask: torch.Tensor
    """([B,] H, W) bool."""
    depth: torch.Tensor
    """([B,] H, W) placed z of the seen surface in decimetres, 0 where nothing is."""
    ids: torch.Tensor
    """([B,] H, W) int64 triangle, -1 where nothing is."""


def visibility(
    uvd: torch.Tensor, triangles: torch.Tensor, camera: Camera, *, compiled: bool | None = None
) -> torch.Tensor:
    """The seen triangle of each pixel; no gradient.

    Args:
        uvd: (B, V, 3) projected vertices.
        triangles: (F, 3) int64, counter-clockwise from outside.
        camera: Its frame and its near and far planes.
        compiled: True = the numba z-buffer (CPU tensors only), False = the torch one; None = numba on the CPU.

    Returns:
        (B, H, W) int64, -1 where nothing is. Both ways give the same ids.
    """
    import torch

    if compiled is None:
        compiled = uvd.device.type == "cpu"
    if not compiled:
        limits = {"near": camera.near, "far": camera.far}
        return visible_triangles_torch(uvd, triangles, camera.width, camera.height, **limits)[0]
    faces = triangles.numpy().astype(np.int32)
    ids = [
        visible_triangles(mesh, faces, camera.width, camera.height, near=camera.near, far=camera.far)[0]
        for mesh in uvd.detach().double().numpy()
    ]
    return torch.from_numpy(np.stack(ids).astype(np.int64))


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
    """Draw heads, differentiably.

    Args:
        vertices: (V, 3) or (B, V, 3) head space, decimetres.
        colours: (V, C) or (B, V, C) values to interpolate; RGB albedo when `gamma` is given.
        triangles: (F, 3) int64, counter-clockwise from outside.
        pose: (6,) or (B, 6) pitch, yaw, roll, tx, ty, tz.
        gamma: (27,) or (B, 27) light, camera frame; None for no shading.
        camera: Default: the 224-pixel camera.
        compiled: As in `visibility`, and also for interpolation and normals.
    """
    import torch

    camera = camera or Camera()
    single = vertices.ndim == 2
    if single:
        vertices, colours, pose = vertices[None], colours[None], pose[None]
        gamma = None if gamma is None else gamma[None]
    placed = place(vertices, pose)
    uvd = project(placed, camera)
    if compiled is None:
        compiled = uvd.device.type == "cpu" and uvd.dtype in (torch.float32, torch.float64)
    ids = visibility(uvd, triangles, camera, compiled=compiled)
    normals = _compiled_normals if compiled else vertex_normals_torch
    attributes = torch.cat([colours] if gamma is None else [colours, normals(placed, triangles)], -1).to(uvd.dtype)
    values, depth, pixel = (_compiled_interpolate if compiled else _interpolate)(uvd, attributes, triangles, ids)
    num = colours.shape[-1]
    seen, mask = values[:num], ids >= 0
    if gamma is not None:
        basis = _sh_rows(_unit_columns(values[num:]))
        light = gamma.view(-1, 3, 9)
        counts = mask.flatten(1).sum(1).tolist()
        seen = seen * torch.cat([light[b] @ rows for b, rows in enumerate(basis.split(counts, 1))], 1)
    size = ids.numel()
    image = seen.new_zeros(num, size).index_copy(1, pixel, seen).view(num, *ids.shape).movedim(0, -1)
    z = depth.new_zeros(size).index_copy(0, pixel, camera.distance - depth).view(ids.shape)
    if single:
        return Rendering(image=image[0], mask=mask[0], depth=z[0], ids=ids[0])
    return Rendering(image=image, mask=mask, depth=z, ids=ids)


def _interpolate(
    uvd: torch.Tensor, attributes: torch.Tensor, triangles: torch.Tensor, ids: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Perspective-correct values at the pixel centres, with gradient to `uvd` and `attributes`.

    Args:
        uvd: (B, V, 3) projected vertices.
        attributes: (B, V, K).
        triangles: (F, 3).
        ids: (B, H, W) from `visibility`.

    Returns:
        (K, P) values and (P,) depths of the P covered pixels, and (P,) their places in the flattened `ids`.
    """
    import torch

    num_vertices, num_triangles = uvd.shape[1], len(triangles)
    height, width = ids.shape[1:]
    flat = ids.reshape(-1)
    pixel = torch.nonzero(flat >= 0)[:, 0]
    mesh = torch.div(pixel, height * width, rounding_mode="floor")
    seen = flat[pixel] + mesh * num_triangles  # triangles of all meshes in one numbering
    live = torch.zeros(len(ids) * num_triangles, dtype=torch.bool, device=ids.device)
    live[seen] = True
    used, slot = torch.nonzero(live)[:, 0], (live.cumsum(0) - 1)[seen]
    owner = torch.div(used, num_triangles, rounding_mode="floor")
    corners = triangles[used - owner * num_triangles] + (owner * num_vertices)[:, None]  # T 3
    table = torch.cat([uvd, attributes], -1).flatten(0, 1)
    channels = table.shape[1]
    of_triangle = table.index_select(0, corners.t().reshape(-1)).view(3, -1, channels).transpose(1, 2)
    a, b, c = of_triangle.reshape(3 * channels, -1).index_select(1, slot).view(3, channels, -1).unbind(0)
    px, py = pixel % width + 0.5, torch.div(pixel % (height * width), width, rounding_mode="floor") + 0.5
    at = torch.stack([px, py]).to(uvd.dtype)
    (ax, ay), (bx, by), (cx, cy) = a[:2] - at, b[:2] - at, c[:2] - at
    wa, wb, wc = bx * cy - by * cx, cx * ay - cy * ax, ax * by - ay * bx
    area = wa + wb + wc
    wa, wb, wc = wa / a[2], wb / b[2], wc / c[2]
    share = 1.0 / (wa + wb + wc)
    values = (wa * share) * a[3:] + (wb * share) * b[3:] + (wc * share) * c[3:]
    return values, area * share, pixel


def vertex_normals_torch(vertices: torch.Tensor, triangles: torch.Tensor) -> torch.Tensor:
    """Area-weighted unit normals (B, V, 3), with gradient; zero where a vertex has no triangle."""
    import torch

    num = vertices.shape[1]
    start = torch.arange(len(vertices), device=vertices.device) * num
    index = (triangles.t()[None] + start[:, None, None]).transpose(0, 1).reshape(-1)  # 3 * B * F
    a, b, c = vertices.reshape(-1, 3).index_select(0, index).view(3, -1, 3).unbind(0)
    across = torch.linalg.cross(b - a, c - a)
    total = torch.zeros_like(vertices).view(-1, 3).index_add(0, index, across.repeat(3, 1))
    return _unit_columns(total.t()).t().reshape(vertices.shape)


def _compiled_interpolate(
    uvd: torch.Tensor, attributes: torch.Tensor, triangles: torch.Tensor, ids: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """`_interpolate` by the kernels; CPU."""
    import torch

    pixel = torch.nonzero(ids.reshape(-1) >= 0)[:, 0]
    values, depth = _functions()[0](uvd, attributes, triangles, ids, pixel)
    return values, depth, pixel


def _compiled_normals(vertices: torch.Tensor, triangles: torch.Tensor) -> torch.Tensor:
    """`vertex_normals_torch` by the kernels; CPU."""
    total = _functions()[1](vertices, triangles)
    return _unit_columns(total.view(-1, 3).t()).t().reshape(vertices.shape)


@lru_cache(maxsize=1)
def _functions() -> tuple[Any, Any]:
    """The differentiable functions around the kernels; made when first needed, since they need torch's class."""
    import torch
    from torch.autograd.function import once_differentiable

    class Interpolate(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, uvd: Any, attributes: Any, triangles: Any, ids: Any, pixel: Any) -> tuple[Any, Any]:
            ctx.save_for_backward(uvd, attributes, triangles, ids, pixel)
            values, depth = uvd.new_empty(attributes.shape[-1], len(pixel)), uvd.new_empty(len(pixel))
            given = [_array(x) for x in (uvd, attributes, triangles, ids, pixel)]
            kernels.interpolate(*given, values.numpy(), depth.numpy())
            return values, depth

        @staticmethod
        @once_differentiable
        def backward(ctx: Any, g_values: Any, g_depth: Any) -> tuple[Any, ...]:
            uvd, attributes, *_ = ctx.saved_tensors
            g_uvd = torch.zeros(uvd.shape, dtype=uvd.dtype)
            g_attributes = torch.zeros(attributes.shape, dtype=uvd.dtype)
            given = [_array(x) for x in (*ctx.saved_tensors, g_values, g_depth)]
            kernels.interpolate_back(*given, g_uvd.numpy(), g_attributes.numpy())
            return g_uvd, g_attributes, None, None, None

    class AddAcross(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, vertices: Any, triangles: Any) -> Any:
            ctx.save_for_backward(vertices, triangles)
            total = torch.zeros(vertices.shape, dtype=vertices.dtype)
            kernels.add_across(_array(vertices), _array(triangles), total.numpy())
            return total

        @staticmethod
        @once_differentiable
        def backward(ctx: Any, g_total: Any) -> tuple[Any, ...]:
            vertices, triangles = ctx.saved_tensors
            g_vertices = torch.zeros(vertices.shape, dtype=vertices.dtype)
            kernels.add_across_back(_array(vertices), _array(triangles), _array(g_total), g_vertices.numpy())
            return g_vertices, None

    return Interpolate.apply, AddAcross.apply


def _array(tensor: torch.Tensor) -> Any:
    return tensor.detach().contiguous().numpy()


def _unit_columns(vectors: torch.Tensor) -> torch.Tensor:
    """(3, P) scaled to length 1; zeros stay zeros."""
    return vectors * (vectors * vectors).sum(0).clamp(min=1e-24).rsqrt()


def _sh_rows(normals: torch.Tensor) -> torch.Tensor:
    """`light.sh_basis` channel by channel: (3, P) -> (9, P)."""
    import torch

    x, y, z = normals.unbind(0)
    bands_0_1 = [torch.full_like(x, K0), -K1 * y, K1 * z, -K1 * x]
    axial = (3 * K2_AXIAL) * (z * z) - K2_AXIAL
    band_2 = [K2 * (x * y), -K2 * (y * z), axial, -K2 * (x * z), K2_PLANAR * (x * x - y * y)]
    return torch.stack(bands_0_1 + band_2)
