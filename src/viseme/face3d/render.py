"""Frames of a talking head, fast, in compiled NumPy. The differentiable renderer is `viseme.face3d.differentiable`.

The same geometry, camera and spherical-harmonics light, plus what makes a face pleasant to look at: hair, brows,
irises, gloss, a dark mouth cavity, neck and garment, supersampled edges. Knows nothing of time and speech.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from viseme.face3d.camera import Camera, project
from viseme.face3d.head_mesh import head_mesh, summed_normals
from viseme.face3d.head_textures import highlight, mottle, palette, strands
from viseme.face3d.interface import FaceModel, load_face_model
from viseme.face3d.look import Look

__all__ = ["HeadImage", "render_head"]


@dataclass(frozen=True, kw_only=True, slots=True)
class HeadImage:
    """What `render_head` gives."""

    image: NDArray[np.float32]
    """(H, W, 3) RGB in [0, 1], over the background."""
    mask: NDArray[np.float32]
    """(H, W) coverage, 0 to 1."""
    depth: NDArray[np.float32]
    """(H, W) decimetres from the pinhole, infinite where nothing is."""


def render_head(
    vertices: NDArray[Any],
    albedo: NDArray[Any],
    light: NDArray[Any],
    pose: NDArray[Any],
    *,
    size: tuple[int, int] = (256, 256),
    camera: Camera | None = None,
    model: FaceModel | None = None,
    look: Look | None = None,
    background: NDArray[Any] | tuple[float, float, float] = (0.0, 0.0, 0.0),
    antialias: int = 2,
    bust: bool = True,
    body_pose: NDArray[Any] | None = None,
) -> HeadImage:
    """Draw a person.

    Args:
        vertices: (V, 3) from `model.shape`, decimetres.
        albedo: (V, 3) from `model.albedo`.
        light: (27,) spherical-harmonics light, camera frame.
        pose: (6,) pitch, yaw, roll, tx, ty, tz of the head.
        size: (width, height) in pixels, used with `Camera.portrait` when no camera is given.
        camera: The camera; its size wins over `size`.
        model: Default: `load_face_model()`.
        look: Hair, brows, eyes, garment. Default: `Look()`.
        background: RGB or a (H, W, 3) frame in [0, 1].
        antialias: Samples per pixel along each axis, 1 to 4.
        bust: Draw neck and shoulders.
        body_pose: (6,) pose of the shoulders. Default: upright, where the head's neck joins.

    Raises:
        ValueError: an array has another shape, or the model has no bust.
    """
    from viseme.face3d.head_shading import shade_frame
    from viseme.face3d.raster import visible_triangles

    model = model or load_face_model()
    look = look or Look()
    camera = camera or Camera.portrait(*size)
    if vertices.shape != model.mean.shape or albedo.shape != model.mean.shape:
        raise ValueError(f"vertices and albedo must be {model.mean.shape}, got {vertices.shape} and {albedo.shape}")
    if not 1 <= antialias <= 4:
        raise ValueError(f"antialias must be 1 to 4, got {antialias}")
    if bust and model.bust is None:
        raise ValueError(f"the face model {model.name!r} has no bust; pass bust=False")
    mesh = head_mesh(model, bust)
    triangles = mesh.triangles if look.hair == "long" else mesh.triangles[: mesh.num_short]
    head = mesh.with_hair(np.asarray(vertices, dtype=np.float64), look)
    placed = mesh.placed(head, np.asarray(pose, dtype=np.float64), body_pose)
    attributes = mesh.attributes(head, summed_normals(placed, triangles), albedo, look)
    fine = replace(
        camera, width=camera.width * antialias, height=camera.height * antialias, focal=camera.focal * antialias
    )
    uvd = np.ascontiguousarray(project(placed, fine))
    ids, depth = visible_triangles(uvd, triangles, fine.width, fine.height, near=camera.near, far=camera.far)
    frame = np.broadcast_to(np.asarray(background, dtype=np.float32), (camera.height, camera.width, 3))
    image = np.ascontiguousarray(frame).copy()
    mask = np.empty((camera.height, camera.width), dtype=np.float32)
    nearest = np.empty_like(mask)
    gamma = np.asarray(light, dtype=np.float32).reshape(3, 9)
    textures = strands(look.seed), mottle(look.seed), palette(look)
    shade_frame(
        ids, depth, uvd, triangles, mesh.kinds, attributes, gamma, highlight(gamma), *textures,
        antialias, image, mask, nearest,
    )  # fmt: skip
    return HeadImage(image=image, mask=mask, depth=nearest)
