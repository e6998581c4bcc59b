"""The face model's head as a mesh with ARKit's 52 shapes and a texture, in metres. Knows a face model; no motion."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt

from viseme.avatar.animation.interface import FaceMesh
from viseme.face3d.head_mesh import (
    BROW,
    EYE,
    HAIR,
    RED,
    SHADE,
    SURFACE_U,
    SURFACE_V,
    TEETH,
    TONGUE,
    head_mesh,
)
from viseme.face3d.interface import FaceModel, load_face_model
from viseme.face3d.look import Look

__all__ = ["ARKIT_UNITS", "DM_PER_M", "default_head"]

ARKIT_UNITS = 52
"""The first so many expression units of the default face model bear ARKit's names."""
DM_PER_M = 10.0
TEXTURE_SIZE = 1024
_FRONT = 0.7
"""Exponent that gives the front of the head more of the texture's width than its back."""


class _Layout(NamedTuple):
    """The mesh cut where its texture is: skin around the head, and beside it small islands of what lies within."""

    vertex: NDArray[np.int64]
    """(V,) vertex of the model."""
    uv: NDArray[np.float32]
    """(V, 2)."""
    triangles: NDArray[np.int32]
    """(F, 3)."""


@lru_cache(maxsize=1)
def default_head() -> FaceMesh:
    """The default face model's mean head; made once per process."""
    model = load_face_model()
    layout = _layout(model)
    full = model.exp_basis[layout.vertex][..., :ARKIT_UNITS] / model.expression_sigma[:ARKIT_UNITS]
    return FaceMesh(
        vertices=(model.mean[layout.vertex] / DM_PER_M).astype(np.float32),
        triangles=layout.triangles,
        uv=layout.uv,
        shape_names=model.expression_names[:ARKIT_UNITS],
        shapes=(np.moveaxis(full, -1, 0) / DM_PER_M).astype(np.float32),
        texture=_texture(model, layout, TEXTURE_SIZE),
        pivot=tuple((head_mesh(model, False).pivot / DM_PER_M).tolist()),
        is_default_head=True,
    )


def _layout(model: FaceModel) -> _Layout:
    """The face model's own texture coordinates are those of a whole body, and leave the eyes a few pixels."""
    mesh = head_mesh(model, False)
    inside = model.masks["mouth_interior"][model.triangles].all(1)
    island = np.where(mesh.kinds == EYE, 4, np.where(mesh.kinds == TEETH, 3, np.where(mesh.kinds == TONGUE, 2, 0)))
    island[(island == 0) & inside] = 1
    table = mesh.fixed[model.triangles]
    island[(island == 4) & (table[..., SURFACE_U] > 1.5).any(1)] = 5  # the back of an eye
    angle = np.arctan2(model.mean[:, 0], model.mean[:, 2] + 0.9)[model.triangles]
    behind = (np.ptp(angle, axis=1) > np.pi) & (island == 0)  # across the seam at the back
    side = np.where(behind[:, None], np.pi, angle)
    places = np.zeros((*model.triangles.shape, 2))
    places[..., 0] = 0.5 + 0.49 * np.sign(side) * np.abs(side / np.pi) ** _FRONT
    height = model.mean[model.triangles][..., 1]
    skin = height[island == 0]
    places[..., 1] = 0.23 + 0.76 * (height - skin.min()) / np.ptp(skin)
    for number in (1, 2, 3):
        chosen = island == number
        flat = _unrolled(model.mean[model.triangles[chosen]], table[chosen][..., SURFACE_U], teeth=number == 3)
        flat = (flat - flat.min((0, 1))) / np.ptp(flat, axis=(0, 1))
        places[chosen] = [0.01 + 0.25 * (number - 1), 0.01] + flat * [0.23, 0.19]
    round_eye = table[island == 4][..., [SURFACE_U, SURFACE_V]]
    places[island == 4] = [0.875, 0.105] + 0.095 * np.clip(round_eye, -1.05, 1.05)
    places[island == 5] = [0.985, 0.015]
    key = np.concatenate(
        [model.triangles[..., None], np.broadcast_to(island[:, None, None], (*places.shape[:2], 1)),
         np.round(places * 1e5).astype(np.int64)], -1
    ).reshape(-1, 4)  # fmt: skip
    _, first, number = np.unique(key, axis=0, return_index=True, return_inverse=True)
    return _Layout(
        vertex=key[first, 0].astype(np.int64),
        uv=places.reshape(-1, 2)[first].astype(np.float32),
        triangles=number.reshape(-1, 3).astype(np.int32),
    )


