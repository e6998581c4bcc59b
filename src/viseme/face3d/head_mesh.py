"""The mesh of a talking head: face, neck and shoulders, long hair, and what every vertex says about its surface.

Knows a face model and a look; refuses to know light and pixels. What does not change from frame to frame is made once
per model (`head_mesh`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from viseme.face3d.camera import place
from viseme.face3d.interface import PARTS, Bust, FaceModel
from viseme.face3d.look import HAIR_SHAPES, Look
from viseme.faces.rotation import rotation_matrix
from viseme.faces.schemes import CHIN, EYE_CORNERS, INNER_MOUTH_CORNERS, LIP_MIDDLE

__all__ = [
    "BEARD",
    "BODY",
    "BROW",
    "CLOTH",
    "EYE",
    "GLOSS",
    "HAIR",
    "RED",
    "SHADE",
    "SKIN",
    "SURFACE_U",
    "SURFACE_V",
    "TEETH",
    "TONGUE",
    "HeadMesh",
    "head_mesh",
    "summed_normals",
]

SKIN, TONGUE, TEETH, EYE, BODY = 0, 1, 2, 3, 4
"""Kinds of triangles: how they are shaded."""
RED, SHADE, HAIR, BROW, BEARD, SURFACE_U, SURFACE_V, GLOSS, CLOTH, NUM_ATTRIBUTES = 3, 6, 7, 8, 9, 10, 11, 12, 13, 14
"""Columns of the attribute table: normal 0-2, albedo 3-5, then one each. `SURFACE_U` and `SURFACE_V` say
where on the surface."""
BALD = -9.0
"""`HAIR` where none can grow."""
NO_CLOTH = 9.0
"""`CLOTH` where no garment can be."""


@dataclass(frozen=True, eq=False, slots=True)
class HeadMesh:
    """Everything about a model that does not change from frame to frame; it holds the model, so its id stays its own.

    Vertices are the model's own (V), then those of neck and shoulders (Vb), then those of the long hair (Vc).
    """

    model: FaceModel
    triangles: NDArray[np.int32]
    kinds: NDArray[np.int8]
    """(F,) `SKIN`, `TONGUE`, ..."""
    num_short: int
    """Triangles before those of the long hair."""
    follow: NDArray[np.float64]
    """(V [+ Vb + Vc],) 1 = moves with the head, 0 = with the shoulders."""
    pivot: NDArray[np.float64]
    """(3,) where the neck turns."""
    pull: NDArray[np.float64]
    """(Vb, R) from `Bust.pull`."""
    curtain: NDArray[np.float64]
    """(Vc, 4) homogeneous vertices of the long hair around the mean head."""
    anchors: NDArray[np.int64]
    """Head vertices that the long hair hangs from."""
    unhang: NDArray[np.float64]
    """(4, anchors) pseudo-inverse: times the anchors' places, the affine map from the mean head to this one."""
    fixed: NDArray[np.float32]
    """(V [+ Vb + Vc], NUM_ATTRIBUTES) attributes at rest."""
    inside: NDArray[np.int64]
    """Head vertices inside the mouth."""

    def with_hair(self, head: NDArray[np.float64], look: Look) -> NDArray[np.float64]:
        """(V, 3) the head with its scalp lifted by the volume of the hair."""
        volume, shift, _ = HAIR_SHAPES[look.hair]
        lift = volume * _smooth((self.model.fields["scalp"] - shift - look.hairline) / 0.45)
        if not lift.any():
            return head
        grown = np.flatnonzero(lift)
        out = head.copy()
        out[grown] += lift[grown, None] * summed_normals(head, self.model.triangles)[grown]
        return out

    def placed(
        self, head: NDArray[np.float64], pose: NDArray[np.float64], body_pose: NDArray[Any] | None
    ) -> NDArray[np.float64]:
        """All vertices in camera space: the head by its pose, the shoulders by theirs, neck and long hair between."""
        bust = self.model.bust
        if bust is None or len(self.follow) == len(head):
            return place(head, pose)
        below = bust.vertices + self.pull @ (head[bust.ring] - bust.ring_mean)
        hanging = self.curtain @ (self.unhang @ head[self.anchors])
        everything = np.concatenate([head, below, hanging])
        if body_pose is None:
            neck = rotation_matrix(pose[:3]) @ self.pivot + pose[3:]
            body_pose = np.concatenate([np.zeros(3), neck - self.pivot])
        out = place(everything, pose)
        still = np.flatnonzero(self.follow < 1)
        share = self.follow[still, None]
        out[still] = share * out[still] + (1 - share) * place(everything[still], np.asarray(body_pose, np.float64))
        return out

    def attributes(
        self, head: NDArray[np.float64], normals: NDArray[np.float64], albedo: NDArray[Any], look: Look
    ) -> NDArray[np.float32]:
        """The attribute table of one frame: `fixed` with normals, colours, the mouth's shadow and the look filled in.

        Args:
            head: (V, 3) before it is placed.
            normals: Of all vertices, placed.
            albedo: (V, 3) RGB; neck and shoulders take that of the seam.
            look: Whose hair, brows, beard and collar.
        """
        table = self.fixed.copy()
        table[:, :3] = normals
        table[: len(head), RED : RED + 3] = albedo
        bust = self.model.bust
        if bust is not None and len(table) > len(head):
            table[len(head) : len(head) + len(bust.vertices), RED : RED + 3] = np.asarray(albedo)[bust.ring].mean(0)
        table[self.inside, SHADE] *= _mouth_light(self.model, head)[self.inside]
        _, shift, soft = HAIR_SHAPES[look.hair]
        table[:, HAIR] = (table[:, HAIR] - shift - look.hairline) / soft
        table[:, BROW] *= look.brow
        table[:, BEARD] *= look.beard
        table[:, CLOTH] = (table[:, CLOTH] - look.collar) / 0.03
        return table


