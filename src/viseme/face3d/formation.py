"""Image formation: coefficients of a face model to a frame, and the standard frame. Read `interface` first.

Equations are those of "Data Standardization for Robust Lip Sync": `S = mean + B_id a + B_exp b` (1), `T = mean +
B_tex d` (2), radiosity `T' = T * SH(n, gamma)` (3), `I = project(R F(S, T') + t)` (4); equation 9 is the standard
frame {a = 0, d = 0, b, gamma0, p0}. `form_image` is torch and differentiable in every coefficient;
`render_standard` is the same frame without gradients, compiled, for making clips. Knows no network.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from viseme.face3d.camera import Camera, place, project
from viseme.face3d.interface import FaceModel, vertex_normals
from viseme.face3d.light import UNIFORM_LIGHT, shade
from viseme.face3d.raster import BACKGROUND, jit, visible_triangles

if TYPE_CHECKING:
    import torch

__all__ = [
    "STANDARD_LIGHT",
    "FormedImage",
    "depth_range",
    "form_albedo",
    "form_image",
    "form_landmarks",
    "form_shape",
    "normalise_depth",
    "outer_triangles",
    "render_standard",
    "standard_pose",
]

STANDARD_LIGHT: NDArray[np.float64] = UNIFORM_LIGHT
"""gamma0 (27,): uniform white, 1 / k0 = 1.128379 in band 1 of each colour, so that radiance is albedo."""


class FormedImage(NamedTuple):
    """A batch of frames; torch tensors."""

    rgb: torch.Tensor
    """(B, 3, H, W), not clipped; 0 where nothing is."""
    mask: torch.Tensor
    """(B, H, W) bool."""
    depth: torch.Tensor
    """(B, H, W) z of the seen surface in decimetres, +z to the camera; 0 where nothing is."""


def form_shape(model: Mapping[str, torch.Tensor], alpha: Any = None, beta: Any = None) -> torch.Tensor:
    """Equation 1: vertices (B, V, 3) in decimetres.

    Args:
        model: `FaceModel.tensors()`.
        alpha: (B, <=A) identity or None for zeros.
        beta: (B, <=E) expression or None for zeros. One of the two may have B = 1.
    """
    return model["mean"] + _moved(model["id_basis"], alpha) + _moved(model["exp_basis"], beta)


def form_albedo(model: Mapping[str, torch.Tensor], delta: Any = None) -> torch.Tensor:
    """Equation 2: vertex albedo (B, V, 3) RGB, not clipped (a clip would cut the gradient)."""
    return model["tex_mean"] + _moved(model["tex_basis"], delta)


def _moved(basis: torch.Tensor, coefficients: Any) -> torch.Tensor:
    if coefficients is None:
        return basis.new_zeros(1, 1, 1)
    num = coefficients.shape[-1]
    if coefficients.ndim != 2 or num > basis.shape[-1]:
        raise ValueError(f"expected (B, at most {basis.shape[-1]}) coefficients, got {tuple(coefficients.shape)}")
    columns = basis.reshape(-1, basis.shape[-1])[:, :num]
    return (coefficients @ columns.t()).view(len(coefficients), *basis.shape[:2])


def form_image(
    model: Mapping[str, torch.Tensor],
    alpha: torch.Tensor | None,
    beta: torch.Tensor | None,
    delta: torch.Tensor | None,
    gamma: torch.Tensor | None,
    pose: torch.Tensor,
    *,
    camera: Camera | None = None,
    compiled: bool | None = None,
) -> FormedImage:
    """Equations 1 to 4, differentiable with respect to every coefficient.

    Gradients exist inside silhouettes, not at them. On CUDA tensors all of it runs there.

    Args:
        model: `FaceModel.tensors(device=, dtype=)`; replace its `triangles` to draw a part (`outer_triangles`).
        alpha: (B, <=A) identity; None for the mean.
        beta: (B, <=E) expression; None for the neutral face.
        delta: (B, <=D) texture; None for the mean.
        gamma: (B, 27) light in the camera frame, RGB major; None for gamma0 (radiance = albedo).
        pose: (B, 6) pitch, yaw, roll (radians), tx, ty, tz (decimetres); decides B, others may have B = 1.
        camera: Default: the 224-pixel camera.
        compiled: See `deferred.visibility`.

    Raises:
        ValueError: more coefficients than the model has, or shapes that do not fit.

    Example:
        >>> from viseme.face3d.interface import load_face_model
        >>> model = load_face_model().tensors()
        >>> rgb, mask, depth = form_image(model, None, None, None, None, model["mean"].new_zeros(2, 6))
        >>> tuple(rgb.shape), tuple(mask.shape)
        ((2, 3, 224, 224), (2, 224, 224))
    """
    from viseme.face3d.deferred import render

    if pose.ndim != 2 or pose.shape[1] != 6:
        raise ValueError(f"pose must be (B, 6), got {tuple(pose.shape)}")
    if gamma is not None and gamma.shape[1:] != (27,):
        raise ValueError(f"gamma must be (B, 27), got {tuple(gamma.shape)}")
    num = len(pose)
    drawn = render(
        form_shape(model, alpha, beta).expand(num, -1, -1),
        form_albedo(model, delta).expand(num, -1, -1),
        model["triangles"],
        pose,
        gamma=None if gamma is None else gamma.expand(num, -1),
        camera=camera,
        compiled=compiled,
    )
    return FormedImage(drawn.image.movedim(-1, 1), drawn.mask, drawn.depth)


def form_landmarks(
    model: FaceModel,
    tensors: Mapping[str, torch.Tensor],
    alpha: torch.Tensor | None,
    beta: torch.Tensor | None,
    pose: torch.Tensor,
    *,
    scheme: str = "mp468",
    camera: Camera | None = None,
) -> torch.Tensor:
    """Projected landmarks (B, K, 3): u, v in pixels and depth from the pinhole in decimetres; differentiable.

    Args:
        model: Whose landmarks.
        tensors: `model.tensors()`.
        alpha: (B, <=A) or None.
        beta: (B, <=E) or None.
        pose: (B, 6).
        scheme: `mp468`, `ibug68`, ...
        camera: Default: the 224-pixel camera.
    """
    import torch

    points = model.landmarks[scheme]
    triangle = torch.as_tensor(points.triangle, dtype=torch.int64, device=pose.device)
    weights = torch.as_tensor(points.weights, dtype=pose.dtype, device=pose.device)
    corners = torch.as_tensor(model.triangles, dtype=torch.int64, device=pose.device)[triangle]
    used, where = torch.unique(corners, return_inverse=True)
    small = {name: tensors[name].index_select(0, used) for name in ("mean", "id_basis", "exp_basis")}
    shape = form_shape(small, alpha, beta).expand(len(pose), -1, -1)
    placed = (shape[:, where] * weights[..., None]).sum(-2)
    return project(place(placed, pose), camera or Camera())


# --- the standard frame -------------------------------------------------------------------------------------------


def standard_pose(model: FaceModel) -> NDArray[np.float64]:
    """p0 (6,): no rotation, and the mean shape's `face_front` in the middle of the frame: the centre of its box."""
    front = model.mean[model.masks["face_front"], :2].astype(np.float64)
    return np.concatenate([np.zeros(3), -(front.min(0) + front.max(0)) / 2, [0.0]])


