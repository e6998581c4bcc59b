"""Where faces are in a frame, and their landmarks: the networks behind tracking, without memory of earlier frames.

Knows how the networks are fed and read; refuses to know tracks. The region is an argument: two faces never swap,
nothing leaks over a cut, and the presence score comes out. The networks are Google's (BlazeFace, Face Mesh with
irises; Apache-2.0), converted by `tools/convert_face_nets.py`; see `networks` for what runs them.
"""

from __future__ import annotations

import threading
from functools import lru_cache
from pathlib import Path
from typing import Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from viseme.faces import detections
from viseme.faces.networks import load_network
from viseme.faces.roi_crop import RoiCrop, crop_roi

__all__ = ["BlazeFaceNets", "Detection", "FaceNets", "Points", "Roi", "shared_nets", "smallest_face"]

Detection: TypeAlias = NDArray[np.float32]
"""(N, 5): x0, y0, x1, y1 in pixels of the frame given, score."""
Roi: TypeAlias = NDArray[np.float64]
"""(N, 4): centre x, centre y, side in pixels, rotation in radians (clockwise in the image, as y is down)."""
Points: TypeAlias = NDArray[np.float32]
"""(N, 478, 3) pixels of the frame given: x right, y down, pixel centres at +0.5; z alike, smaller = nearer."""

LANDMARK_INPUT = 256
"""Pixels of the landmark network's input, either way."""
_MAX_BATCH = 4
"""Faces in one run of the landmark network."""
_SEEN, _INNER = 0.5, 0.85
"""Score below which a region is looked at again, and the share of its side that is seen then. Regions of 1.5 times the
face give the deepest lip closures; on turned heads they are so wide that the score falls (of 50 faces turned by more
than 0.5 radians 2 % score below 0.5, none in regions of 1.3 times the face)."""
_MIN_TILED = 3 * detections.INPUT_SIZE
"""Longer side of a frame, pixels, from which small faces are looked for in tiles."""
_TILE_STEP = 90
"""Largest distance between two tiles, pixels of the input: a face too small for the whole frame fits into one tile."""
_SMALLEST_SEEN = 15
"""Width of a face, pixels of the input, from which the detector finds most: 38 faces pasted on grey, 63 % at 14, all
at 16."""


class FaceNets(Protocol):
    """What tracking needs of a set of nets. Stateless: the same arguments give the same answer."""

    def detect(self, frame: NDArray[np.uint8]) -> Detection:
        """Every face in the frame, overlapping answers included."""
        ...

    def landmarks(self, frame: NDArray[np.uint8], rois: Roi) -> tuple[Points, NDArray[np.float32]]:
        """Landmarks and presence score (N,), 0 to 1, of the face in each region."""
        ...


