"""Frames of a person in which something hides the mouth, left out of training. Knows lip crops; refuses to know
networks."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from viseme.avatar.examples import Frames
from viseme.compose.covered_mouths import LOOK_SIDE, MOST_LOOKS, UsualMouth

__all__ = ["hidden_mouths"]

MIDDLE = slice(32, 96)
"""Rows and columns of the lip crop that are looked at."""


def hidden_mouths(frames: Frames) -> NDArray[np.bool_]:
    """(N,) in which of the frames something hides the mouth.

    Args:
        frames: Of one person, in one light.
    """
    step = (MIDDLE.stop - MIDDLE.start) // LOOK_SIDE
    looks = np.empty((len(frames), LOOK_SIDE, LOOK_SIDE, 3), np.float32)
    for part, lips in frames.blocks("lips"):
        middle = lips[:, MIDDLE, MIDDLE].reshape(len(lips), LOOK_SIDE, step, LOOK_SIDE, step, 3)
        looks[part] = middle.mean((2, 4))
    every = max(1, -(-len(looks) // MOST_LOOKS))
    usual = UsualMouth.of(looks[::every])
    return np.zeros(len(looks), bool) if usual is None else usual.covered(looks)
