"""Frames in which something hides the mouth: a hand, a cup, a microphone. Knows lip crops; refuses to know networks.

Lips of one person in one light lie near a few principal components, whatever is said; what comes before them does not.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import uniform_filter1d

from viseme.avatar.examples import Frames

__all__ = ["hidden_mouths", "unlike_the_rest"]

SIDE = 16
"""Of the small crops that are looked at, pixels."""
COMPONENTS = 12
ROUNDS = 4
"""Fits, each without the frames that the one before found unlike the rest ..."""
DOUBTFUL = 8.0
"""... by so many median absolute deviations."""
HIDDEN = 20.0
"""Deviations from which a mouth counts as hidden. Of 6,288 clean frames of a GRID speaker the largest is 21, one in a
thousand above 15.5; of 300 discs in the colours of the skin, a third to two thirds of the mouth wide, 95 % lie above
24."""
PATCH = 4
"""Small pixels over which a difference must reach."""
MOST = 0.4
"""Share of frames above which nothing is said to hide the mouth: then it is the mouth that varies."""


def hidden_mouths(frames: Frames) -> NDArray[np.bool_]:
    """(N,) in which of the frames something hides the mouth."""
    small = np.empty((len(frames), SIDE * SIDE * 3), np.float32)
    for part, lips in frames.blocks("lips"):
        step = lips.shape[1] // SIDE
        small[part] = lips.reshape(len(lips), SIDE, step, SIDE, step, 3).mean((2, 4)).reshape(len(lips), -1)
    return unlike_the_rest(small)


def unlike_the_rest(crops: NDArray[np.floating]) -> NDArray[np.bool_]:
    """Which crops are no mixture of what the others show.

    Args:
        crops: (N, 768) small lip crops, in any unit.

    Returns:
        (N,) bool; none where there are fewer than 100, or where more than `MOST` would be.
    """
    kept = np.ones(len(crops), bool)
    found = np.zeros(len(crops), bool)
    if len(crops) < 100:
        return found
    for _ in range(ROUNDS):
        mean = crops[kept].mean(0)
        centred = (crops[kept] - mean).astype(np.float64)
        _, vectors = np.linalg.eigh(centred.T @ centred)
        basis = vectors[:, -COMPONENTS:]
        off = crops - mean - (crops - mean) @ basis @ basis.T
        places = np.square(off).reshape(len(crops), SIDE, SIDE, 3).mean(3)
        patches = uniform_filter1d(uniform_filter1d(places, PATCH, axis=1), PATCH, axis=2)
        worst = np.sqrt(np.maximum(patches, 0)).max((1, 2))
        middle = np.median(worst[kept])
        spread = max(float(np.median(np.abs(worst[kept] - middle))), 1e-9)
        kept = worst < middle + DOUBTFUL * spread
        if kept.mean() < 1 - MOST:
            return found
        found = worst > middle + HIDDEN * spread
    return found
