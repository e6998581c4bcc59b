"""One frame with a new face: pose put back, light matched, jaw warped, mouth and chin blended in.

Knows vertices, textures and pixels; refuses to know files and who the face is. Only pixels of the face's own region are
read or changed, so a frame costs what its face costs.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from viseme.compose.blend import LEVELS, blended_change
from viseme.compose.draw import at_pixels
from viseme.compose.interface import FaceGenerator
from viseme.compose.light import SIZE, Light, LightMatch
from viseme.compose.region import ANCHORS, JAW_HANDLES, SKIN_HANDLES, face_region
from viseme.compose.warp import displacements, fade, read_at, spread
from viseme.face3d.atlas import ATLAS_SIZE, LIP_COLUMNS, LIP_ROWS
from viseme.face3d.atlas_triangles import TRIANGLES
from viseme.face3d.head_pose import HeadPoses, metric
from viseme.faces.schemes import CHIN, EYE_CORNERS
from viseme.media.planes import Box, FramePlanes

__all__ = ["Blend", "FaceComposer"]

Blend: TypeAlias = Literal["multiband", "alpha"]
"""How the new face passes into the frame: bands of structure over borders of their own, or plain alpha, faster."""

WARP_REACH, WARP_NEAR = 0.6, 0.12
"""Face heights from the jaw at which the frame stops moving with it, and up to which it moves all the way."""
BORDER = 0.15
"""Face heights from the border of the frame over which the warp fades."""
EDGE = 0.06
"""The same at the edges of the region that is looked at."""
LEAST_SHIFT_PX = 0.1
"""A warp that moves nothing farther is left out."""
LEAST_SIDE_PX = 8
FOREHEAD = 10
ATLAS_EYES_PX = 105.0
"""Pixels of the atlas between the outer eye corners."""
LIGHT_FACE_PX = 100
"""Pixels of a face's height that are enough to compare light."""
EYES_END = 100 / ATLAS_SIZE
"""Part of the atlas from the top in which no light is compared: forehead, hair, brows and eyes."""


@dataclass(frozen=True, kw_only=True, eq=False)
class _Face:
    """One face in one frame, places in pixels of a box of it."""

    box: Box
    rgb: NDArray[np.float32]
    """(h, w, 3) of the box."""
    filmed: NDArray[np.float32]
    """(468, 3) where the vertices are, z toward the camera."""
    placed: NDArray[np.float32]
    """(468, 3) where they shall be."""
    height: float
    """From forehead to chin."""
    eyes: float
    """Between the outer eye corners."""


