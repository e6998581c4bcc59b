"""A crop of a frame put back with another mouth: masked by the mesh, matched in gain, blended into the frame.

Knows landmarks and pixels; refuses to know files and which network made the crop. Pixels outside the mask stay as they
are, bit for bit.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from viseme.compose.blend import LEVELS, blended_change
from viseme.compose.draw import at_pixels
from viseme.compose.frame import Blend
from viseme.compose.region import face_region
from viseme.compose.warp import read_at
from viseme.face3d.atlas_triangles import TRIANGLES
from viseme.face3d.head_pose import canonical_vertices
from viseme.media.images import resize_part
from viseme.media.planes import Box, FramePlanes

__all__ = ["CropComposer"]

LEAST_SIDE_PX = 8
MOST_GAIN = 1.25
"""Largest factor, either way, by which a generated face is made brighter to match its frame."""
RING = (0.05, 0.6)
"""Mask between which skin of both is compared: where the face passes into the frame, outside the lips."""
LEAST_RING = 20
"""Pixels of it that are enough."""

Paint = Callable[[NDArray[np.uint8]], NDArray[np.float32]]


class CropComposer:
    """Puts generated face crops into frames.

    Source:
        Yaman et al. 2024 paste the whole crop; the mask and the gain are ours.
    """

    def __init__(self, side: int, *, blend: Blend = "multiband") -> None:
        """Prepare what is the same in every frame.

        Args:
            side: Of a crop, pixels.
            blend: How the new mouth passes into the frame.
        """
        self._side = side
        self._levels = LEVELS if blend == "multiband" else 1
        region = face_region(canonical_vertices())
        self._known = np.stack([region.mask, region.lips], 1)
        self._triangles = TRIANGLES[(region.mask[TRIANGLES] > 0).any(1)]
        self._inside = region.mask > 0

    def compose(
        self,
        planes: FramePlanes,
        landmarks: NDArray[np.floating],
        square: NDArray[np.floating],
        paint: Paint,
    ) -> Box | None:
        """Put one face into a frame, in place.

        Args:
            planes: The frame; it is writable.
            landmarks: (468, 3) of the filmed face, pixels of the frames that `read_frames` gives; z smaller = nearer.
            square: (3,) centre x, centre y, side of the crop, the same pixels.
            paint: The crop, (S, S, 3) uint8 RGB, to the generated one, RGB in [0, 1] of any square size.

        Returns:
            The box outside of which nothing was changed; None where the face lies outside the frame.
        """
        across, down = planes.scale
        points = np.asarray(landmarks, np.float64)[:, :3] * [across, down, -across]
        (left, top), (right, bottom) = points[self._inside, :2].min(0) - 2, points[self._inside, :2].max(0) + 2
        box = planes.box(left, top, right, bottom)
        if min(box[2] - box[0], box[3] - box[1]) < LEAST_SIDE_PX:
            return None
        half = square[2] / 2
        shown = np.array([square[0] - half, square[1] - half, square[0] + half, square[1] + half])
        shown *= [across, down, across, down]
        made = np.asarray(paint(self._crop(planes, shown)), np.float32)
        rgb = planes.rgb(box)
        points[:, :2] -= box[:2]
        drawn, _ = at_pixels(points, self._triangles, self._known, *rgb.shape[:2])
        mask, lips = drawn[..., 0], drawn[..., 1]
        new = _read_back(made, shown, box)
        difference = new * _gain(rgb, new, mask, lips) - rgb
        planes.add(box, blended_change(difference * (mask > 0)[..., None], mask, levels=self._levels))
        return box

    def _crop(self, planes: FramePlanes, shown: NDArray[np.float64]) -> NDArray[np.uint8]:
        """(S, S, 3) what the network sees; the edge is repeated where that leaves the frame."""
        part = planes.box(shown[0] - 2, shown[1] - 2, shown[2] + 2, shown[3] + 2)
        image = np.rint(np.clip(planes.rgb(part), 0, 1) * 255).astype(np.uint8)
        corner = np.array([part[0], part[1], part[0], part[1]])
        return resize_part(image, shown - corner, self._side, self._side)


def _read_back(made: NDArray[np.float32], shown: NDArray[np.float64], box: Box) -> NDArray[np.float32]:
    """(h, w, 3) the generated crop at the pixels of a box of the frame, bilinear."""
    size = len(made)
    x = (np.arange(box[0], box[2]) + 0.5 - shown[0]) * size / (shown[2] - shown[0]) - 0.5
    y = (np.arange(box[1], box[3]) + 0.5 - shown[1]) * size / (shown[3] - shown[1]) - 0.5
    columns, rows = np.meshgrid(x.astype(np.float32), y.astype(np.float32))
    return read_at(np.ascontiguousarray(made), columns, rows)


def _gain(
    frame: NDArray[np.float32], made: NDArray[np.float32], mask: NDArray[np.float32], lips: NDArray[np.float32]
) -> NDArray[np.float32]:
    """(3,) factor that takes the generated skin to the frame's, on a ring outside the lips."""
    ring = (mask > RING[0]) & (mask < RING[1]) & (lips == 0)
    if ring.sum() < LEAST_RING:
        return np.ones(3, np.float32)
    gain = frame[ring].mean(0) / np.maximum(made[ring].mean(0), 1e-3)
    return np.clip(gain, 1 / MOST_GAIN, MOST_GAIN).astype(np.float32)
