"""Frames in which something lies before the mouth: a hand, a cup, a microphone. Knows landmarks and pixels; refuses to
know networks, and who the person is.

The skin around one person's lips, looked at where the face mesh has it, lies near a few principal components whatever
is said; what comes before it does not.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import binary_closing, binary_dilation, binary_opening, uniform_filter1d

from viseme.compose.draw import at_pixels
from viseme.compose.warp import read_at
from viseme.face3d.atlas import fit_cylinder
from viseme.face3d.atlas_triangles import MOUTH, TESSELATION
from viseme.face3d.head_pose import canonical_vertices

__all__ = ["LOOK_SIDE", "MOST_LOOKS", "UsualMouth", "covered_for_long", "mouth_look"]

LOOK_SIDE = 16
"""Of a look at a mouth, pixels."""
MOST_LOOKS = 2000
"""Frames, evenly chosen, from which it is learnt how a mouth looks: more tell nothing new."""
ROWS, COLUMNS = slice(136, 208), slice(92, 164)
"""Of the atlas that are looked at: from under the nose to the chin, a little wider than the lips."""
FINER = 2
"""Places along a side of a pixel, of which the mean is taken."""
OUTER_LIPS = (
    61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291, 409, 270, 269, 267, 0, 37, 39, 40, 185,
)  # fmt: skip
COMPONENTS = 12
FRAMES_EACH = 8
"""Frames that a component needs."""
LEAST = 60
"""Frames below which nothing is said."""
BEGUN = 0.5
"""Share of the frames, those nearest to the median, with which fitting begins: so nothing that stays before the mouth
for a while can become a component ..."""
ROUNDS = 10
SPREAD = 8.0
"""... and from which it grows by frames that differ by so many times what is between the lower quartile and the median
of all ..."""
DIFFERENT = 12.0
"""... or at least by this, where the skin has 100: root mean square over a patch."""
PATCH = 4
"""Pixels over which a difference must reach."""
LEAST_SKIN = 0.4
"""Share of a patch that must not be lips."""
MOST = 0.4
"""Share of frames above which nothing is said to cover the mouth: then it is the picture that varies."""
GAP, SHORT, BESIDE = 5, 3, 2
"""Frames between two covered ones that count as covered too; frames below which a stretch does not count; and frames
beside a stretch that count too."""


def mouth_look(image: NDArray[np.uint8], landmarks: NDArray[np.floating], scale: float) -> NDArray[np.uint8]:
    """How the skin around the lips looks, each pixel of the same place of the face whatever the mouth does.

    Args:
        image: (H, W, 3) RGB.
        landmarks: (468 or 478, 3) source pixels.
        scale: Width of `image` over that of the source frame.

    Returns:
        (16, 16, 3).
    """
    corners, weights = _places()
    at = (np.asarray(landmarks, np.float32)[corners, :2] * weights[..., None]).sum(1) * np.float32(scale)
    if not np.isfinite(at).all():
        return np.zeros((LOOK_SIDE, LOOK_SIDE, 3), np.uint8)
    height, width = image.shape[:2]
    x0, y0 = (int(v) for v in np.clip(np.floor(at.min(0)) - 1, 0, [width - 2, height - 2]))
    x1, y1 = (int(v) for v in np.clip(np.ceil(at.max(0)) + 2, [x0 + 2, y0 + 2], [width, height]))
    side = LOOK_SIDE * FINER
    x, y = (at - np.array([x0, y0], np.float32) - np.float32(0.5)).T.reshape(2, side, side)
    fine = read_at(image[y0:y1, x0:x1].astype(np.float32), x, y)
    return np.asarray(fine.reshape(LOOK_SIDE, FINER, LOOK_SIDE, FINER, 3).mean((1, 3)) + 0.5, np.uint8)


@dataclass(frozen=True, eq=False)
class UsualMouth:
    """How one person's mouth looks when nothing lies before it."""

    mean: NDArray[np.float64]
    """(768,)."""
    basis: NDArray[np.float64]
    """(768, C) principal components."""
    limit: float
    """Difference above which something lies before it."""

    @staticmethod
    def of(looks: NDArray[np.generic]) -> UsualMouth | None:
        """Learn it from frames of which less than half are covered.

        Args:
            looks: (N, 16, 16, 3), in any unit; `MOST_LOOKS` are enough.

        Returns:
            None where there are fewer than 60 frames, or where more than two in five would count as covered.
        """
        if len(looks) < LEAST:
            return None
        rows = _even(looks)
        mean, basis = np.median(rows, 0), np.zeros((rows.shape[1], 0))
        off = _differences(rows, mean, basis)
        kept = off <= np.quantile(off, BEGUN)
        limit = 0.0
        for _ in range(ROUNDS):
            mean, basis = _components(rows[kept])
            off = _differences(rows, mean, basis)
            low, middle = (float(q) for q in np.quantile(off, [0.25, 0.5]))
            limit = max(middle + SPREAD * (middle - low), DIFFERENT)
            new = off < limit
            if (new == kept).all():
                break
            kept = new
        return None if (off > limit).mean() > MOST else UsualMouth(mean, basis, limit)

    def covered(self, looks: NDArray[np.generic]) -> NDArray[np.bool_]:
        """(N,) in which frames something lies before the mouth, from (N, 16, 16, 3)."""
        return np.asarray(_differences(_even(looks), self.mean, self.basis) > self.limit)


