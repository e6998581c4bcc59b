"""The cylindrical atlas: a face unrolled, so that lips, teeth and chin move in one square picture.

Knows geometry and pictures; refuses to know whose face it is, networks and sound. Pictures are RGB; a point (x, y) of a
picture lies at its pixel centres when x and y are whole numbers plus one half. Drawing needs numba (extra `[render]`).

Source:
    Lahiri et al., "LipSync3D", 2021, section 3.2; axis, size, mouth and the cure of folds are ours.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from viseme.face3d.atlas_triangles import MOUTH, TESSELATION, TRIANGLES
from viseme.face3d.head_pose import NUM_VERTICES
from viseme.faces.schemes import MIRROR

__all__ = [
    "ATLAS_SIZE",
    "LIP_COLUMNS",
    "LIP_ROWS",
    "Cylinder",
    "draw",
    "fit_cylinder",
    "folded",
    "unwrap",
]

ATLAS_SIZE = 256
COLUMNS_PER_RADIAN = 75.5
EYE_ROW, NOSE_ROW = 93.0, 134.0
"""Rows of the line through the outer eye corners and of vertex 1, the tip of the nose."""
LIP_ROWS, LIP_COLUMNS = slice(105, 233), slice(64, 192)
"""The lip crop: from below the eyes to under the chin."""
FREE = (78, 80, 191, 20, 238, 308, 310, 415, 250, 458)
"""Vertices at the corners of the mouth and the nostrils about which the atlas folds."""
ROUNDS = 6
"""Of freeing vertices about which it still does."""
_MOUTH_TRIANGLES = np.arange(len(TESSELATION), len(TESSELATION) + len(MOUTH))
SLIVER_PX2 = 1.0
"""Area in the picture of a triangle of the mouth's inside below which it shows lips, not teeth."""
GRID = 160
"""Cells of the longer side of a face in which it is looked up what hides what."""
HIDDEN = 0.06
"""Of the length of the face: a point that far behind another is hidden."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Cylinder:
    """How one person's vertices are laid onto the atlas. The axis is x = 0, z = `z0` of the reference space."""

    z0: float
    radius: float
    """Mean distance of the reference's vertices from the axis."""
    row_scale: float
    """Rows a unit."""
    row_shift: float
    """Row of y = 0."""
    offsets: NDArray[np.float64]
    """(468, 2) columns and rows by which vertices are moved so that nothing folds."""

    def coordinates(self, vertices: NDArray[np.floating]) -> NDArray[np.float64]:
        """(..., 468, 2) column and row of (..., 468, 3) vertices of the reference space."""
        x, y, z = (np.asarray(vertices[..., k], np.float64) for k in range(3))
        columns = ATLAS_SIZE / 2 + COLUMNS_PER_RADIAN * np.arctan2(x, z - self.z0)
        return np.stack([columns, self.row_shift - self.row_scale * y], -1) + self.offsets


def fit_cylinder(reference: NDArray[np.floating]) -> Cylinder:
    """The cylinder of a person.

    Args:
        reference: (468, 3) reference space: a face that looks ahead, mouth shut.
    """
    reference = np.asarray(reference, np.float64)
    depths = np.linspace(reference[:, 2].min(), reference[:, 2].max(), 1001)
    radii = np.hypot(reference[None, :, 0], reference[None, :, 2] - depths[:, None])
    best = int(np.argmin(radii.std(1)))
    eyes, nose = float(reference[[33, 263], 1].mean()), float(reference[1, 1])
    scale = (NOSE_ROW - EYE_ROW) / (eyes - nose)
    bare = Cylinder(
        z0=float(depths[best]),
        radius=float(radii[best].mean()),
        row_scale=scale,
        row_shift=EYE_ROW + scale * eyes,
        offsets=np.zeros((NUM_VERTICES, 2)),
    )
    return replace(bare, offsets=_unfolded(bare.coordinates(reference)))


