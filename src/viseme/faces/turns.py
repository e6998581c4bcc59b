"""Whether a film lies on its side or on its head, and where the faces of such a frame are.

Knows the detector, which sees upright faces alone; refuses to know tracks. The landmark network is told how a region
lies, so that faces are followed in the frames as they are.
"""

from __future__ import annotations

from collections import Counter

import numpy as np
from numpy.typing import NDArray

from viseme.faces.nets import Detection, FaceNets

__all__ = ["SURE", "FilmTurn", "detect_turned"]

SURE = 0.9
"""Detector score of a face that lies as the detector expects: of 5 faces turned by 0, 90, 180 and 270 degrees all score
.95 and more one way and .87 and less the other ways."""
NUM_TRIES = 5
"""Keyframes of a shot on which other turns are tried, as long as no face is surely found."""
NUM_VOTES = 2
"""Keyframes that must agree."""


def detect_turned(nets: FaceNets, image: NDArray[np.uint8], turn: int) -> Detection:
    """Faces that are upright once the frame is turned counter-clockwise by `turn` quarters, as boxes in the frame."""
    if turn == 0:
        return nets.detect(image)
    height, width = image.shape[:2]
    found = nets.detect(np.ascontiguousarray(np.rot90(image, turn)))
    x0, y0, x1, y1 = found[:, :4].T
    boxes = {
        1: (width - y1, x0, width - y0, x1),
        2: (width - x1, height - y1, width - x0, height - y0),
        3: (y0, height - x1, y1, height - x0),
    }[turn]
    return np.column_stack([*boxes, found[:, 4]]).astype(np.float32)


class FilmTurn:
    """By how many quarters the frames of a film must be turned for its faces to be upright."""

    def __init__(self) -> None:
        self.quarters = 0
        """Counter-clockwise."""
        self._votes: Counter[int] = Counter()
        self._tries = NUM_TRIES

    @property
    def angle(self) -> float:
        """Radians, clockwise in the image, by which an upright face appears turned."""
        return ((self.quarters + 1) % 4 - 1) * np.pi / 2

    def new_shot(self) -> None:
        """Another try for the next shot."""
        self._tries = min(self._tries + 1, NUM_TRIES)

    def changes(self, nets: FaceNets, image: NDArray[np.uint8], found: Detection) -> bool:
        """Look at a keyframe turned the other ways, where `found` holds nothing sure; True = `quarters` has changed."""
        if found[:, 4].max(initial=0) >= SURE:
            self._votes.clear()
            self._tries = min(self._tries, NUM_VOTES) if self.quarters == 0 else self._tries
            return False
        if self._tries <= 0 and self.quarters == 0:
            return False
        self._tries -= 1
        others = [q for q in range(4) if q != self.quarters] if self._tries >= 0 else [0]
        best = {q: float(detect_turned(nets, image, q)[:, 4].max(initial=0)) for q in others}
        likeliest = max(best, key=lambda q: best[q])
        if best[likeliest] < SURE:
            return False
        self._votes[likeliest] += 1
        if self._votes[likeliest] < NUM_VOTES:
            return False
        self.quarters = likeliest
        self._votes.clear()
        self._tries = NUM_TRIES
        return True
