"""How finely a frame is searched: the detector sees faces of some 15 of its 128 pixels, so small ones need tiles.

Knows sizes and the detector; refuses to know tracks.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from viseme.faces.geometry import merge_detections
from viseme.faces.nets import Detection, FaceNets, smallest_face
from viseme.faces.turns import detect_turned

__all__ = ["COARSE", "FINE", "FINEST", "detect_faces", "smallest_seen"]

COARSE, FINE, FINEST = 0, 1, 2
"""The whole frame; overlapping squares of it too; tiles for the smallest faces that are used too."""
WHOLE = 128
"""Pixels of a square that the detector sees as it is."""
TILE_STEP = 0.75
"""From one tile to the next, in sides of a tile."""
MOST_TILES = 80
"""Tiles of a frame at most; where more were needed they are larger, and find larger faces alone."""


def smallest_seen(height: int, width: int, level: int, least_px: float) -> float:
    """Width, pixels of the frame, of the smallest face that is found at a level; `least_px`: of those that are used."""
    if level == FINEST:
        return _tile_side(height, width, least_px) * smallest_face(WHOLE, WHOLE) / WHOLE
    side = min(height, width)
    whole = smallest_face(height, width)
    return whole if level == COARSE else min(whole, smallest_face(side, side))


def detect_faces(
    nets: FaceNets, image: NDArray[np.uint8], level: int, *, quarters: int = 0, least_px: float = 32.0
) -> Detection:
    """Faces of a frame, searched at a level.

    Args:
        nets: The detector.
        image: (H, W, 3).
        level: `COARSE`, `FINE` or `FINEST`.
        quarters: Turns after which faces are upright, see `detect_turned`.
        least_px: Width of the smallest face that is used, pixels of the frame.
    """
    height, width = image.shape[:2]
    side = min(height, width)
    found = [detect_turned(nets, image, quarters)]
    corners: list[tuple[int, int, int]] = []
    if level >= FINE and max(height, width) > 1.2 * side:
        corners += [(x, y, side) for y in _starts(height, side, 0.8) for x in _starts(width, side, 0.8)]
    if level == FINEST:
        tile = _tile_side(height, width, least_px)
        places = [(x, y, tile) for y in _starts(height, tile, TILE_STEP) for x in _starts(width, tile, TILE_STEP)]
        corners += places if tile < side else []
    for x, y, size in corners:
        part = detect_turned(nets, image[y : y + size, x : x + size], quarters)
        found.append(part + np.array([x, y, x, y, 0], np.float32))
    return merge_detections(np.concatenate(found))


def _tile_side(height: int, width: int, least_px: float) -> int:
    side = round(least_px * WHOLE / smallest_face(WHOLE, WHOLE))
    while len(_starts(height, side, TILE_STEP)) * len(_starts(width, side, TILE_STEP)) > MOST_TILES:
        side = round(1.1 * side) + 1
    return side


def _starts(length: int, side: int, step: float) -> list[int]:
    """Where squares of a side begin along a length, each at most `step` of a side after the one before."""
    num = int(np.ceil((length / side - (1 - step)) / step)) if length > side else 1
    return np.linspace(0, max(length - side, 0), max(num, 1)).astype(int).tolist()