def _unrolled(corners: NDArray[np.floating], along: NDArray[np.floating], *, teeth: bool) -> NDArray[np.float64]:
    """(F, 3, 2) flat places of (F, 3, 3) corners: of teeth along their arch, of a pocket or tongue around its axis."""
    if teeth:
        return np.stack([along, corners[..., 1]], -1).astype(np.float64)
    middle = (corners.min((0, 1)) + corners.max((0, 1))) / 2
    turn = np.arctan2(corners[..., 0] - middle[0], -(corners[..., 1] - middle[1]))
    turn = np.where((np.ptp(turn, axis=1) > np.pi)[:, None] & (turn < 0), turn + 2 * np.pi, turn)
    return np.stack([turn, corners[..., 2]], -1).astype(np.float64)


def _texture(model: FaceModel, layout: _Layout, size: int) -> NDArray[np.uint8]:
    """(size, size, 3) what the renderer computes for each pixel, without light: skin, brows, scalp, irises, lips."""
    mesh, look = head_mesh(model, False), Look()
    parted = model.shape(None, model.expression({"jawOpen": 0.4})).astype(np.float64)  # light enters the mouth
    table = mesh.attributes(parted, np.zeros_like(parted), model.albedo(), look)
    values = np.concatenate([table, np.zeros((len(table), 1), np.float32)], 1)
    values[np.unique(model.triangles[mesh.kinds == EYE]), -1] = 1
    place = layout.uv * [size, -size] + [0, size]
    middle = model.mean[layout.vertex[layout.triangles]].mean(1)
    order = np.argsort(np.hypot(middle[:, 0], middle[:, 2] + 0.9))  # what lies outside is drawn over what it hides
    faces = layout.triangles[order]
    drawn = _spread(place[faces], values[layout.vertex[faces]], size)
    colour = drawn[..., RED : RED + 3]
    hair = np.array(look.hair_colour, np.float32)
    brow = 0.8 * _step(0.0, 0.9, drawn[..., BROW] * 1.15 - 0.3)
    scalp = _step(-0.7, 0.7, drawn[..., HAIR])
    for cover, tone in ((brow, 0.8), (scalp, 1.0)):
        colour = colour + (hair * tone - colour) * cover[..., None]
    eye = drawn[..., -1:] > 0.5
    colour = np.where(eye, _eyes(drawn[..., SURFACE_U], drawn[..., SURFACE_V], look), colour)
    colour = colour * np.where(eye, 1.0, drawn[..., SHADE : SHADE + 1])
    return (colour.clip(0, 1) * 255 + 0.5).astype(np.uint8)


def _step(low: float, high: float, x: NDArray[np.float32]) -> NDArray[np.float32]:
    part = np.clip((x - low) / (high - low), 0, 1)
    return (part * part * (3 - 2 * part)).astype(np.float32)


def _eyes(p: NDArray[np.float32], q: NDArray[np.float32], look: Look) -> NDArray[np.float32]:
    """Sclera, iris and pupil; `p` and `q` count from the eye's axis, in its radii."""
    radius = np.hypot(p, q)[..., None]
    iris = np.array(look.eye_colour, np.float32) * (1 - 0.93 * (1 - _step(0.17, 0.22, radius)))
    white = np.array([0.80, 0.77, 0.75], np.float32)
    return (white + (iris - white) * (1 - _step(0.46, 0.52, radius))).astype(np.float32)


def _spread(corners: NDArray[np.floating], values: NDArray[np.float32], size: int) -> NDArray[np.float32]:
    """(size, size, D) values (F, 3, D) at corners (F, 3, 2) in pixels, linearly over the triangles; elsewhere those of
    the nearest pixel."""
    low = np.clip(np.floor(corners.min(1)), 0, size).astype(int)
    num = np.clip(np.ceil(corners.max(1)), 0, size).astype(int) - low
    count = num.prod(1)
    face = np.repeat(np.arange(len(corners)), count)  # every pixel of the box around every triangle
    step = np.arange(len(face)) - np.repeat(np.cumsum(count) - count, count)
    x, y = low[face, 0] + step % num[face, 0], low[face, 1] + step // num[face, 0]
    (ax, ay), (bx, by), (cx, cy) = (corners[:, k].T for k in range(3))
    across = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)
    across[np.abs(across) < 1e-9] = np.inf
    px, py = x + 0.5 - ax[face], y + 0.5 - ay[face]
    wb = (px * (cy - ay)[face] - py * (cx - ax)[face]) / across[face]
    wc = ((bx - ax)[face] * py - (by - ay)[face] * px) / across[face]
    inside = np.flatnonzero((wb >= 0) & (wc >= 0) & (wb + wc <= 1))
    weights = np.stack([1 - wb - wc, wb, wc], 1)[inside].astype(np.float32)
    out = np.zeros((size, size, values.shape[-1]), np.float32)
    covered = np.zeros((size, size), bool)
    out[y[inside], x[inside]] = np.einsum("nk,nkd->nd", weights, values[face[inside]])
    covered[y[inside], x[inside]] = True
    nearest: Any = distance_transform_edt(~covered, return_distances=False, return_indices=True)
    return out[tuple(nearest)]