_MESHES: dict[tuple[int, bool], HeadMesh] = {}


def head_mesh(model: FaceModel, with_bust: bool) -> HeadMesh:
    """The mesh of `model`, with or without neck, shoulders and long hair; made once per process."""
    key = id(model), with_bust
    if key not in _MESHES:
        _MESHES[key] = _made(model, with_bust)
    return _MESHES[key]


def summed_normals(vertices: NDArray[np.float64], triangles: NDArray[np.int32]) -> NDArray[np.float64]:
    """Area-weighted unit normals (V, 3), compiled: `vertex_normals` in a tenth of the time."""
    from viseme.face3d.kernels import add_across

    total = np.zeros_like(vertices)
    add_across(vertices[None], triangles, total[None])
    length = np.sqrt((total * total).sum(1, keepdims=True))
    return np.divide(total, length, out=total, where=length > 0)


def _smooth(x: NDArray[Any]) -> NDArray[Any]:
    x = np.clip(x, 0, 1)
    return x * x * (3 - 2 * x)


def _mouth_light(model: FaceModel, head: NDArray[np.float64]) -> NDArray[np.float64]:
    """(V,) how much light reaches inside the mouth: less with depth behind the lips, more the wider they open."""
    lips = model.landmark_points(head, "mp468")
    upper, lower = lips[LIP_MIDDLE]
    right, left = lips[INNER_MOUTH_CORNERS]
    gap = max(float(upper[1] - lower[1]), 0.0)
    front = 0.5 * (upper[2] + lower[2])
    corner = 0.5 * (left[2] + right[2])
    reach = 0.10 + 0.45 * gap
    lip_z = front + (corner - front) * np.clip(np.abs(head[:, 0]) / max(abs(left[0] - right[0]) / 2, 0.05), 0, 1.3) ** 2
    behind = np.maximum(lip_z - 0.06 - head[:, 2], 0)
    under = np.maximum(head[:, 1] - upper[1], 0) + np.maximum(lower[1] - head[:, 1], 0)
    return 0.06 + 0.9 * np.exp(-behind / (2.2 * reach)) * np.exp(-under / 0.25)


