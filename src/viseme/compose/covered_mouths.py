"""Frames in which something lies before the mouth: a hand, a cup, a microphone. Knows landmarks and pixels; refuses to
know networks, and who the person is.

The skin around one person's lips lies near a few principal components whatever is said; what comes before it does not.
Patches are 16 x 16 pixels around the mouth, from which brightness is taken out: their skin has a median of 100.
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

__all__ = ["MOST_COVERED", "MOST_PATCHES", "PATCH_SIDE", "UsualMouth", "mouth_patch", "skin_around", "smoothed_flags"]

PATCH_SIDE = 16
"""Of a patch, pixels."""
MOST_PATCHES = 2000
"""Frames, evenly chosen, from which it is learnt how a mouth looks: more tell nothing new."""
ROWS, COLUMNS = slice(136, 208), slice(92, 164)
"""Of the atlas that a patch shows: from under the nose to the chin, a little wider than the lips."""
FINER = 2
"""Places along a side of a pixel, of which the mean is taken."""
OUTER_LIPS = (
    61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291, 409, 270, 269, 267, 0, 37, 39, 40, 185,
)  # fmt: skip
"""Vertices around the lips, in order."""
COMPONENTS = 12
FRAMES_EACH = 8
"""Frames that a component needs."""
LEAST = 60
"""Frames below which nothing is said."""
BEGUN = 0.5
"""Share of the frames, those nearest to the median, to which components are fitted first. Then by those that are told
well enough, and so on: what stays before the mouth for a while must not become a component."""
ROUNDS = 10
"""Of fitting, at most."""
SPREAD = 8.0
"""Difference that is told well enough, in distances from the lower quartile to the median of all frames, above it."""
DIFFERENT = 12.0
"""Difference that always is: root mean square, in the unit of the skin's median of 100."""
WINDOW = 4
"""Side of the squares, pixels, of which the worst counts."""
LEAST_SKIN = 0.4
"""Share of such a square that must be skin."""
MOST_COVERED = 0.4
"""Share of frames above which nothing is said: then it is the picture that varies."""
GAP = 5
"""Frames between two covered ones that count as covered too, before short stretches are dropped."""
SHORT = 3
"""Frames below which a stretch does not count."""
BESIDE = 2
"""Frames on both sides of a stretch that count too."""
BLOCK = 1000
"""Patches that are compared at once."""


def mouth_patch(image: NDArray[np.uint8], landmarks: NDArray[np.floating], scale: float) -> NDArray[np.uint8]:
    """The skin around the lips, each pixel of the same place of the face mesh whatever the mouth does.

    Args:
        image: (H, W, 3) RGB.
        landmarks: (468 or 478, 3) source pixels.
        scale: Width of `image` over that of the source frame.

    Returns:
        (16, 16, 3); black where a landmark is not finite.
    """
    corners, weights = _places()
    at = (np.asarray(landmarks, np.float32)[corners, :2] * weights[..., None]).sum(1) * np.float32(scale)
    if not np.isfinite(at).all():
        return np.zeros((PATCH_SIDE, PATCH_SIDE, 3), np.uint8)
    height, width = image.shape[:2]
    x0, y0 = (int(v) for v in np.clip(np.floor(at.min(0)) - 1, 0, [width - 2, height - 2]))
    x1, y1 = (int(v) for v in np.clip(np.ceil(at.max(0)) + 2, [x0 + 2, y0 + 2], [width, height]))
    side = PATCH_SIDE * FINER
    x, y = (at - np.array([x0, y0], np.float32) - np.float32(0.5)).T.reshape(2, side, side)
    fine = read_at(image[y0:y1, x0:x1].astype(np.float32), x, y)
    return np.asarray(fine.reshape(PATCH_SIDE, FINER, PATCH_SIDE, FINER, 3).mean((1, 3)) + 0.5, np.uint8)


@dataclass(frozen=True, eq=False)
class UsualMouth:
    """How one person's mouth looks in one light when nothing lies before it."""

    mean: NDArray[np.float64]
    """(768,)."""
    basis: NDArray[np.float64]
    """(768, C) principal components."""
    limit: float
    """Difference above which something lies before it."""
    skin: NDArray[np.float64]
    """(16, 16) 1 where a patch shows skin, 0 where lips."""

    @staticmethod
    def of(patches: NDArray[np.generic], skin: NDArray[np.float64] | None = None) -> UsualMouth | None:
        """Learn it from frames of which at most two in five are covered.

        Args:
            patches: (N, 16, 16, 3), in any unit; `MOST_PATCHES` are enough.
            skin: (16, 16) where they show skin; None = of `mouth_patch`.

        Returns:
            None where there are fewer than 60 frames, or where more than two in five would count as covered.
        """
        if len(patches) < LEAST:
            return None
        shown = skin_around() if skin is None else skin
        rows = _even(patches, shown)
        mean, basis = np.median(rows, 0), np.zeros((rows.shape[1], 0))
        off = _differences(rows, mean, basis, shown)
        kept = off <= np.quantile(off, BEGUN)
        limit = 0.0
        for _ in range(ROUNDS):
            mean, basis = _components(rows[kept])
            off = _differences(rows, mean, basis, shown)
            low, middle = (float(q) for q in np.quantile(off, [0.25, 0.5]))
            limit = max(middle + SPREAD * (middle - low), DIFFERENT)
            new = off < limit
            if (new == kept).all():
                break
            kept = new
        return None if (off > limit).mean() > MOST_COVERED else UsualMouth(mean, basis, limit, shown)

    def covered(self, patches: NDArray[np.generic]) -> NDArray[np.bool_]:
        """(N,) in which frames something lies before the mouth, from (N, 16, 16, 3)."""
        out = np.zeros(len(patches), bool)
        for at in range(0, len(patches), BLOCK):
            rows = _even(patches[at : at + BLOCK], self.skin)
            out[at : at + BLOCK] = _differences(rows, self.mean, self.basis, self.skin) > self.limit
        return out


