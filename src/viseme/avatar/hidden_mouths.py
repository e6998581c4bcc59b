"""Frames of a person in which something hides the mouth, left out of training. Knows lip crops; refuses to know
networks.

The crops of training are laid by each frame's own vertices, so lips move in them: more of a patch is left out than in
`viseme.compose.covered_mouths.mouth_patch`.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from viseme.avatar.examples import Frames
from viseme.compose.covered_mouths import MOST_PATCHES, PATCH_SIDE, UsualMouth, skin_around
from viseme.face3d.atlas import LIP_COLUMNS, LIP_ROWS

__all__ = ["hidden_mouths"]

MIDDLE = slice(32, 96)
"""Rows and columns of the lip crop that are looked at."""
DROP = 12
"""Rows of the atlas by which a lower lip may move down and still be left out."""


def hidden_mouths(frames: Frames) -> NDArray[np.bool_]:
    """(N,) in which of the frames something hides the mouth.

    Args:
        frames: Of one person, in one light.
    """
    step = (MIDDLE.stop - MIDDLE.start) // PATCH_SIDE
    patches = np.empty((len(frames), PATCH_SIDE, PATCH_SIDE, 3), np.uint8)
    for part, lips in frames.blocks("lips"):
        middle = lips[:, MIDDLE, MIDDLE].reshape(len(lips), PATCH_SIDE, step, PATCH_SIDE, step, 3)
        patches[part] = middle.mean((2, 4))
    first = LIP_ROWS.start + MIDDLE.start
    skin = skin_around((first, first + MIDDLE.stop - MIDDLE.start), LIP_COLUMNS.start + MIDDLE.start, DROP)
    every = max(1, -(-len(patches) // MOST_PATCHES))
    usual = UsualMouth.of(patches[::every], skin)
    return np.zeros(len(patches), bool) if usual is None else usual.covered(patches)
