"""A `FaceGenerator` that plays back a face that was filmed: what goes in comes out, so every answer is known."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from viseme.compose.draw import at_pixels
from viseme.compose.interface import SpokenFace
from viseme.compose.warp import read_at
from viseme.face3d.atlas import ATLAS_SIZE, LIP_COLUMNS, LIP_ROWS, fit_cylinder
from viseme.face3d.atlas_triangles import TRIANGLES
from viseme.face3d.head_pose import canonical_vertices, head_poses, metric


def unrolled(image: NDArray[np.floating], points: NDArray[np.floating], flat: NDArray[np.floating]) -> NDArray[Any]:
    """(256, 256, 3) the atlas of a face of an (H, W, 3) image; black where there is none."""
    place = np.concatenate([flat, np.zeros((468, 1))], 1)
    seen, covered = at_pixels(place, TRIANGLES, points[:, :2] - 0.5, ATLAS_SIZE, ATLAS_SIZE)
    return np.where(covered[..., None], read_at(np.float32(image), seen[..., 0], seen[..., 1]), 0)


class ReplayFace:
    """Says with one face whatever is asked: the same vertices and texture at every time."""

    id, consent = "replay@0", None

    def __init__(self, image: NDArray[np.floating], landmarks: NDArray[np.floating]) -> None:
        """Take a face from a frame: (H, W, 3) in [0, 1], (468, 3) pixels."""
        seen = metric(np.asarray(landmarks, np.float64)[None])
        self.reference = head_poses(seen, canonical_vertices()).normalise(seen)[0]
        self.cylinder = fit_cylinder(self.reference)
        self.reference_atlas = unrolled(image, landmarks, self.cylinder.coordinates(self.reference))
        self.asked: list[float] = []

    @property
    def lips(self) -> NDArray[np.float32]:
        """(128, 128, 3)."""
        return np.float32(self.reference_atlas[LIP_ROWS, LIP_COLUMNS])

    def speak(self, samples: NDArray[np.floating], start: float, times: NDArray[np.floating]) -> Iterator[SpokenFace]:
        """See `FaceGenerator.speak`."""
        for at in range(0, len(times), 7):
            part = np.asarray(times[at : at + 7], np.float64)
            self.asked.extend(part.tolist())
            num = len(part)
            yield SpokenFace(
                times=part,
                vertices=np.repeat(np.float32(self.reference)[None], num, 0),
                lips=np.repeat(self.lips[None], num, 0),
                weights=np.zeros((num, 52), np.float32),
            )
