"""Where one shot ends and another begins, from thumbnails. Knows pictures; refuses to know faces.

A cut is a picture whose thumbnail differs strongly from the one before, far more than its neighbours differ
among themselves (a pan or a gesture differs all the time), and that does not go back to the old content within
two pictures (a flash does). Gain and offset are taken out first, so light going on or off is no cut.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from viseme.faces.interface import PictureLike

__all__ = ["picture_difference", "thumbnail", "with_cuts"]

P = TypeVar("P", bound=PictureLike)
_WIDTH, _HEIGHT, _SAMPLES = 32, 18, 4
MIN_DIFFERENCE = 0.3
"""Least `picture_difference` of a cut."""
MIN_RATIO = 4.0
"""Least ratio of a cut's difference to the largest one of the pictures just before."""
_PAST = 8
_FLASH = 2
"""Pictures that a flash may last."""


def thumbnail(image: NDArray[np.uint8]) -> NDArray[np.float32]:
    """(18, 32, 3) means of regularly spaced pixels, scaled to zero mean and unit deviation."""
    height, width = image.shape[:2]
    rows = (np.arange(_HEIGHT * _SAMPLES) + 0.5) * height / (_HEIGHT * _SAMPLES)
    columns = (np.arange(_WIDTH * _SAMPLES) + 0.5) * width / (_WIDTH * _SAMPLES)
    small = image[rows.astype(int)[:, None], columns.astype(int)]
    small = small.reshape(_HEIGHT, _SAMPLES, _WIDTH, _SAMPLES, 3).mean(axis=(1, 3), dtype=np.float32)
    return (small - small.mean()) / max(float(small.std()), 4.0)


def picture_difference(a: NDArray[np.float32], b: NDArray[np.float32]) -> float:
    """How unlike two thumbnails are: 0 = the same up to gain and offset, about 1 = unrelated."""
    return float(np.abs(a - b).mean())


def with_cuts(pictures: Iterable[P]) -> Iterator[tuple[P, bool]]:
    """Each picture with whether it opens a new shot; the first one does not.

    Holds at most three pictures.
    """
    past: deque[float] = deque(maxlen=_PAST)
    source = iter(pictures)
    waiting: deque[tuple[P, NDArray[np.float32]]] = deque()
    before: NDArray[np.float32] | None = None
    while True:
        if not waiting:
            picture = next(source, None)
            if picture is None:
                return
            waiting.append((picture, thumbnail(picture.image)))
        picture, thumb = waiting.popleft()
        cut = False
        if before is not None:
            difference = picture_difference(before, thumb)
            cut = difference > max(MIN_DIFFERENCE, MIN_RATIO * max(past, default=0.0))
            if cut:
                while len(waiting) < _FLASH and (ahead := next(source, None)) is not None:
                    waiting.append((ahead, thumbnail(ahead.image)))
                cut = all(picture_difference(before, later) > MIN_DIFFERENCE for _, later in waiting)
            if cut:
                past.clear()
            elif difference <= MIN_DIFFERENCE:
                past.append(difference)
        yield picture, cut
        before = thumb
