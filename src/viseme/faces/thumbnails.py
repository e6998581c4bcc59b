"""Small images of each face at roughly even times, kept while the tracker runs: no second decoding.

Knows frames and boxes; memory is bounded whatever the length and the number of tracks.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from viseme.core.evidence import FaceStrip
from viseme.faces.geometry import face_boxes

__all__ = ["FaceThumbnails", "crop_face"]


def crop_face(
    image: NDArray[np.uint8], box: NDArray[np.floating], size: int, margin: float = 1.25
) -> NDArray[np.uint8]:
    """A square image around a box, (size, size, 3); what lies outside the frame is black.

    Args:
        image: (H, W, 3) RGB.
        box: (4,) xyxy, pixels of `image`.
        size: Side of the answer, pixels.
        margin: Side of the square over the longer side of the box.
    """
    x0, y0, x1, y1 = map(float, box)
    side = max(x1 - x0, y1 - y0) * margin
    steps = (np.arange(size * 2) + 0.5) / (size * 2) * side - side / 2
    columns = np.floor((x0 + x1) / 2 + steps).astype(int)
    rows = np.floor((y0 + y1) / 2 + steps).astype(int)
    height, width = image.shape[:2]
    inside = ((rows >= 0) & (rows < height))[:, None] & ((columns >= 0) & (columns < width))[None, :]
    picked = image[np.clip(rows, 0, height - 1)[:, None], np.clip(columns, 0, width - 1)[None, :]]
    picked = np.where(inside[..., None], picked, 0)
    return picked.reshape(size, 2, size, 2, 3).mean(axis=(1, 3)).astype(np.uint8)


class _Strip:
    def __init__(self) -> None:
        self.times: list[float] = []
        self.images: list[NDArray[np.uint8]] = []
        self.step = 0.0

    @property
    def span(self) -> float:
        return self.times[-1] - self.times[0]


class FaceThumbnails:
    """A `FaceObserver` that keeps up to `num_images` images a face: when full, every second goes, the step doubles.

    Example:
        >>> thumbnails = FaceThumbnails(num_images=4, size=8)
        >>> for i in range(100):
        ...     thumbnails.offer(0, i / 25, np.zeros((40, 40, 3), np.uint8), np.array([10, 10, 30, 30]))
        >>> thumbnails.strip(0).times.tolist()
        [0.0, 1.28, 2.56, 3.84]
    """

    def __init__(self, *, num_images: int = 12, size: int = 96, max_tracks: int = 32) -> None:
        """Keep nothing yet.

        Args:
            num_images: Most images per face; even, at least 2.
            size: Side of an image, pixels.
            max_tracks: Most faces; beyond it, the one seen for the shortest time is forgotten.
        """
        if num_images < 2 or num_images % 2 or size < 1 or max_tracks < 1:
            raise ValueError(
                f"num_images={num_images} must be even and >= 2, size={size}, max_tracks={max_tracks} >= 1"
            )
        self._num, self._size, self._max_tracks = num_images, size, max_tracks
        self._strips: dict[int, _Strip] = {}

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
        if observed:
            self.offer(track_id, time, image, face_boxes(landmarks) * scale)

    def renamed(self, track_id: int, new_id: int, start: float) -> None:
        """See `FaceObserver.renamed`: images under the new id begin with the next frame."""

    def offer(self, track_id: int, time: float, image: NDArray[np.uint8], box: NDArray[np.floating]) -> None:
        """Keep the face in `box` when its time has come; `box` in pixels of `image`."""
        strip = self._strips.get(track_id)
        if strip is None:
            strip = self._strips[track_id] = _Strip()
        elif time < strip.times[-1] + strip.step * 0.999:
            return
        strip.times.append(time)
        strip.images.append(crop_face(image, box, self._size))
        if len(strip.times) == self._num + 1:
            strip.step = 2 * (strip.step or (strip.times[-1] - strip.times[0]) / self._num)
            strip.times, strip.images = strip.times[::2], strip.images[::2]
        if len(self._strips) > self._max_tracks:
            others = [i for i in self._strips if i != track_id]
            del self._strips[min(others, key=lambda i: self._strips[i].span)]

    def strip(self, track_id: int) -> FaceStrip | None:
        """The images of one face, or None when it was never offered or was forgotten."""
        strip = self._strips.get(track_id)
        if strip is None:
            return None
        return FaceStrip(track_id=track_id, times=np.array(strip.times), images=np.stack(strip.images))

    def __iter__(self) -> Iterator[FaceStrip]:
        """Every strip, in order of track id."""
        return (strip for strip in map(self.strip, sorted(self._strips)) if strip is not None)