def outer_triangles(model: FaceModel, *, interior: bool = False) -> NDArray[np.int32]:
    """The triangles a standard frame shows: skin and eyes; mouth cavity, teeth and tongue only with `interior`."""
    if interior:
        return np.ascontiguousarray(model.triangles)
    inside = model.masks.get("mouth_interior", np.zeros(len(model.mean), bool))
    hidden = inside[model.triangles].all(1) | np.isin(model.part, (1, 2, 3))
    return np.ascontiguousarray(model.triangles[~hidden])


@dataclass(frozen=True, eq=False, slots=True)
class _Stage:
    """What does not change from frame to frame; holds the model, so that its id stays its own."""

    model: FaceModel
    triangles: NDArray[np.int32]
    albedo: NDArray[np.float32]
    pose: NDArray[np.float64]


_STAGES: dict[tuple[int, bool], _Stage] = {}


def _stage(model: FaceModel, interior: bool) -> _Stage:
    key = id(model), interior
    if key not in _STAGES:
        triangles = outer_triangles(model, interior=interior)
        _STAGES[key] = _Stage(model, triangles, model.albedo(), standard_pose(model))
    return _STAGES[key]


def render_standard(
    model: FaceModel,
    vertices: NDArray[np.floating],
    *,
    size: int = 224,
    gamma: NDArray[np.floating] | None = None,
    albedo: NDArray[np.floating] | None = None,
    interior: bool = False,
) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """Equation 9: the frontal, evenly lit, mean-texture frame of a shape, and its depth. No gradients, quick.

    Args:
        model: Whose mean texture, triangles and standard pose.
        vertices: (V, 3) or (T, V, 3) from `model.shape(None, beta)`: mean identity, the clip's expression.
        size: Side of the square frame, pixels.
        gamma: (27,) another light than gamma0; then each vertex is shaded by its normal, as in equation 3.
        albedo: (V, 3) another texture than the mean.
        interior: Draw mouth cavity, teeth and tongue; without them an open mouth shows the background.

    Returns:
        ([T,] H, W, 3) uint8 RGB, 0 where nothing is, and ([T,] H, W) z of the surface in decimetres (+z to the camera),
        NaN where nothing is.

    Raises:
        ValueError: `vertices` is not of this model.
    """
    if vertices.shape[-2:] != model.mean.shape or vertices.ndim not in (2, 3):
        raise ValueError(f"vertices must be ([T,] {model.mean.shape[0]}, 3), got {vertices.shape}")
    stage, camera = _stage(model, interior), Camera.standard(size)
    paint = stage.albedo if albedo is None else np.asarray(albedo, np.float32)
    frames = vertices[None] if vertices.ndim == 2 else vertices
    rgb = np.zeros((len(frames), size, size, 3), np.uint8)
    depth = np.full((len(frames), size, size), np.nan, np.float32)
    for frame, image, z in zip(frames, rgb, depth):
        placed = place(np.asarray(frame, np.float64), stage.pose)
        lit = paint
        if gamma is not None:
            lit = shade(paint, vertex_normals(placed, model.triangles), np.asarray(gamma)).astype(np.float32)
        uvd = np.ascontiguousarray(project(placed, camera))
        ids, _ = visible_triangles(uvd, stage.triangles, size, size, near=camera.near, far=camera.far)
        _paint(ids, uvd, stage.triangles, lit, camera.distance, image, z)
    return (rgb[0], depth[0]) if vertices.ndim == 2 else (rgb, depth)


