"""Landmarks of faces in given regions of a frame, as samples of tracks. Knows the landmark net, not tracks."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from viseme.faces.config import TrackingConfig
from viseme.faces.geometry import face_boxes, face_rois
from viseme.faces.nets import FaceNets
from viseme.faces.tracks import Sample

__all__ = ["RegionLandmarks"]


class RegionLandmarks:
    """The landmark net, and what of its answers is taken for a face."""

    def __init__(self, nets: FaceNets, config: TrackingConfig) -> None:
        self._nets, self._min_presence = nets, config.min_presence
        self.presence = 0.0
        """Score of the last region that was looked at."""

    def measure(
        self, now: float, image: NDArray[np.uint8], scale: float, rois: NDArray[np.float64]
    ) -> list[Sample | None]:
        """A sample per region, None where there is no face.

        Args:
            now: Seconds of the frame.
            image: (H, W, 3).
            scale: Pixels of `image` per pixel of the video.
            rois: (N, 4), see `face_rois`, in pixels of `image`.
        """
        points, scores = self._nets.landmarks(image, rois)
        self.presence = float(scores[-1])
        boxes = face_boxes(points)
        share = (boxes[:, 2:] - boxes[:, :2]).max(axis=1) / rois[:, 2]
        good = (scores >= self._min_presence) & (share > 0.3) & (share < 1.2)
        return [
            Sample(now, points[i] / np.float32(scale), True, float(scores[i])) if good[i] else None
            for i in range(len(rois))
        ]

    def at_detection(
        self, now: float, image: NDArray[np.uint8], scale: float, detection: NDArray[np.float32], angle: float
    ) -> Sample | None:
        """Landmarks from a detection: once to find the face, once more in the region its landmarks ask for.

        Args:
            now: Seconds of the frame.
            image: (H, W, 3).
            scale: Pixels of `image` per pixel of the video.
            detection: xyxy and score, in pixels of `image`.
            angle: Radians by which faces are turned in the frame.
        """
        x0, y0, x1, y1 = map(float, detection[:4])
        roi = np.array([[(x0 + x1) / 2, (y0 + y1) / 2, 1.5 * max(x1 - x0, y1 - y0), angle]])
        (first,) = self.measure(now, image, scale, roi)
        if first is None:
            return None
        (second,) = self.measure(now, image, scale, face_rois(first.landmarks[None] * np.float32(scale)))
        return second