def covered_for_long(frames: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """(N,) the same without short gaps and short stretches, and a little longer on both sides.

    Example:
        >>> covered_for_long(np.array([0, 0, 0, 1, 0, 0, 1, 0, 0, 0], bool)).astype(int).tolist()
        [0, 1, 1, 1, 1, 1, 1, 1, 1, 0]
    """
    if not frames.any():
        return frames
    around = GAP + BESIDE
    whole = binary_closing(np.pad(frames, around), np.ones(GAP + 1))
    whole = binary_dilation(binary_opening(whole, np.ones(SHORT)), np.ones(2 * BESIDE + 1))
    return np.asarray(whole[around:-around], bool)


def _even(looks: NDArray[np.generic]) -> NDArray[np.float64]:
    """(N, 768) with the median of the skin's brightness at 100."""
    values = np.asarray(looks, np.float64)
    skin = values.mean(-1)[:, _skin()[0] > 0]
    level = np.maximum(np.median(skin, 1), 1e-3)
    return (values * (100 / level)[:, None, None, None]).reshape(len(values), -1)


def _components(rows: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(768,) mean and (768, C) principal components."""
    mean = rows.mean(0)
    num = max(1, min(COMPONENTS, len(rows) // FRAMES_EACH))
    centred = rows - mean
    _, vectors = np.linalg.eigh(centred.T @ centred)
    return mean, vectors[:, -num:]


def _differences(
    rows: NDArray[np.float64], mean: NDArray[np.float64], basis: NDArray[np.float64]
) -> NDArray[np.float64]:
    """(N,) root mean square of what components do not tell, over the skin of the worst patch."""
    skin, share = _skin()
    off = rows - mean
    off -= off @ basis @ basis.T
    places = np.square(off).reshape(len(rows), LOOK_SIDE, LOOK_SIDE, 3).mean(3) * skin
    patches = uniform_filter1d(uniform_filter1d(places, PATCH, axis=1), PATCH, axis=2)
    patches = np.where(share > LEAST_SKIN, patches / np.maximum(share, LEAST_SKIN), 0)
    return np.asarray(np.sqrt(np.maximum(patches, 0).max((1, 2))), np.float64)


@lru_cache(maxsize=1)
def _flat() -> NDArray[np.float64]:
    """(468, 2) columns and rows of a usual face's vertices in a look."""
    reference = canonical_vertices()
    places = fit_cylinder(reference).coordinates(reference) - [COLUMNS.start, ROWS.start]
    return np.asarray(places * LOOK_SIDE / (ROWS.stop - ROWS.start), np.float64)


@lru_cache(maxsize=1)
def _places() -> tuple[NDArray[np.intp], NDArray[np.float32]]:
    """(P, 3) vertices and weights of each place that is read."""
    side = LOOK_SIDE * FINER
    level = np.concatenate([_flat() * FINER, np.zeros((len(_flat()), 1))], 1)
    drawn, shown = at_pixels(level, np.concatenate([TESSELATION, MOUTH])[::-1], np.eye(len(level)), side, side)
    assert shown.all()
    share = drawn.reshape(side * side, -1)
    corners = np.argsort(share, 1)[:, -3:]
    return corners, np.take_along_axis(share, corners, 1)


@lru_cache(maxsize=1)
def _skin() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(16, 16) 1 where a look shows skin, 0 where lips; (16, 16) how much of the patch around is skin."""
    lips = _flat()[list(OUTER_LIPS)]
    level = np.concatenate([lips, np.zeros((len(lips), 1))], 1)
    fan = np.array([[0, i, i + 1] for i in range(1, len(lips) - 1)])
    _, shown = at_pixels(level, fan, np.zeros((len(lips), 1)), LOOK_SIDE, LOOK_SIDE)
    skin = 1.0 - shown
    return skin, uniform_filter1d(uniform_filter1d(skin, PATCH, axis=0), PATCH, axis=1)
