"""One person's atlas in even light, and every frame's atlas in the light of it. Read `atlas` and `atlas_light` first.

Knows which part of an atlas is skin, lips, mouth; refuses to know videos and networks.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from viseme.face3d.atlas import ATLAS_SIZE, unwrap
from viseme.face3d.atlas_light import Gain, filled_in, fit_gain, symmetric, without_highlights
from viseme.face3d.head_pose import NUM_VERTICES
from viseme.faces.schemes import FACE_OVAL, LEFT_EYE, LIPS_INNER, LIPS_OUTER, MIRROR, RIGHT_EYE

__all__ = ["NormalisedAtlas", "ReferenceAtlas", "mouth_mask", "moved", "reference_atlas", "skin_mask"]

_BROW = np.array([70, 63, 105, 66, 107, 55, 65, 52, 53, 46])
"""Outline of the right brow."""
_NOT_SKIN = ((RIGHT_EYE, 1.3), (LEFT_EYE, 1.3), (_BROW, 1.25), (MIRROR[_BROW], 1.25), (LIPS_OUTER, 1.1))
"""Outlines, and how much larger than the landmarks say the thing may be."""

Points = NDArray[np.floating]


def skin_mask(coordinates: Points) -> NDArray[np.bool_]:
    """(256, 256) inside the outline of the face, without eyes, brows and lips, from (468, 2) columns and rows."""
    found = _inside([(coordinates[FACE_OVAL], 1.0)])
    return found & ~_inside([(coordinates[ring], size) for ring, size in _NOT_SKIN])


def mouth_mask(coordinates: Points) -> NDArray[np.bool_]:
    """(256, 256) between the lips, from (468, 2) columns and rows."""
    return _inside([(coordinates[LIPS_INNER], 1.0)])


def _inside(outlines: list[tuple[Points, float]]) -> NDArray[np.bool_]:
    canvas = Image.new("1", (ATLAS_SIZE, ATLAS_SIZE))
    pen = ImageDraw.Draw(canvas)
    for ring, size in outlines:
        middle = ring.mean(0)
        larger = middle + size * (ring - middle) - 0.5
        pen.polygon([(float(x), float(y)) for x, y in larger], fill=1)
    return np.asarray(canvas, bool)


def moved(atlas: NDArray[np.float32], source: Points, target: Points) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """An atlas whose vertices lie elsewhere.

    Args:
        atlas: (256, 256, 3).
        source: (468, 2) columns and rows of its vertices.
        target: (468, 2) where they are to lie.

    Returns:
        (256, 256, 3), and (256, 256) where it is known.
    """
    return unwrap(np.asarray(atlas, np.float32), source, target)  # type: ignore[arg-type]


def _mirrored(atlas: NDArray[np.float32], coordinates: Points) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """The mirror image of a face, each vertex where its counterpart was, by the exact permutation."""
    there = coordinates[MIRROR[:NUM_VERTICES]] * [-1, 1] + [ATLAS_SIZE, 0]
    return moved(np.ascontiguousarray(atlas[:, ::-1]), there, coordinates)


@dataclass(frozen=True, kw_only=True, eq=False)
class NormalisedAtlas:
    """A frame's atlas as it is and in the light of the reference."""

    atlas: NDArray[np.float32]
    """(256, 256, 3) in the light of the reference, in [0, 1]."""
    valid: NDArray[np.bool_]
    """(256, 256) where the frame shows it."""
    clean: NDArray[np.float32]
    """(256, 256, 3) in its own light, without highlights."""
    alpha: NDArray[np.float32]
    """(256, 256) highlights that were taken out, 0 to 1."""
    gain: Gain
    """From `clean` to `atlas`."""


@dataclass(frozen=True, kw_only=True, eq=False)
class ReferenceAtlas:
    """A person's atlas without highlights, the darker half lit as the brighter one."""

    atlas: NDArray[np.float32]
    """(256, 256, 3) in [0, 1]; filled in from around where it is not known."""
    valid: NDArray[np.bool_]
    """(256, 256) where it is known."""
    coordinates: NDArray[np.float64]
    """(468, 2) columns and rows of its vertices."""

    def moved_to(self, coordinates: Points) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        """(256, 256, 3) as a face whose vertices lie at (468, 2) `coordinates` would show it, and where it is known."""
        there, drawn = moved(self.atlas, self.coordinates, coordinates)
        known, _ = moved(np.repeat(self.valid[..., None], 3, 2).astype(np.float32), self.coordinates, coordinates)
        return there, drawn & (known[..., 0] > 0.99)

    def gain_of(self, frame: NDArray[np.float32], valid: NDArray[np.bool_], coordinates: Points) -> Gain:
        """What brings a frame's atlas to the light of the reference; swapped by `Gain.undo`.

        Args:
            frame: (256, 256, 3) without highlights.
            valid: (256, 256).
            coordinates: (468, 2) columns and rows of the frame's vertices.
        """
        there, known = self.moved_to(coordinates)
        both = known & valid & ~mouth_mask(coordinates)
        return fit_gain(frame, there, both, skin_mask(coordinates))

    def normalise(self, frame: NDArray[np.float32], valid: NDArray[np.bool_], coordinates: Points) -> NormalisedAtlas:
        """Take highlights and light out of a frame's atlas.

        Args:
            frame: (256, 256, 3) from `unwrap`.
            valid: (256, 256).
            coordinates: (468, 2) columns and rows of the frame's vertices.
        """
        clean, alpha = without_highlights(frame, skin_mask(coordinates) & valid)
        gain = self.gain_of(clean, valid, coordinates)
        even = gain.apply(clean)
        even[~valid] = 0
        return NormalisedAtlas(atlas=even, valid=valid, clean=clean, alpha=alpha, gain=gain)


def reference_atlas(frame: NDArray[np.float32], valid: NDArray[np.bool_], coordinates: Points) -> ReferenceAtlas:
    """The reference from the atlas of the reference frame.

    Args:
        frame: (256, 256, 3) from `unwrap`.
        valid: (256, 256).
        coordinates: (468, 2) columns and rows of its vertices.
    """
    clean, _ = without_highlights(frame, skin_mask(coordinates) & valid)
    mirrored, known = _mirrored(clean, coordinates)
    both = known & valid & ~mouth_mask(coordinates)
    even, _ = symmetric(clean, mirrored, both)
    return ReferenceAtlas(
        atlas=np.asarray(filled_in(even, valid), np.float32),
        valid=valid,
        coordinates=np.asarray(coordinates, np.float64),
    )
