"""What every face looks like: the mean shape of its upper face, its mean image, and small images for a report.

Knows frames and landmarks while the tracker runs; refuses to know who is who. The mouth is left out, because what is
said moves it.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from viseme.core.evidence import FaceStrip
from viseme.face3d.lips import align
from viseme.faces import FaceTrackChunk
from viseme.faces.geometry import face_boxes
from viseme.faces.schemes import ALIGNMENT, ALIGNMENT_SHAPE, LIP_POINTS
from viseme.faces.thumbnails import FaceThumbnails, crop_face

__all__ = ["Appearance"]

NOT_MOUTH = np.setdiff1d(np.arange(468), LIP_POINTS)
SIDE_PX = 24
"""Side of the small image from which the looks of a face are taken."""
EVERY_S = 0.3
"""Seconds between images of a face that are looked at."""
NUM_THUMBNAILS = 6
"""Images of each face for the report."""


class _Mean:
    """A running mean of vectors."""

    def __init__(self) -> None:
        self.total: NDArray[np.float64] | float = 0.0
        self.count = 0

    def add(self, rows: NDArray[np.floating]) -> None:
        self.total = self.total + rows.sum(0)
        self.count += len(rows)

    @property
    def value(self) -> NDArray[np.float64] | None:
        return np.asarray(self.total) / self.count if self.count else None


class Appearance:
    """A `FaceObserver` that keeps a mean shape and a mean small image of every face, some 20 kB each."""

    def __init__(self) -> None:
        self._thumbnails = FaceThumbnails(num_images=NUM_THUMBNAILS, size=96, max_tracks=40)
        self._images: dict[int, _Mean] = {}
        self._shapes: dict[int, _Mean] = {}
        self._last: dict[int, float] = {}

    def see(
        self,
        track_id: int,
        time: float,
        image: NDArray[np.uint8],
        scale: float,
        landmarks: NDArray[np.float32],
        *,
        observed: bool,
    ) -> None:
        """See `FaceObserver.see`."""
        if not observed:
            return
        box = face_boxes(landmarks) * scale
        self._thumbnails.offer(track_id, time, image, box)
        if time - self._last.get(track_id, -np.inf) >= EVERY_S:
            self._last[track_id] = time
            small = crop_face(image, box, SIDE_PX, margin=1.5).astype(np.float64)
            self._images.setdefault(track_id, _Mean()).add(_upper(small)[None])

    def renamed(self, track_id: int, new_id: int, start: float) -> None:
        """See `FaceObserver.renamed`: what was seen while a face was unusable says nothing of it."""

    def take(self, chunk: FaceTrackChunk) -> None:
        """Take the shape of a face, from frames on which it was seen from the front."""
        points = chunk.landmarks[::5, :468].astype(np.float64) * (1.0, -1.0, -1.0)
        scale, rotation, translation = align(points[:, ALIGNMENT], ALIGNMENT_SHAPE)
        frontal = rotation[:, 2, 2] > 0.8
        if not frontal.any():
            return
        moved = scale[:, None, None] * np.einsum("tij,tkj->tki", rotation, points[:, NOT_MOUTH])
        moved = moved + translation[:, None]
        self._shapes.setdefault(chunk.track_id, _Mean()).add(moved[frontal].reshape(int(frontal.sum()), -1))

    def end(self, track_id: int) -> None:
        """A track was rejected and is not asked for again, unless it had good chunks before."""
        self._last.pop(track_id, None)

    def describe(self, track_id: int) -> tuple[NDArray[np.float64] | None, NDArray[np.float64] | None]:
        """Shape (3 * 401,) in eye distances and looks of the upper face, or None where too little was seen."""
        shape = self._shapes[track_id].value if track_id in self._shapes else None
        looks = self._images[track_id].value if track_id in self._images else None
        return shape, looks

    def thumbnails(self) -> tuple[FaceStrip, ...]:
        """Small images of the faces, in order of their ids."""
        return tuple(self._thumbnails)


def _upper(small: NDArray[np.float64]) -> NDArray[np.float64]:
    """Colour and light of the upper face and the hair, without overall brightness."""
    top = np.log(small[: round(SIDE_PX * 0.58)] + 20)
    top = top - top.mean()
    return top.reshape(len(top) // 2, 2, SIDE_PX // 2, 2, 3).mean((1, 3)).ravel()