def _unfolded(flat: NDArray[np.float64]) -> NDArray[np.float64]:
    """(468, 2) displacements that unfold the tesselation: vertices of `FREE`, and of triangles that still are folded,
    each in the middle of its neighbours, alike left and right."""
    mirror, free = MIRROR[:NUM_VERTICES], set(FREE)
    moved = np.zeros((NUM_VERTICES, 2))
    for _ in range(ROUNDS):
        moved = _in_the_middle(flat, sorted(free))
        moved = (moved + moved[mirror] * [-1, 1]) / 2
        still = TRIANGLES[: len(TESSELATION)][folded(flat + moved)[: len(TESSELATION)]]
        if not len(still):
            break
        free |= {int(v) for w in still.ravel().tolist() for v in (w, mirror[w])} - _rim()
    return moved


def _in_the_middle(flat: NDArray[np.float64], free: list[int]) -> NDArray[np.float64]:
    """(468, 2) displacements that solve the uniform Laplacian for some vertices, the others fixed."""
    at = {v: i for i, v in enumerate(free)}
    matrix, wanted = np.zeros((len(free), len(free))), np.zeros((len(free), 2))
    for v, i in at.items():
        neighbours = _neighbours()[v]
        matrix[i, i] = len(neighbours)
        for n in neighbours:
            if n in at:
                matrix[i, at[n]] -= 1
            else:
                wanted[i] += flat[n]
    moved = np.zeros((NUM_VERTICES, 2))
    moved[free] = np.linalg.solve(matrix, wanted) - flat[free]
    return moved


@lru_cache(maxsize=1)
def _neighbours() -> list[set[int]]:
    """Of each vertex of the tesselation."""
    found: list[set[int]] = [set() for _ in range(NUM_VERTICES)]
    for t in TESSELATION.tolist():
        for v in t:
            found[v] |= set(t) - {v}
    return found


@lru_cache(maxsize=1)
def _rim() -> frozenset[int]:
    """Vertices on the outline of the face, which stay."""
    edges = Counter(tuple(sorted(e)) for a, b, c in TRIANGLES.tolist() for e in ((a, b), (b, c), (c, a)))
    return frozenset(v for edge, num in edges.items() if num == 1 for v in edge)


def folded(coordinates: NDArray[np.floating]) -> NDArray[np.bool_]:
    """(F,) triangles of `TRIANGLES` that are turned over in the atlas, from (468, 2) columns and rows."""
    return _areas(coordinates) >= 0


def _areas(points: NDArray[np.floating]) -> NDArray[np.float64]:
    """(F,) twice the signed area; negative = seen from outside, as rows go down."""
    a, b, c = (np.asarray(points[TRIANGLES[:, k], :2], np.float64) for k in range(3))
    return (b[:, 0] - a[:, 0]) * (c[:, 1] - a[:, 1]) - (b[:, 1] - a[:, 1]) * (c[:, 0] - a[:, 0])


