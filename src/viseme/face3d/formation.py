"""Image formation: coefficients of a face model to a frame, and the standard frame. Read `interface` first.

Equations are those of "Data Standardization for Robust Lip Sync": 1 and 2 stand in `linear_model`, radiosity `T' = T *
SH(n, gamma)` (3), `I = project(R F(S, T') + t)` (4); equation 9 is the standard frame {a = 0, d = 0, b, gamma0, p0}.
They are stated once: training, the landmark losses and `standardize` call these functions. `form_image` is torch and
differentiable in every coefficient; `render_standard` is the standard frame without gradients, compiled. Knows no
network.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from viseme.face3d.camera import Camera, place, project
from viseme.face3d.light import UNIFORM_LIGHT
from viseme.face3d.linear_model import form_albedo, form_shape

if TYPE_CHECKING:
    import torch

    from viseme.face3d.interface import FaceModel

__all__ = [
    "STANDARD_LIGHT",
    "FormedImage",
    "form_image",
    "form_landmarks",
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
        model: `FaceModel.tensors(device=, dtype=)`; replace its `triangles` to draw a part, for example by
            `FaceModel.outer_triangles`.
        alpha: (B, <=A) identity; None for the mean.
        beta: (B, <=E) expression; None for the neutral face.
        delta: (B, <=D) texture; None for the mean.
        gamma: (B, 27) light in the camera frame, RGB major; None for gamma0 (radiance = albedo).
        pose: (B, 6) pitch, yaw, roll (radians), tx, ty, tz (decimetres); decides B, others may have B = 1.
        camera: Default: the 224-pixel camera.
        compiled: See `differentiable.visibility`.

    Raises:
        ValueError: more coefficients than the model has, or shapes that do not fit.

    Example:
        >>> from viseme.face3d.interface import load_face_model
        >>> model = load_face_model().tensors()
        >>> rgb, mask, depth = form_image(model, None, None, None, None, model["mean"].new_zeros(2, 6))
        >>> tuple(rgb.shape), tuple(mask.shape)
        ((2, 3, 224, 224), (2, 224, 224))
    """
    from viseme.face3d.differentiable import render

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
    points: Mapping[str, torch.Tensor],
    alpha: torch.Tensor | None,
    beta: torch.Tensor | None,
    pose: torch.Tensor,
    *,
    camera: Camera | None = None,
) -> torch.Tensor:
    """Projected landmarks (B, K, 3): u, v in pixels and depth from the pinhole in decimetres; differentiable.

    Args:
        points: `mean`, `id_basis` and `exp_basis` of K landmarks: `FaceModel.landmark_bases` as tensors.
        alpha: (B, <=A) or None.
        beta: (B, <=E) or None.
        pose: (B, 6).
        camera: Default: the 224-pixel camera.
    """
    return project(place(form_shape(points, alpha, beta), pose), camera or Camera())


# --- the standard frame -------------------------------------------------------------------------------------------


def standard_pose(model: FaceModel) -> NDArray[np.float64]:
    """p0 (6,): no rotation, and the mean shape's `face_front` in the middle of the frame: the centre of its box."""
    front = model.mean[model.masks["face_front"], :2].astype(np.float64)
    return np.concatenate([np.zeros(3), -(front.min(0) + front.max(0)) / 2, [0.0]])


@dataclass(frozen=True, eq=False, slots=True)
class _StandardScene:
    """What does not change from frame to frame; holds the model, so that its id stays its own."""

    model: FaceModel
    placed: dict[str, NDArray[np.float32]]
    """The model's arrays, its mean moved to the standard pose: p0 does not turn, so the move can come first."""
    triangles: NDArray[np.int32]
    colours: NDArray[np.float32]
    """(V, 3) the mean albedo times 255; gamma0 makes radiance the albedo."""


_SCENES: dict[tuple[int, bool], _StandardScene] = {}


def _standard_scene(model: FaceModel, interior: bool) -> _StandardScene:
    key = id(model), interior
    if key not in _SCENES:
        arrays = model.arrays()
        placed = arrays | {"mean": (model.mean + standard_pose(model)[3:]).astype(np.float32)}
        colours = np.ascontiguousarray(255 * np.clip(form_albedo(arrays), 0, 1), np.float32)
        _SCENES[key] = _StandardScene(model, placed, model.outer_triangles(interior=interior), colours)
    return _SCENES[key]


_BATCH = 64
"""Frames whose vertices are computed at once."""


def render_standard(
    model: FaceModel,
    beta: NDArray[np.floating],
    depth_range: tuple[float, float] | NDArray[np.floating],
    *,
    size: int = 224,
    antialias: int = 1,
    interior: bool = False,
) -> NDArray[np.uint8]:
    """Equation 9: the frontal, evenly lit, mean-texture frame of an expression, and its depth. No gradients, quick.

    Args:
        model: Whose mean shape and texture, triangles and standard pose.
        beta: (T, E) expression.
        depth_range: Least and greatest z, decimetres, +z to the camera: one pair, or (T, 2), one for every frame.
        size: Side of the square frame, pixels.
        antialias: Samples per pixel along each axis.
        interior: Draw mouth cavity, teeth and tongue; without them an open mouth shows the background.

    Returns:
        (T, 4, size, size): RGB, then `255 (z - low) / (high - low)`, clipped; background 0.

    Raises:
        ValueError: `beta` is not of this model.
    """
    from viseme.face3d.kernels import paint
    from viseme.face3d.raster import visible_triangles

    if beta.ndim != 2 or beta.shape[1] != model.exp_basis.shape[-1]:
        raise ValueError(f"beta must be (T, {model.exp_basis.shape[-1]}), got {beta.shape}")
    scene, camera = _standard_scene(model, interior), Camera.standard(size * antialias)
    scale = np.broadcast_to(np.asarray(depth_range, np.float64), (len(beta), 2))
    limits = {"near": camera.near, "far": camera.far}
    out = np.zeros((len(beta), 4, size, size), np.uint8)
    for start in range(0, len(beta), _BATCH):
        placed = form_shape(scene.placed, None, beta[start : start + _BATCH].astype(np.float32, copy=False))
        for at, vertices in enumerate(placed, start=start):
            uvd = project(vertices.astype(np.float64), camera)
            ids, _ = visible_triangles(uvd, scene.triangles, camera.width, camera.height, **limits)
            low, high = scale[at]
            per_dm = 255 / max(high - low, 1e-6)
            paint(ids, uvd, scene.triangles, scene.colours, camera.distance - low, per_dm, antialias, out[at])
    return out