class FaceComposer:
    """Puts the faces of one generator into frames, one after the other."""

    def __init__(self, generator: FaceGenerator, *, blend: Blend = "multiband") -> None:
        """Prepare what is the same in every frame.

        Args:
            generator: Whose face it is.
            blend: How it passes into the frame.
        """
        self._cylinder = generator.cylinder
        self._region = region = face_region(generator.reference)
        self._multiband = blend == "multiband"
        self._triangles = TRIANGLES[(region.mask[TRIANGLES] > 0).any(1)]
        self._handles = np.concatenate([JAW_HANDLES, SKIN_HANDLES])
        side = ATLAS_SIZE // SIZE
        atlas = np.asarray(generator.reference_atlas, np.float32)
        self._small = np.ascontiguousarray(atlas.reshape(SIZE, side, SIZE, side, 3).mean((1, 3)))
        known = atlas.reshape(SIZE, side, SIZE, side, 3).sum(-1).min((1, 3)) > 0
        known[: round(EYES_END * SIZE)] = False
        self._known = known.astype(np.float32)
        self._light = LightMatch()

    def begin(self) -> None:
        """Another shot or another face: what was learnt of its light is forgotten."""
        self._light.begin()

    def compose(
        self,
        planes: FramePlanes,
        landmarks: NDArray[np.floating],
        pose: HeadPoses,
        vertices: NDArray[np.floating],
        lips: NDArray[np.floating],
    ) -> Box | None:
        """Put one face into a frame, in place.

        Args:
            planes: The frame; it is writable.
            landmarks: (468, 3) of the filmed face, pixels of the frames that `read_frames` gives.
            pose: Of the filmed face, one frame.
            vertices: (468, 3) of the new face, reference space.
            lips: (128, 128, 3) its lip crop.

        Returns:
            The box outside of which nothing was changed; None where the face lies outside the frame.
        """
        upright = metric(np.asarray(landmarks, np.float64)[None])
        face = self._face(planes, upright[0], pose.restore(vertices[None])[0])
        if face is None:
            return None
        light = self._match(planes, face, self._cylinder.coordinates(pose.normalise(upright)[0]))
        texture = light.on(np.asarray(lips, np.float32), LIP_ROWS, LIP_COLUMNS, ATLAS_SIZE)
        base = self._warped(planes, face)
        region = self._region
        place = self._cylinder.coordinates(vertices) - [LIP_COLUMNS.start + 0.5, LIP_ROWS.start + 0.5]
        known = np.concatenate([place, region.mask[:, None], region.lips[:, None]], 1)
        drawn, _ = at_pixels(face.placed, self._triangles, known, *face.rgb.shape[:2])
        part = _around(drawn[..., 2] > 0)
        drawn, change = drawn[part], base - face.rgb
        shown = drawn[..., 2] > 0
        colours = read_at(texture, drawn[..., 0][shown], drawn[..., 1][shown])
        difference = np.zeros((*shown.shape, 3), np.float32)
        difference[shown] = np.clip(colours, 0, 1, out=colours) - base[part][shown]
        # structure finer than the atlas holds is the frame's own, moved with its skin
        finer = max(0, round(float(np.log2(face.eyes / ATLAS_EYES_PX))))
        levels = LEVELS + finer if self._multiband else 1
        fine = drawn[..., 2] * drawn[..., 3]
        change[part] += blended_change(difference, drawn[..., 2], fine, levels=levels, num_fine=1 + finer)
        planes.add(face.box, change)
        return face.box

    def _face(self, planes: FramePlanes, upright: NDArray[np.floating], new: NDArray[np.floating]) -> _Face | None:
        """Where the vertices are and where they shall be.

        Args:
            planes: The frame.
            upright: (468, 3) metric, filmed.
            new: (468, 3) metric, generated.
        """
        across, down = planes.scale
        to_frame = np.array([across, -down, across])
        filmed, new = upright * to_frame, new * to_frame
        # what lies just above the lips tells where they belong, whatever the pose is off by
        new[:, :2] += (filmed[ANCHORS] - new[ANCHORS]).mean(0)[:2]
        placed = filmed + self._region.geometry[:, None] * (new - filmed)
        height = float(np.linalg.norm(filmed[FOREHEAD, :2] - filmed[CHIN, :2]))
        inside = self._region.mask > 0
        points = np.concatenate([filmed[inside, :2], placed[inside, :2], filmed[JAW_HANDLES, :2]])
        (left, top), (right, bottom) = points.min(0) - 2, points.max(0) + 2
        box = planes.box(left, top, right, bottom + WARP_REACH * height)
        if min(box[2] - box[0], box[3] - box[1]) < LEAST_SIDE_PX:
            return None
        corner = np.array([box[0], box[1], 0])
        return _Face(
            box=box,
            rgb=planes.rgb(box),
            filmed=(filmed - corner).astype(np.float32),
            placed=(placed - corner).astype(np.float32),
            height=height,
            eyes=float(np.linalg.norm(filmed[EYE_CORNERS[0], :2] - filmed[EYE_CORNERS[1], :2])),
        )

    def _warped(self, planes: FramePlanes, face: _Face) -> NDArray[np.float32]:
        """(h, w, 3) the frame with its skin where the new face has it: jaw, chin, and what surrounds the lips."""
        new, old = face.placed[self._handles, :2], face.filmed[self._handles, :2]
        if np.abs(new - old).max() < LEAST_SHIFT_PX:
            return face.rgb
        rows, columns = face.rgb.shape[:2]
        step = max(4, round(face.eyes / 12))
        y, x = np.mgrid[0 : rows + step : step, 0 : columns + step : step].astype(np.float32)
        at = np.stack([x.ravel(), y.ravel()], 1) + np.float32(0.5)
        field = displacements(at, new, old - new, reach=face.eyes)
        field *= fade(at, new, near=WARP_NEAR * face.height, far=WARP_REACH * face.height)[:, None]
        field *= _inside(planes, face, at)[:, None]
        dx, dy = spread(np.ascontiguousarray(field.T).reshape(2, *x.shape), step, rows, columns)
        moved = np.flatnonzero(np.abs(dx).max(1) + np.abs(dy).max(1) > LEAST_SHIFT_PX)
        if not len(moved):
            return face.rgb
        part = slice(moved[0], moved[-1] + 1)
        dx, dy = dx[part], dy[part]
        dx += np.arange(columns, dtype=np.float32)
        dy += np.arange(part.start, part.stop, dtype=np.float32)[:, None]
        base = face.rgb.copy()
        base[part] = read_at(face.rgb, dx, dy)
        return base

    def _match(self, planes: FramePlanes, face: _Face, coordinates: NDArray[np.floating]) -> Light:
        """The light of the filmed face.

        Args:
            planes: The frame.
            face: Where the face is.
            coordinates: (468, 2) of the filmed face in the atlas.
        """
        points = face.filmed[:, :2] + np.array(face.box[:2], np.float32)
        (left, top), (right, bottom) = points.min(0), points.max(0)
        box = planes.box(left, top, right, bottom)
        fewer = max(1, round(face.height / LIGHT_FACE_PX))
        picture = _fewer(planes.rgb(box), fewer)
        inside = (points >= 0).all(1) & (points <= [planes.width, planes.height]).all(1)
        place = (points - np.array(box[:2], np.float32)) / fewer - 0.5
        skin = np.where(inside, 1 - self._region.lips, 0)
        flat = np.concatenate([coordinates * SIZE / ATLAS_SIZE, face.filmed[:, 2:]], 1)
        seen, covered = at_pixels(flat, TRIANGLES, np.concatenate([place, skin[:, None]], 1), SIZE, SIZE)
        filmed = read_at(picture, seen[..., 0], seen[..., 1])
        return self._light.match(self._small, filmed, self._known * (covered & (seen[..., 2] > 0.99)))