def smoothed_flags(frames: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """(N,) flags of frames that follow each other, without short gaps, then without short stretches, then wider.

    Example:
        >>> smoothed_flags(np.array([0, 0, 0, 1, 0, 0, 1, 0, 0, 0], bool)).astype(int).tolist()
        [0, 1, 1, 1, 1, 1, 1, 1, 1, 0]
    """
    if not frames.any():
        return frames
    around = GAP + BESIDE
    whole = binary_closing(np.pad(frames, around), np.ones(GAP + 1))
    whole = binary_dilation(binary_opening(whole, np.ones(SHORT)), np.ones(2 * BESIDE + 1))
    return np.asarray(whole[around:-around], bool)


@lru_cache(maxsize=4)
def skin_around(
    rows: tuple[int, int] = (ROWS.start, ROWS.stop), first_column: int = COLUMNS.start, drop: int = 0
) -> NDArray[np.float64]:
    """(16, 16) 1 where a square part of the atlas shows skin, 0 where lips.

    Args:
        rows: First row and the one after the last.
        first_column: Of as many columns.
        drop: Rows by which the lower lip may lie lower than at rest; 0 where the patch moves with the mesh.
    """
    lips = _flat(rows, first_column)[list(OUTER_LIPS)]
    fan = np.array([[0, i, i + 1] for i in range(1, len(lips) - 1)])
    shown = np.zeros((PATCH_SIDE, PATCH_SIDE), bool)
    for down in range(0, drop + 1, 4):
        moved = lips + np.array([0, down * PATCH_SIDE / (rows[1] - rows[0])])
        level = np.concatenate([moved, np.zeros((len(lips), 1))], 1)
        shown |= at_pixels(level, fan, np.zeros((len(lips), 1)), PATCH_SIDE, PATCH_SIDE)[1]
    return 1.0 - shown


def _even(patches: NDArray[np.generic], skin: NDArray[np.float64]) -> NDArray[np.float64]:
    """(N, 768) with the median of the skin's brightness at 100."""
    values = np.asarray(patches, np.float64)
    level = np.maximum(np.median(values.mean(-1)[:, skin > 0], 1), 1e-3)
    return (values * (100 / level)[:, None, None, None]).reshape(len(values), -1)


def _components(rows: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(768,) mean and (768, C) principal components."""
    mean = rows.mean(0)
    num = max(1, min(COMPONENTS, len(rows) // FRAMES_EACH))
    centred = rows - mean
    if len(rows) < rows.shape[1]:
        return mean, np.linalg.svd(centred, full_matrices=False)[2][:num].T
    _, vectors = np.linalg.eigh(centred.T @ centred)
    return mean, vectors[:, -num:]


def _differences(
    rows: NDArray[np.float64], mean: NDArray[np.float64], basis: NDArray[np.float64], skin: NDArray[np.float64]
) -> NDArray[np.float64]:
    """(N,) root mean square of what components do not tell, over the skin of the worst square."""
    off = rows - mean
    off -= off @ basis @ basis.T
    places = np.square(off).reshape(len(rows), PATCH_SIDE, PATCH_SIDE, 3).mean(3) * skin
    share = uniform_filter1d(uniform_filter1d(skin, WINDOW, axis=0), WINDOW, axis=1)
    squares = uniform_filter1d(uniform_filter1d(places, WINDOW, axis=1), WINDOW, axis=2)
    squares = np.where(share > LEAST_SKIN, squares / np.maximum(share, LEAST_SKIN), 0)
    return np.asarray(np.sqrt(np.maximum(squares, 0).max((1, 2))), np.float64)


def _flat(rows: tuple[int, int], first_column: int) -> NDArray[np.float64]:
    """(468, 2) columns and rows of a usual face's vertices in a square part of the atlas, in pixels of a patch."""
    reference = canonical_vertices()
    places = fit_cylinder(reference).coordinates(reference) - [first_column, rows[0]]
    return np.asarray(places * PATCH_SIDE / (rows[1] - rows[0]), np.float64)


@lru_cache(maxsize=1)
def _places() -> tuple[NDArray[np.intp], NDArray[np.float32]]:
    """(P, 3) vertices and weights of each place that is read."""
    side = PATCH_SIDE * FINER
    flat = _flat((ROWS.start, ROWS.stop), COLUMNS.start)
    level = np.concatenate([flat * FINER, np.zeros((len(flat), 1))], 1)
    drawn, shown = at_pixels(level, np.concatenate([TESSELATION, MOUTH])[::-1], np.eye(len(level)), side, side)
    assert shown.all()
    share = drawn.reshape(side * side, -1)
    corners = np.argsort(share, 1)[:, -3:]
    return corners, np.take_along_axis(share, corners, 1)