# --- made once per model


class _Parts(NamedTuple):
    """The vertices of a mesh and which are which."""

    vertices: NDArray[np.float64]
    num_head: int
    bust: Bust | None
    num_curtain: int


def _made(model: FaceModel, with_bust: bool) -> HeadMesh:
    mean = model.mean.astype(np.float64)
    points = model.landmark_points(mean, "mp468")
    anchors = np.flatnonzero((model.fields["scalp"] > 0.1) | model.masks["ears"])
    kinds = np.array([SKIN, TONGUE, TEETH, TEETH, EYE, EYE], np.int8)[model.part]
    bust = model.bust if with_bust else None
    vertices, triangles, num_short = [mean], [model.triangles], len(model.triangles)
    chin = points[CHIN, 1] - 0.1
    neck_bottom, pull, curtain = mean[:, 1].min(), np.zeros((0, 0)), np.zeros((0, 3))
    if bust is not None:
        neck_bottom, pull = mean[bust.ring, 1].mean(), bust.pull()
        curtain, sheets = _long_hair(model, points, neck_bottom)
        vertices += [bust.vertices, curtain]
        triangles += [bust.triangles, sheets + len(mean) + len(bust.vertices)]
        num_short += len(bust.triangles)
        kinds = np.concatenate([kinds, np.full(len(bust.triangles) + len(sheets), BODY, np.int8)])
    parts = _Parts(np.concatenate(vertices), len(mean), bust, len(curtain))
    return HeadMesh(
        model=model,
        triangles=np.ascontiguousarray(np.concatenate(triangles), np.int32),
        kinds=kinds,
        num_short=num_short,
        follow=_smooth((parts.vertices[:, 1] - (neck_bottom - 0.3)) / (chin - neck_bottom + 0.3)),
        pivot=np.array([0.0, 0.5 * (chin + neck_bottom), mean[:, 2].mean() - 0.4]),
        pull=pull,
        curtain=np.c_[curtain, np.ones(len(curtain))],
        anchors=anchors,
        unhang=np.linalg.pinv(np.c_[mean[anchors], np.ones(len(anchors))]),
        fixed=_at_rest(model, parts),
        inside=np.flatnonzero(model.masks["mouth_interior"]),
    )