def _inside(planes: FramePlanes, face: _Face, at: NDArray[np.float32]) -> NDArray[np.float32]:
    """(N,) 0 at the border of the frame and at the upper and side edges of the box, 1 farther in."""
    left, top, right = (float(v) for v in face.box[:3])
    place = at + np.array([left, top], np.float32)
    low, high = np.array([left, top], np.float32), np.array([right, planes.height], np.float32)
    edges = np.minimum(place - low, high - place).min(1)
    borders = np.minimum(place, np.array([planes.width, planes.height], np.float32) - place).min(1)
    parts = (edges - 1) / (EDGE * face.height), (borders - 1) / (BORDER * face.height)
    return np.clip(np.minimum(*parts), 0, 1)


def _around(shown: NDArray[np.bool_]) -> tuple[slice, slice]:
    """The rows and columns of the True ones."""
    rows, columns = np.flatnonzero(shown.any(1)), np.flatnonzero(shown.any(0))
    if not len(rows):
        return slice(0, 0), slice(0, 0)
    return slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)


def _fewer(image: NDArray[np.float32], by: int) -> NDArray[np.float32]:
    """Means over squares; what does not fill one is left out."""
    height, width = (side // by * by for side in image.shape[:2])
    if by == 1 or not height or not width:
        return image
    return image[:height, :width].reshape(height // by, by, width // by, by, -1).mean((1, 3))
