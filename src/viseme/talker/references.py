"""Which frames of a video show a person best with the mouth closed: identity references of a talker.

Knows tracks and frames; refuses to know networks.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from viseme.compose.target import Stretch, TargetFaces
from viseme.core.errors import FaceError
from viseme.faces.crops import crop_frame
from viseme.faces.geometry import lip_opening
from viseme.faces.tight_squares import tight_squares
from viseme.media.frames import read_frames

__all__ = ["APART_S", "References", "find_references"]

APART_S = 1.0
"""Seconds between a frame and its reference, at least: a nearer one would tell what the lips do."""
NUM_CANDIDATES = 24
CLOSED_SHARE = 0.2
"""Share of the frames, those with the most closed mouths, among which the sharpest is sought."""
SEARCHED_S = 60.0
"""Seconds of the face in which references are sought."""


@dataclass(frozen=True, eq=False)
class References:
    """One or two frames, so that one of them is far from any other."""

    times: tuple[float, ...]
    """Seconds; the better one first."""
    crops: tuple[NDArray[np.uint8], ...]
    """(S, S, 3) RGB of each."""

    def far_from(self, time: float) -> NDArray[np.uint8]:
        """The best that lies `APART_S` from a time, or the farthest."""
        apart = [abs(time - t) for t in self.times]
        far = [i for i, by in enumerate(apart) if by >= APART_S]
        return self.crops[far[0] if far else int(np.argmax(apart))]


def find_references(
    path: str | os.PathLike[str], faces: TargetFaces, stretches: Sequence[Stretch], side: int
) -> References:
    """Look at the frames with closed mouths and take the sharpest, and the sharpest two seconds or more from it.

    Args:
        path: The video.
        faces: Of the video, followed.
        stretches: The frames of the person who is meant.
        side: Of a crop, pixels.

    Raises:
        FaceError: none of these frames can be read.
    """
    wanted = _candidates(faces, stretches)
    found: list[tuple[float, float, NDArray[np.uint8]]] = []
    first, last = min(wanted), max(wanted)
    for frame in read_frames(path, start=max(0.0, first - 1e-3) or None):
        time = float(frame.time)
        if time > last + 1e-6:
            break
        near = min(wanted, key=lambda t: abs(t - time))
        if abs(near - time) < 1e-4:
            crop = crop_frame(frame.image, wanted[near], scale=frame.scale, size=side)
            found.append((_sharpness(crop), near, crop))
    if not found:
        raise FaceError(f"{os.fspath(path)}: no frame with a closed mouth could be read")
    found.sort(key=lambda one: -one[0])
    best = found[0]
    others = [one for one in found if abs(one[1] - best[1]) >= 2 * APART_S]
    farthest = max(found, key=lambda one: abs(one[1] - best[1]))
    picked = [best, others[0] if others else farthest]
    return References(tuple(one[1] for one in picked), tuple(one[2] for one in picked))


def _candidates(faces: TargetFaces, stretches: Sequence[Stretch]) -> dict[float, NDArray[np.float64]]:
    """Seconds -> square of frames whose mouth is closed, spread over the first minute of the face."""
    times, squares, openings, hidden = [], [], [], []
    covered = faces.covered(stretches)
    seen = 0.0
    for stretch in stretches:
        when = faces.times[stretch.first : stretch.stop]
        landmarks = faces.landmarks(stretch)
        times.append(when)
        squares.append(tight_squares(landmarks))
        openings.append(lip_opening(landmarks))
        hidden.append(covered[stretch.first : stretch.stop])
        seen += float(when[-1] - when[0]) * float((~hidden[-1]).mean())
        if seen > SEARCHED_S:
            break
    opening, free = np.concatenate(openings), ~np.concatenate(hidden)
    closed = np.flatnonzero(free & (opening <= np.quantile(opening[free], CLOSED_SHARE)))
    some = closed[np.unique(np.linspace(0, len(closed) - 1, NUM_CANDIDATES).round().astype(int))]
    when, where = np.concatenate(times), np.concatenate(squares)
    return {float(when[i]): where[i] for i in some.tolist()}


def _sharpness(crop: NDArray[np.uint8]) -> float:
    """Variance of the Laplacian of the brightness."""
    grey = crop.astype(np.float32).mean(-1)
    inner = grey[1:-1, 1:-1]
    return float((4 * inner - grey[:-2, 1:-1] - grey[2:, 1:-1] - grey[1:-1, :-2] - grey[1:-1, 2:]).var())