def unwrap(
    image: NDArray[np.uint8], points: NDArray[np.floating], coordinates: NDArray[np.floating]
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """A frame's face as an atlas.

    Args:
        image: (H, W, 3) RGB, or float32 in [0, 1].
        points: (468, 2) pixels of the frame; or (468, 3) with the depth toward the camera in pixels (z of `metric`),
            then what other parts of the face hide is left out too.
        coordinates: (468, 2) column and row of each in the atlas, see `Cylinder.coordinates`.

    Returns:
        (256, 256, 3) in [0, 1], 0 where nothing is known, and (256, 256) where something is: not turned away, not
        hidden, not folded, inside the frame, and no sliver of a mouth that is shut.
    """
    from viseme.face3d.warp_kernels import warp

    low, part = _part(image, points)
    flat = np.asarray(points[:, :2], np.float64)
    areas = _areas(flat)
    drawn = (areas < 0) & ~folded(coordinates)
    drawn[_MOUTH_TRIANGLES] &= areas[_MOUTH_TRIANGLES] < -2 * SLIVER_PX2
    out = np.zeros((ATLAS_SIZE, ATLAS_SIZE, 3), np.float32)
    nearest, owner = np.full(out.shape[:2], -np.inf), np.full(out.shape[:2], -1, np.int32)
    flat_depth = np.zeros(NUM_VERTICES)
    warp(part, flat - low, np.asarray(coordinates, np.float64), flat_depth, TRIANGLES, drawn, out, nearest, owner)
    size = np.array([image.shape[1], image.shape[0]])
    inside: Any = np.all((flat >= 0) & (flat <= size), axis=1)
    shown: Any = np.all(inside[TRIANGLES], axis=1)
    if points.shape[1] == 3:
        shown = np.logical_and(shown, ~_hidden(points, areas < 0))
    valid = np.logical_and(owner >= 0, shown[owner])
    out[~valid] = 0
    return out, valid


def _part(image: NDArray, points: NDArray[np.floating]) -> tuple[NDArray[np.floating], NDArray[np.floating]]:
    """Corner (x, y) and picture in [0, 1] of what the points span, two pixels at least."""
    size = np.array([image.shape[1], image.shape[0]])
    x0, y0 = (int(v) for v in np.clip(np.floor(points[:, :2].min(0)) - 2, 0, size - 2))
    x1, y1 = (int(v) for v in np.clip(np.ceil(points[:, :2].max(0)) + 3, [x0 + 2, y0 + 2], size))
    part: Any = image[y0:y1, x0:x1].astype(np.float32)
    return np.array([x0, y0], np.float64), part / np.float32(255 if image.dtype == np.uint8 else 1)


def _hidden(points: NDArray[np.floating], facing: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """(F,) triangles whose middle lies behind another part of the face."""
    from viseme.face3d.warp_kernels import warp

    low, size = points[:, :2].min(0), np.ptp(points[:, :2], axis=0).max()
    cells = np.asarray(points, np.float64).copy()
    cells[:, :2] = (cells[:, :2] - low) * (GRID - 1) / size
    nothing, shape = np.zeros((2, 2, 0), np.float32), (GRID + 1, GRID + 1)
    grid, owner = np.full(shape, -np.inf), np.full(shape, -1, np.int32)
    flat, depth = np.ascontiguousarray(cells[:, :2]), np.ascontiguousarray(cells[:, 2])
    warp(nothing, flat, flat, depth, TRIANGLES, facing, np.zeros((*shape, 0), np.float32), grid, owner)
    middle = cells[TRIANGLES].mean(1)
    before = grid[middle[:, 1].astype(int).clip(0, GRID), middle[:, 0].astype(int).clip(0, GRID)]
    return before - middle[:, 2] > HIDDEN * size


def draw(
    atlas: NDArray[np.float32],
    coordinates: NDArray[np.floating],
    points: NDArray[np.floating],
    height: int,
    width: int,
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """The face of an atlas as a picture.

    Args:
        atlas: (256, 256, C), any number of channels.
        coordinates: (468, 2) column and row of each vertex.
        points: (468, 3) pixels of the picture and depth toward the camera, which decides what is seen.
        height: Of the picture.
        width: Of the picture.

    Returns:
        (height, width, C), 0 where there is no face, and (height, width) where there is one.
    """
    from viseme.face3d.warp_kernels import warp

    out = np.zeros((height, width, atlas.shape[2]), np.float32)
    nearest, owner = np.full((height, width), -np.inf), np.full((height, width), -1, np.int32)
    points = np.asarray(points, np.float64)
    warp(
        np.ascontiguousarray(atlas, np.float32),
        np.asarray(coordinates, np.float64),
        np.ascontiguousarray(points[:, :2]),
        np.ascontiguousarray(points[:, 2]),
        TRIANGLES,
        _areas(points) < 0,
        out,
        nearest,
        owner,
    )
    return out, owner >= 0
