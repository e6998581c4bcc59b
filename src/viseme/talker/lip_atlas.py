"""Lip crops of an atlas: taken from a frame, carried to another shape of the mouth, looked up by that shape.

Knows vertices and pixels; refuses to know videos and networks. A place is the column and row of a vertex in the atlas,
of which the lip crop shows `LIP_ROWS` and `LIP_COLUMNS`. NumPy alone, as all of `compose`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from viseme.compose.draw import at_pixels
from viseme.compose.warp import read_at
from viseme.face3d.atlas import ATLAS_SIZE, LIP_COLUMNS, LIP_ROWS
from viseme.face3d.atlas_triangles import MOUTH, TESSELATION
from viseme.faces.schemes import LIPS

__all__ = [
    "CROP",
    "MOST_SOURCES",
    "WINDOW",
    "CarriedLips",
    "carried",
    "frame_atlas",
    "lip_shape",
    "nearest_shapes",
    "opening",
    "whole_atlas",
]

CROP = LIP_ROWS.stop - LIP_ROWS.start
"""Side of the lip crop, pixels."""
WINDOW = (slice(24, 120), slice(16, 112))
"""Rows and columns of the lip crop that speech changes: from under the nose to the chin, cheek to cheek."""
MOST_SOURCES = 3
"""Observed crops that are looked up for a frame."""
ALIKE_PX = 0.7
"""Root mean square distance of lip places at which an observed crop counts by exp(-1/2) of the nearest."""
_ORIGIN = np.array([LIP_COLUMNS.start, LIP_ROWS.start], np.float64)
_DRAWN = np.concatenate([TESSELATION, MOUTH])[::-1]
"""What is drawn; where triangles lie over each other in the atlas, that of the skin is seen."""


def opening(vertices: NDArray[np.floating]) -> NDArray[np.floating]:
    """(...,) distance of the middles of the inner lips over that of the outer eye corners, of (..., 468, 3)."""
    gap = np.linalg.norm(vertices[..., 13, :] - vertices[..., 14, :], axis=-1)
    return gap / np.linalg.norm(vertices[..., 33, :] - vertices[..., 263, :], axis=-1)


def frame_atlas(
    image: NDArray[np.uint8], points: NDArray[np.floating], places: NDArray[np.floating]
) -> NDArray[np.float32]:
    """(128, 128, 3) the lip crop of a frame, in the light of the frame, in [0, 1].

    Args:
        image: (H, W, 3) RGB.
        points: (468, 2 or 3) pixels of the frame.
        places: (468, 2) of the same vertices.
    """
    crop, shown = _unrolled(image, points, places - _ORIGIN, CROP, _DRAWN)
    last = np.maximum.accumulate(np.where(shown, np.arange(CROP)[:, None], 0), 0)  # skin goes on under the chin
    return np.take_along_axis(crop, last[..., None], 0)


def whole_atlas(
    image: NDArray[np.uint8], points: NDArray[np.floating], places: NDArray[np.floating]
) -> NDArray[np.float32]:
    """(256, 256, 3) the atlas of a frame, in its own light; 0 where a face turned away shows nothing."""
    a, b, c = (np.asarray(points, np.float64)[_DRAWN[:, k], :2].T for k in range(3))
    facing = (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0]) < 0
    atlas, shown = _unrolled(image, points, places, ATLAS_SIZE, _DRAWN[facing])
    atlas[~shown] = 0
    return atlas


def _unrolled(
    image: NDArray[np.uint8],
    points: NDArray[np.floating],
    places: NDArray[np.floating],
    side: int,
    triangles: NDArray[np.int32],
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    height, width = image.shape[:2]
    flat = np.asarray(points, np.float64)[:, :2]
    x0, y0 = (int(v) for v in np.clip(np.floor(flat.min(0)) - 2, 0, [width - 2, height - 2]))
    x1, y1 = (int(v) for v in np.clip(np.ceil(flat.max(0)) + 3, [x0 + 2, y0 + 2], [width, height]))
    drawn, shown = at_pixels(_level(places), triangles, flat - [x0 + 0.5, y0 + 0.5], side, side)
    part: Any = image[y0:y1, x0:x1].astype(np.float32) / np.float32(255)
    return read_at(part, drawn[..., 0], drawn[..., 1]), shown


def _level(places: NDArray[np.floating]) -> NDArray[np.float64]:
    """(468, 3) places without depth."""
    return np.concatenate([np.asarray(places, np.float64), np.zeros((len(places), 1))], 1)


@dataclass(frozen=True, kw_only=True, eq=False)
class CarriedLips:
    """Crops under another shape of the mouth."""

    crops: NDArray[np.float32]
    """(N, 128, 128, 3)."""
    moved: NDArray[np.float32]
    """(128, 128, 2) columns and rows from each pixel to where the first crop has it."""
    inside: NDArray[np.float32]
    """(128, 128) 1 between the lips, else 0."""


def carried(
    crops: list[NDArray[np.float32]], places: list[NDArray[np.floating]], target: NDArray[np.floating]
) -> CarriedLips:
    """Crops as mouths of another shape.

    Args:
        crops: N of (128, 128, 3).
        places: N of (468, 2), of the vertices of each crop.
        target: (468, 2) where the vertices shall be.
    """
    at = _level(target - _ORIGIN)
    drawn, shown = at_pixels(at, _DRAWN, np.concatenate(places, 1) - np.tile(_ORIGIN + 0.5, len(places)), CROP, CROP)
    row, column = np.mgrid[0:CROP, 0:CROP].astype(np.float32)
    own = np.stack([column, row], -1)
    drawn = np.where(shown[..., None], drawn, np.tile(own, len(crops)))
    out = [read_at(crop, drawn[..., 2 * i], drawn[..., 2 * i + 1]) for i, crop in enumerate(crops)]
    _, inside = at_pixels(at, MOUTH, np.zeros((len(at), 1)), CROP, CROP)
    return CarriedLips(crops=np.stack(out), moved=drawn[..., :2] - own, inside=inside.astype(np.float32))


def lip_shape(places: NDArray[np.floating], closed: NDArray[np.floating]) -> NDArray[np.float32]:
    """(..., 80) how far the lips of (..., 468, 2) places are from those of the closed mouth; the distance of two such
    is root mean square pixels of the atlas."""
    away = (places - closed)[..., LIPS, :] / np.sqrt(len(LIPS))
    return np.asarray(away.reshape(*away.shape[:-2], -1), np.float32)


def nearest_shapes(
    known: NDArray[np.float32], wanted: NDArray[np.float32]
) -> tuple[NDArray[np.intp], NDArray[np.float32], NDArray[np.float32]]:
    """The known shapes nearest to each wanted one, with weights that change as smoothly as the shapes do.

    Args:
        known: (K, D) from `lip_shape`.
        wanted: (T, D).

    Returns:
        (T, N) rows of `known`, nearest first, N at most `MOST_SOURCES`; (T, N) weights, sum 1; (T,) distance of the
        nearest, pixels.
    """
    apart = np.maximum((wanted**2).sum(1)[:, None] + (known**2).sum(1)[None] - 2 * wanted @ known.T, 0)
    rows = np.argsort(apart, axis=1)[:, : MOST_SOURCES + 1]
    squares = np.take_along_axis(apart, rows, 1)
    weights = np.exp(-(squares - squares[:, :1]) / (2 * ALIKE_PX**2))
    if rows.shape[1] > MOST_SOURCES:  # the next one counts nothing, so nothing jumps where ranks change
        weights = (weights - weights[:, -1:])[:, :-1] + 1e-6
    weights /= weights.sum(1, keepdims=True)
    return rows[:, :MOST_SOURCES], weights.astype(np.float32), np.sqrt(squares[:, 0]).astype(np.float32)