class BlazeFaceNets:
    """`FaceNets` on the networks that ship or on those of a user's task file."""

    def __init__(self, task_file: Path | None = None, *, min_score: float = 0.3, num_threads: int = 1) -> None:
        """Load the networks.

        Args:
            task_file: A `face_landmarker.task`; None = the networks that ship.
            min_score: Detections below it are dropped.
            num_threads: Threads that share one run.

        Raises:
            FaceError: a network cannot be loaded.
        """
        self._min_score = min_score
        self._detector = load_network("face_detector", task_file, num_threads=num_threads)
        self._landmarks = load_network("face_landmarks", task_file, num_threads=num_threads)
        self._memory = threading.local()

    def detect(self, frame: NDArray[np.uint8]) -> Detection:
        """See `FaceNets.detect`: in the whole frame and, from 384 pixels on, in tiles of half its longer side."""
        height, width = frame.shape[:2]
        corners, size = _tile_corners(height, width), detections.INPUT_SIZE
        scale = 2 if corners else 1
        (canvas,) = self._batch(f"canvas{scale}", 1, scale * size)
        crop = crop_roi(frame, np.array([width / 2, height / 2, max(height, width), 0.0]), canvas, outside="black")
        canvas *= 2
        canvas -= 1
        batch = self._batch("detector", 1 + len(corners), size)
        batch[0] = (canvas[:, ::2, ::2] + canvas[:, 1::2, 1::2]) / 2 if corners else canvas
        for tile, (x, y) in zip(batch[1:], corners):
            tile[:] = canvas[:, y : y + size, x : x + size]
        boxes, logits = self._detector(batch)
        found = [detections.faces(boxes[i], logits[i, :, 0], self._min_score) for i in range(len(batch))]
        found[0][:, :4] *= scale
        for i, (x, y) in enumerate(corners, start=1):
            found[i] = found[i][_uncut(found[i])]
            found[i][:, :4] += x, y, x, y
        return _to_frame(crop, np.concatenate(found))

    def landmarks(self, frame: NDArray[np.uint8], rois: Roi) -> tuple[Points, NDArray[np.float32]]:
        """See `FaceNets.landmarks`; where no face is seen, once more in the middle of the region."""
        points, scores = self._look(frame, rois)
        unseen = np.flatnonzero(scores < _SEEN)
        if len(unseen):
            inner, again = self._look(frame, rois[unseen] * (1, 1, _INNER, 1))
            better = again > scores[unseen]
            points[unseen[better]], scores[unseen[better]] = inner[better], again[better]
        return points, scores

    def _look(self, frame: NDArray[np.uint8], rois: Roi) -> tuple[Points, NDArray[np.float32]]:
        """One run of the network on each region."""
        points = np.zeros((len(rois), 478, 3), np.float32)
        scores = np.zeros(len(rois), np.float32)
        for start in range(0, len(rois), _MAX_BATCH):
            part = slice(start, min(start + _MAX_BATCH, len(rois)))
            batch = self._batch("landmarks", part.stop - start, LANDMARK_INPUT)
            crops = [crop_roi(frame, roi, pixels) for roi, pixels in zip(rois[part], batch)]
            in_crops, logits = self._landmarks(batch)
            scores[part] = detections.scores_of(logits)
            points[part] = [crop.to_frame(p) for crop, p in zip(crops, in_crops)]
        return points, scores

    def _batch(self, name: str, num: int, size: int) -> NDArray[np.float32]:
        """(num, 3, size, size) for crops, used again by the next call in this thread."""
        kept = getattr(self._memory, name, None)
        if kept is None or len(kept) < num:
            kept = np.empty((num, 3, size, size), np.float32)
            setattr(self._memory, name, kept)
        return kept[:num]


def smallest_face(height: int, width: int) -> float:
    """Width, pixels, of the smallest face that `BlazeFaceNets.detect` finds in a frame of this size."""
    longer = max(height, width)
    return longer * _SMALLEST_SEEN / (detections.INPUT_SIZE * (2 if longer >= _MIN_TILED else 1))


def _tile_corners(height: int, width: int) -> list[tuple[int, int]]:
    """Upper left corners x, y of the tiles in a canvas of twice the detector's input; the frame is centred."""
    longer, size = max(height, width), detections.INPUT_SIZE
    if longer < _MIN_TILED:
        return []

    def places(length: int) -> list[int]:
        room = max(2 * size * length / longer - size, 0)
        middle = np.linspace(-room / 2, room / 2, int(np.ceil(room / _TILE_STEP)) + 1) if room else np.zeros(1)
        return [round(place + size / 2) for place in middle]

    return [(x, y) for y in places(height) for x in places(width)]


def _uncut(found: Detection) -> NDArray[np.bool_]:
    """Which boxes of a tile lie inside it; a face on its edge is whole in another tile, or large."""
    return (found[:, :2].min(axis=1, initial=np.inf) > 0) & (
        found[:, 2:4].max(axis=1, initial=0) < detections.INPUT_SIZE
    )


def _to_frame(crop: RoiCrop, found: Detection) -> Detection:
    """Boxes in a crop as boxes in the frame."""
    corners = np.zeros((2 * len(found), 3), np.float32)
    corners[:, :2] = found[:, :4].reshape(-1, 2)
    return np.column_stack([crop.to_frame(corners)[:, :2].reshape(-1, 4), found[:, 4]])


@lru_cache(maxsize=2)
def shared_nets(task_file: Path | None = None, num_threads: int = 1) -> BlazeFaceNets:
    """The one set of nets of this process: they keep no state, and may be used from several threads."""
    return BlazeFaceNets(task_file, num_threads=num_threads)
