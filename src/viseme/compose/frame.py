"""One frame with a new face: pose put back, light matched, jaw warped, mouth and chin blended in.

Knows vertices, textures and pixels; refuses to know files and who the face is. Only pixels of the face's own region are
read or changed, so a frame costs what its face costs.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from viseme.compose.blend import LEVELS, blended_change
from viseme.compose.draw import at_pixels
from viseme.compose.interface import FaceGenerator
from viseme.compose.light import Relight, upsample
from viseme.compose.region import JAW_HANDLES, SKIN_HANDLES, face_region
from viseme.compose.warp import displacements, fade, read_at, spread
from viseme.face3d.atlas import LIP_COLUMNS, LIP_ROWS, TRIANGLES
from viseme.face3d.head_pose import HeadPoses
from viseme.faces.schemes import CHIN, EYE_CORNERS
from viseme.media.planes import Box, FramePlanes

__all__ = ["FaceComposer"]

WARP_REACH = 0.6
"""Face heights below the jaw within which the frame moves with it."""
BORDER = 0.15
"""Face heights from the border of the frame within which the warp fades."""
LEAST_SHIFT_PX = 0.1
"""A warp that moves nothing farther is left out."""
FOREHEAD = 10
LIGHT_SIZE = 64
"""Side of the atlas in which light is compared."""


class FaceComposer:
    """Puts the faces of one generator into frames, one after the other."""

    def __init__(self, generator: FaceGenerator, *, blend: Literal["multiband", "alpha"] = "multiband") -> None:
        self._cylinder = generator.cylinder
        self._atlas = np.array(generator.reference_atlas, np.float32)
        self._region = region = face_region(generator.reference)
        self._levels = LEVELS if blend == "multiband" else 1
        from viseme.face3d import atlas as A
        T=A.TRIANGLES
        self._triangles = T[(region.mask[T] > 0).any(1)]
        self._handles = np.concatenate([JAW_HANDLES, SKIN_HANDLES])
        self._all=T
        self._light = Relight()

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
    ) -> bool:
        """Put one face into a frame, in place.

        Args:
            planes: The frame; it is writable.
            landmarks: (468, 3) of the filmed face, pixels of the frames that `read_frames` gives.
            pose: Of the filmed face, one frame.
            vertices: (468, 3) of the new face, reference space.
            lips: (128, 128, 3) its lip crop.

        Returns:
            Whether anything was changed: False where the face lies outside the frame.
        """
        across, down = planes.scale
        to_frame = np.array([across, -down, across], np.float32)
        filmed = np.asarray(landmarks, np.float32) * np.array([across, down, -across], np.float32)
        new = pose.restore(vertices[None])[0].astype(np.float32) * to_frame
        region = self._region
        placed = filmed + region.geometry[:, None] * (new - filmed)
        height = float(np.linalg.norm(filmed[FOREHEAD, :2] - filmed[CHIN, :2]))
        eyes = float(np.linalg.norm(filmed[EYE_CORNERS[0], :2] - filmed[EYE_CORNERS[1], :2]))
        box = self._box(planes, filmed, placed, height)
        x0, y0, x1, y1 = box
        if x1 - x0 < 8 or y1 - y0 < 8:
            return False
        rgb = planes.rgb(box)
        origin = np.array([x0, y0, 0], np.float32)
        filmed, placed = filmed - origin, placed - origin
        base = self._warped(rgb, filmed, placed, height, eyes, planes, box)
        self._atlas[LIP_ROWS, LIP_COLUMNS] = lips
        gain, a, b = self._relight(planes, box, rgb, filmed, height)
        lit = self._atlas * upsample(gain)[..., None] * a + b
        coordinates = self._cylinder.coordinates(vertices)
        attributes = np.concatenate([coordinates, region.mask[:, None], region.lips[:, None]], 1)
        drawn, covered = at_pixels(placed, self._triangles, attributes, *rgb.shape[:2])
        picture = read_at(lit, drawn[..., 0] - 0.5, drawn[..., 1] - 0.5)
        np.clip(picture, 0, 1, out=picture)
        mask = drawn[..., 2]
        fine = mask * drawn[..., 3] if eyes>90 else mask
        difference = np.where(covered[..., None], picture - base, 0)
        change = blended_change(difference, mask, fine, levels=self._levels)
        change += base - rgb
        planes.add(box, change)
        self.debug=dict(rgb=rgb,base=base,picture=picture,mask=mask,fine=fine,change=change,gain=gain,a=a,b=b,box=box,filmed=filmed,placed=placed)
        return True

    def _box(
        self, planes: FramePlanes, filmed: NDArray[np.float32], placed: NDArray[np.float32], height: float
    ) -> Box:
        inside = self._region.mask > 0
        points = np.concatenate([filmed[inside, :2], placed[inside, :2], filmed[JAW_HANDLES, :2]])
        low, high = points.min(0) - 2, points.max(0) + 2
        return planes.box(low[0], low[1], high[0], high[1] + WARP_REACH * height)

    def _warped(self, rgb, filmed, placed, height, eyes, planes, box):
        """The frame with its skin where the new face has it."""
        new, old = placed[self._handles, :2], filmed[self._handles, :2]
        rows, columns = rgb.shape[:2]
        step = max(4, round(eyes / 12))
        y, x = np.mgrid[0 : rows + step : step, 0 : columns + step : step].astype(np.float32)
        at = np.stack([x.ravel() + 0.5, y.ravel() + 0.5], 1)
        field = displacements(at, new, old - new, reach=eyes)
        field *= fade(at, new, near=0.12 * height, far=WARP_REACH * height)[:, None]
        place = at + np.array(box[:2], np.float32)
        edge = np.minimum(place, np.array([planes.width, planes.height], np.float32) - place).min(1)
        field *= np.clip(edge / (BORDER * height), 0, 1)[:, None]
        if np.abs(field).max() < LEAST_SHIFT_PX:
            return rgb
        dx, dy = spread(field.T.reshape(2, *x.shape), step, rows, columns)
        dx += np.arange(columns, dtype=np.float32)
        dy += np.arange(rows, dtype=np.float32)[:, None]
        return read_at(rgb, dx, dy)

    def _relight(self, planes, box, rgb, filmed, height):
        s=LIGHT_SIZE/256
        # filmed vertices, whole face, in the atlas
        x0,y0=box[:2]
        low,high=filmed[:,:2].min(0)+[x0,y0],filmed[:,:2].max(0)+[x0,y0]
        full=planes.box(*low,*high)
        pic=planes.rgb(full)
        k=max(1,round(height/80))
        if k>1:
            h,w=pic.shape[0]//k*k,pic.shape[1]//k*k
            pic=pic[:h,:w].reshape(h//k,k,w//k,k,3).mean((1,3))
        rel=(filmed[:,:2]+[x0,y0]-np.array(full[:2]))/k
        pts=np.concatenate([self._coords_filmed*s, np.zeros((468,1))],1)
        att=np.concatenate([rel,self._region.lips[:,None]],1)
        d,cov=at_pixels(pts,self._all,att,LIGHT_SIZE,LIGHT_SIZE)
        target=read_at(pic,d[...,0]-.5,d[...,1]-.5)
        small=self._atlas.reshape(LIGHT_SIZE,4,LIGHT_SIZE,4,3).mean((1,3))
        w=cov*(d[...,2]<.05)*(small.sum(-1)>.05)
        w[:24]=0
        self.dbg_l=(target,small,w)
        return self._light.gain(small,target,w.astype(np.float32))
