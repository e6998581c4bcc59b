"""A frame as a cartoon: colours flattened by bilateral filters, and strokes along nose, lips, cheeks, brows and chin.

Knows pixels and 468 landmarks in them; refuses to know where they come from. Nine by nine pixels a pass, compiled.

Source:
    Lahiri et al., "LipSync3D", 2021, section 6 (cartoon rendering); widths and levels are ours.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from viseme.face3d.raster import jit
from viseme.faces.schemes import EYE_CORNERS

__all__ = ["LINES", "cartoon", "flattened"]

PASSES, LEVELS = 3, 12
STROKE = 0.012
"""Width of a stroke over the distance of the outer eye corners."""
INK = (0.13, 0.09, 0.09)
_FINER = 3
"""Strokes are drawn on a canvas so many times as fine."""
OUTER_LIPS = (61, 185, 40, 39, 37, 0, 267, 269, 270, 409, 291, 375, 321, 405, 314, 17, 84, 181, 91, 146, 61)
INNER_LIPS = (78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 308, 324, 318, 402, 317, 14, 87, 178, 88, 95, 78)
LINES: tuple[tuple[int, ...], ...] = (
    OUTER_LIPS, INNER_LIPS,
    (129, 98, 97, 2, 326, 327, 358), (129, 64, 102), (358, 294, 331),
    (172, 136, 150, 149, 176, 148, 152, 377, 400, 378, 379, 365, 397),
    (203, 206, 216), (423, 426, 436),
    (33, 246, 161, 160, 159, 158, 157, 173, 133), (263, 466, 388, 387, 386, 385, 384, 398, 362),
    (46, 53, 52, 65, 55), (276, 283, 282, 295, 285),
)  # fmt: skip
"""Polylines of mp468: lips, nose, chin, cheeks, upper lids, brows."""


def cartoon(image: NDArray[np.float32], points: NDArray[np.floating]) -> NDArray[np.float32]:
    """Flat colours and strokes.

    Args:
        image: (H, W, 3) RGB in [0, 1].
        points: (468, 2 or more) pixels.
    """
    flat = flattened(np.ascontiguousarray(image, np.float32))
    eyes = points[EYE_CORNERS, :2]
    width = max(STROKE * float(np.linalg.norm(eyes[0] - eyes[1])), 0.8)
    ink = _strokes(points[:, :2], flat.shape[1], flat.shape[0], width)[..., None]
    return (flat * (1 - ink) + np.array(INK, np.float32) * ink).astype(np.float32)


def flattened(image: NDArray[np.float32]) -> NDArray[np.float32]:
    """(H, W, 3) after `PASSES` bilateral filters (9 pixels, sigma 7 pixels and .1), lightness in `LEVELS` steps."""
    for _ in range(PASSES):
        image = _bilateral(image, *_tables())
    light = image.max(-1, keepdims=True)
    stepped = (np.floor(light * LEVELS) + 0.5) / LEVELS
    return (image * (stepped / np.maximum(light, 1e-3))).clip(0, 1).astype(np.float32)


def _tables() -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """(9, 9) weights by distance, (256,) weights by difference of colour in steps of 1/255."""
    at = np.arange(-4, 5)
    near = np.exp(-(at[:, None] ** 2 + at**2) / (2 * 7.0**2)).astype(np.float32)
    return near, np.exp(-((np.arange(256) / 255) ** 2) / (2 * 0.1**2)).astype(np.float32)


def _bilateral(
    image: NDArray[np.float32], near: NDArray[np.float32], alike: NDArray[np.float32]
) -> NDArray[np.float32]:
    padded = np.pad(image, ((4, 4), (4, 4), (0, 0)), mode="edge")
    out = np.empty_like(image)
    _filter()(padded, near, alike, out)
    return out


_compiled: list = []


def _filter():
    """Compiled when the first cartoon is drawn: numba comes with an extra."""
    if not _compiled:
        _compiled.append(jit()(_filter_rows))
    return _compiled[0]


def _filter_rows(padded, near, alike, out):
    height, width, _ = out.shape
    for y in range(height):
        for x in range(width):
            r, g, b = padded[y + 4, x + 4, 0], padded[y + 4, x + 4, 1], padded[y + 4, x + 4, 2]
            sr, sg, sb, total = 0.0, 0.0, 0.0, 0.0
            for i in range(9):
                for j in range(9):
                    pr, pg, pb = padded[y + i, x + j, 0], padded[y + i, x + j, 1], padded[y + i, x + j, 2]
                    apart = (abs(pr - r) + abs(pg - g) + abs(pb - b)) / 3
                    weight = near[i, j] * alike[min(int(apart * 255), 255)]
                    sr, sg, sb, total = sr + weight * pr, sg + weight * pg, sb + weight * pb, total + weight
            out[y, x, 0], out[y, x, 1], out[y, x, 2] = sr / total, sg / total, sb / total


def _strokes(points: NDArray[np.floating], width: int, height: int, thick: float) -> NDArray[np.float32]:
    """(H, W) coverage by ink."""
    canvas = Image.new("L", (width * _FINER, height * _FINER))
    pen = ImageDraw.Draw(canvas)
    for line in LINES:
        places = [(float(x * _FINER), float(y * _FINER)) for x, y in points[list(line)]]
        pen.line(places, fill=255, width=max(1, round(thick * _FINER)), joint="curve")
    small = canvas.resize((width, height), Image.Resampling.BOX)
    return (np.asarray(small, np.float32) / 255).astype(np.float32)