def _at_rest(model: FaceModel, parts: _Parts) -> NDArray[np.float32]:
    """The attribute table without what a frame brings."""
    vertices, num = parts.vertices, parts.num_head
    fixed = np.zeros((len(vertices), NUM_ATTRIBUTES), np.float32)
    fixed[:, SHADE] = 1
    fixed[:num, SHADE] = model.fields["occlusion"]
    fixed[:, HAIR] = BALD
    fixed[:num, HAIR] = model.fields["scalp"]
    fixed[:num, BROW] = model.fields["brow"]
    fixed[:num, BEARD] = model.fields["beard"]
    fixed[:, SURFACE_U] = np.arctan2(vertices[:, 0], vertices[:, 2] + 0.9)
    fixed[:, SURFACE_V] = vertices[:, 1]
    fixed[:num, GLOSS] = 0.10 + 0.30 * model.masks["lips"] + 0.5 * model.masks["mouth_interior"]
    _mark_eyes_and_teeth(fixed, model, vertices)
    fixed[:, CLOTH] = NO_CLOTH
    if parts.bust is not None:
        end = num + len(parts.bust.vertices)
        fixed[num:end, SHADE] = parts.bust.occlusion
        slope = vertices[:, 1] + 0.25 * vertices[:, 2]  # a collar stands higher at the nape
        fixed[:, CLOTH] = slope - (slope[parts.bust.ring].mean() - 0.10)
        fixed[end:, CLOTH], fixed[end:, HAIR] = NO_CLOTH, 9.0
        fixed[end:, SHADE] = np.repeat([0.9, 0.35], parts.num_curtain // 2)  # outside, inside
    return fixed


def _mark_eyes_and_teeth(fixed: NDArray[np.float32], model: FaceModel, vertices: NDArray[np.float64]) -> None:
    """Places on eyes count from their axis, in radii; `SURFACE_U` of teeth counts teeth from the middle."""
    for side in ("eye_l", "eye_r"):
        ball = np.unique(model.triangles[model.part == PARTS.index(side)])
        centre = (vertices[ball].max(0) + vertices[ball].min(0)) / 2
        radius = np.ptp(vertices[ball, 1]) / 2
        fixed[ball, SURFACE_U : SURFACE_V + 1] = (vertices[ball, :2] - centre[:2]) / radius
        fixed[ball[vertices[ball, 2] < centre[2]], SURFACE_U] += 4  # the back half has no iris
    for row, width in (("teeth_u", 0.078), ("teeth_l", 0.058)):
        teeth = np.unique(model.triangles[model.part == PARTS.index(row)])
        arch = vertices[teeth]
        bend = np.ptp(arch[:, 0]) / 2  # a dental arch is nearly a half circle
        fixed[teeth, SURFACE_U] = np.arctan2(arch[:, 0], arch[:, 2] - arch[:, 2].max() + bend) * bend / width
        fixed[teeth, GLOSS] = 0.25


def _long_hair(
    model: FaceModel, points: NDArray[Any], neck_bottom: float
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Long hair from under the crown to below the shoulders: an outer and an inner sheet around sides and back."""
    scalp, ears = model.mean[model.fields["scalp"] > 0.1], model.mean[model.masks["ears"]]
    eyes, chin = points[EYE_CORNERS, 1].mean(), points[CHIN, 1]
    middle = ears[:, 2].mean()
    half, back = abs(scalp[:, 0]).max(), middle - scalp[:, 2].min()
    heights = np.linspace(eyes + 0.6, neck_bottom - 0.3, 22)
    stops = [neck_bottom - 0.3, neck_bottom, chin, ears[:, 1].mean(), ears[:, 1].max(), eyes + 0.6]
    widths = np.interp(heights, stops, [0.96, 0.98, 0.97, abs(ears[:, 0]).max() + 0.04, half + 0.17, half - 0.08])
    depths = np.interp(heights, stops, [0.85, 0.85, 0.9, back + 0.12, back + 0.15, back - 0.05])
    angles = np.radians(np.linspace(74, 286, 73))
    wave = 1 + 0.018 * np.sin(13 * angles) + 0.012 * np.sin(29 * angles + 1)
    down = np.linspace(0, 1, len(heights))[:, None]
    ripple = 1 + (wave - 1) * np.minimum(down * 4, 1)
    ragged = 0.12 * np.sin(7 * angles + 0.5) * down**3
    x = widths[:, None] * np.sin(angles) * ripple
    z = middle + depths[:, None] * np.cos(angles) * ripple
    outer = np.stack([x, heights[:, None] + ragged, z], -1).reshape(-1, 3)
    faces = _grid_triangles(len(heights), len(angles))
    centre = outer[faces].mean(1) - [0, 0, middle]
    normal = np.cross(outer[faces[:, 1]] - outer[faces[:, 0]], outer[faces[:, 2]] - outer[faces[:, 0]])
    if ((normal * centre)[:, [0, 2]].sum(1)).mean() < 0:
        faces = faces[:, ::-1]
    inner = outer * [0.985, 1, 1]
    return np.concatenate([outer, inner]), np.concatenate([faces, faces[:, ::-1] + len(outer)])


def _grid_triangles(rows: int, columns: int) -> NDArray[np.int64]:
    corner = (np.arange(rows - 1)[:, None] * columns + np.arange(columns - 1)).ravel()
    right, below, across = corner + 1, corner + columns, corner + columns + 1
    return np.concatenate([np.stack([corner, right, below], 1), np.stack([right, across, below], 1)])
