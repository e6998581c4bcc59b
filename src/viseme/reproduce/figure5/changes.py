"""What is done to a face: shifts, turns and scales, as matrices. Knows numbers alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from viseme.media import Frame
from viseme.media.images import warp_affine

__all__ = ["FARTHEST", "KINDS", "SCALES", "UNCHANGED", "Change", "changed_frame", "changed_images", "changes"]

Kind = Literal["shift", "rotation", "scale"]
KINDS: dict[Kind, str] = {"shift": "px of 256", "rotation": "degrees", "scale": "times"}
"""Kind -> unit of its values."""


@dataclass(frozen=True)
class Change:
    """One thing that is done to every frame of a clip, about the centre of the face."""

    kind: Kind
    value: float
    """Pixels of the 256-pixel canvas to the right, degrees counter-clockwise, or a factor."""

    @property
    def is_none(self) -> bool:
        """Whether nothing is done."""
        return self.value == (1 if self.kind == "scale" else 0)

    def matrix(
        self, px: float = 1.0, centre: Sequence[float] | NDArray[np.floating] = (0.0, 0.0)
    ) -> NDArray[np.float64]:
        """(2, 3) of it in an image.

        Args:
            px: Pixels of the image that one pixel of the canvas covers.
            centre: Of the face, pixels of the image.

        Example:
            >>> Change("shift", 2).matrix(3.0).tolist()
            [[1.0, 0.0, 6.0], [-0.0, 1.0, 0.0]]
        """
        turn = np.deg2rad(self.value) if self.kind == "rotation" else 0.0
        factor = self.value if self.kind == "scale" else 1.0
        cos, sin = factor * np.cos(turn), factor * np.sin(turn)
        linear = np.array([[cos, sin], [-sin, cos]])
        middle = np.asarray(centre, np.float64)
        shift = np.array([self.value * px if self.kind == "shift" else 0.0, 0.0])
        return np.column_stack([linear, middle - linear @ middle + shift])


UNCHANGED = Change("shift", 0.0)
FARTHEST = 25.6
"""A tenth of the canvas: the shift up to which our speech expert is to stay as it is."""
SCALES = (0.7, 0.8, 0.9, 1.1, 1.25, 1.4)


def changes(shift_step: float, rotation_step: float) -> list[Change]:
    """Every change, nothing first: shifts to 12 pixels and of a tenth of the canvas, and turns to 30 degrees, either
    way; scales from .7 to 1.4."""
    shifts = [*np.arange(0, 12 + 1e-9, shift_step)[1:], FARTHEST]
    turns = np.arange(0, 30 + 1e-9, rotation_step)[1:]
    return [
        UNCHANGED,
        *(Change("shift", float(s * v)) for v in shifts for s in (-1, 1)),
        *(Change("rotation", float(s * v)) for v in turns for s in (-1, 1)),
        *(Change("scale", v) for v in SCALES),
    ]


def changed_images(images: NDArray[np.uint8], change: Change, px: NDArray[np.floating]) -> NDArray[np.uint8]:
    """(T, S, S, 3) crops, changed about their centres.

    Args:
        images: (T, S, S, 3).
        change: What is done.
        px: (T,) pixels of a crop that one pixel of the canvas covers.
    """
    if change.is_none:
        return images
    size = images.shape[1]
    centre = (size / 2, size / 2)
    return np.stack([warp_affine(i, change.matrix(p, centre), size, size) for i, p in zip(images, px.tolist())])


def changed_frame(frame: Frame, change: Change, px: float, centre: NDArray[np.floating]) -> Frame:
    """A whole frame, changed about the face.

    Args:
        frame: Perhaps reduced.
        change: What is done.
        px: Source pixels that one pixel of the canvas covers.
        centre: (2,) of the face, source pixels.
    """
    if change.is_none:
        return frame
    height, width = frame.image.shape[:2]
    matrix = change.matrix(px * frame.scale, np.asarray(centre) * frame.scale)
    return replace(frame, image=warp_affine(frame.image, matrix, width, height))