@jit()
def _paint(ids, uvd, triangles, colours, distance, rgb, depth):
    for y in range(ids.shape[0]):
        for x in range(ids.shape[1]):
            t = ids[y, x]
            if t == BACKGROUND:
                continue
            a, b, c = triangles[t, 0], triangles[t, 1], triangles[t, 2]
            px, py = x + 0.5, y + 0.5
            ax, ay, bx, by = uvd[a, 0] - px, uvd[a, 1] - py, uvd[b, 0] - px, uvd[b, 1] - py
            cx, cy = uvd[c, 0] - px, uvd[c, 1] - py
            wa, wb, wc = bx * cy - by * cx, cx * ay - cy * ax, ax * by - ay * bx
            area = wa + wb + wc
            wa, wb, wc = wa / uvd[a, 2], wb / uvd[b, 2], wc / uvd[c, 2]
            share = 1.0 / (wa + wb + wc)
            depth[y, x] = distance - area * share
            for k in range(3):
                value = (wa * colours[a, k] + wb * colours[b, k] + wc * colours[c, k]) * share
                rgb[y, x, k] = np.uint8(min(max(value, 0.0), 1.0) * 255.0 + 0.5)


def depth_range(model: FaceModel, vertices: NDArray[np.floating]) -> tuple[float, float]:
    """Lowest and highest z of `face_front` over one frame (V, 3) or a clip (T, V, 3), in the standard pose, decimetres.

    A clip's range is DSP's normalisation, one frame's DSP-0's; that of `model.mean` is a fixed one, for streams.
    """
    z = np.asarray(vertices)[..., model.masks["face_front"], 2]
    return float(z.min()), float(z.max())


def normalise_depth(depth: NDArray[np.floating], low: float, high: float) -> NDArray[np.float32]:
    """`(Z - low) / (high - low)` clipped to [0, 1]; 0 where there is no surface (NaN).

    Example:
        >>> normalise_depth(np.array([-1.0, 0.0, 0.5, np.nan]), -0.5, 0.5).tolist()
        [0.0, 0.5, 1.0, 0.0]
    """
    scaled = (np.asarray(depth, np.float32) - np.float32(low)) / np.float32(max(high - low, 1e-6))
    return np.nan_to_num(np.clip(scaled, 0.0, 1.0), nan=0.0).astype(np.float32)
