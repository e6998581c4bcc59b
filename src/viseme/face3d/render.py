"""Frames of a talking head, fast, in compiled NumPy. The differentiable renderer is `viseme.face3d.differentiable`.

The same geometry, camera and spherical-harmonics light, plus what makes a face pleasant to look at: hair, brows,
irises, gloss, a dark mouth cavity, neck and garment, supersampled edges. Knows nothing of time and speech.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from viseme.face3d.camera import Camera, place, project
from viseme.face3d.interface import PARTS, FaceModel, load_face_model
from viseme.face3d.raster import jit, visible_triangles
from viseme.faces.rotation import rotation_matrix
from viseme.faces.schemes import CHIN, EYE_CORNERS, INNER_MOUTH_CORNERS, LIP_MIDDLE

__all__ = ["HAIR_STYLES", "HeadImage", "Look", "render_head"]

HAIR_STYLES = ("none", "shaved", "short", "full", "long")
"""From bald to shoulder length."""

_HAIR = {  # volume (dm), hairline shift (dm, positive = less hair), softness of the edge (dm)
    "none": (0.0, 9.0, 0.1),
    "shaved": (0.0, 0.02, 0.16),
    "short": (0.10, 0.0, 0.07),
    "full": (0.24, 0.0, 0.06),
    "long": (0.20, 0.0, 0.06),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Look:
    """What a person wears and has grown; skin tone is the model's albedo."""

    hair: str = "short"
    """One of `HAIR_STYLES`."""
    hair_colour: tuple[float, float, float] = (0.16, 0.11, 0.08)
    """RGB albedo."""
    hairline: float = 0.0
    """Decimetres by which the hairline recedes (negative: comes forward), -0.1 to 0.3."""
    brow: float = 1.0
    """Thickness of the eyebrows, 0 to 1.3."""
    beard: float = 0.0
    """0 clean-shaven to 1 full stubble."""
    eye_colour: tuple[float, float, float] = (0.32, 0.22, 0.13)
    """RGB of the iris."""
    garment: tuple[float, float, float] = (0.23, 0.28, 0.36)
    """RGB of the garment."""
    collar: float = 0.0
    """Height of the collar against a crew neck, decimetres: -0.3 wide to 0.5 turtle."""
    gloss: float = 1.0
    """Specular strength, 0 matt to 2."""
    grain: float = 1.0
    """Strength of skin mottling, 0 to 2."""
    seed: int = 0
    """Chooses the strands and the mottling."""

    def __post_init__(self) -> None:
        if self.hair not in HAIR_STYLES:
            raise ValueError(f"there is no hair style {self.hair!r}; known: {', '.join(HAIR_STYLES)}")

    @classmethod
    def random(cls, rng: np.random.Generator, *, melanin: float = 0.0) -> Look:
        """A plausible look; the same generator state gives the same look.

        Args:
            rng: Where chance comes from.
            melanin: The model's first albedo coefficient; darker skin goes with darker hair and eyes.
        """
        hairs = [(0.07, 0.06, 0.06), (0.13, 0.09, 0.07), (0.55, 0.53, 0.51), (0.22, 0.14, 0.09), (0.38, 0.24, 0.13)]
        hairs += [(0.42, 0.19, 0.09), (0.62, 0.47, 0.28)]
        eyes = [(0.20, 0.12, 0.07), (0.34, 0.22, 0.12), (0.30, 0.33, 0.20), (0.30, 0.42, 0.52)]
        light = melanin < 0.3
        hair = hairs[
            rng.choice(7, p=[0.15, 0.22, 0.08, 0.22, 0.15, 0.06, 0.12] if light else [0.6, 0.32, 0.08, 0, 0, 0, 0])
        ]
        eye = eyes[rng.choice(4, p=[0.3, 0.3, 0.18, 0.22] if light else [0.8, 0.2, 0, 0])]
        hue = rng.uniform(0, 1, 3)
        return cls(
            hair=str(rng.choice(HAIR_STYLES, p=[0.05, 0.12, 0.35, 0.23, 0.25])),
            hair_colour=_rgb(np.array(hair) * rng.uniform(0.8, 1.2)),
            hairline=float(np.clip(rng.normal(0.02, 0.06), -0.08, 0.25)),
            brow=float(rng.uniform(0.55, 1.2)),
            beard=float(max(0.0, rng.uniform(-1.2, 0.9))),
            eye_colour=_rgb(np.array(eye) * rng.uniform(0.8, 1.2)),
            garment=_rgb(0.06 + 0.75 * (0.35 * hue + 0.65 * hue.mean())),
            collar=float(rng.uniform(-0.15, 0.4)),
            gloss=float(rng.uniform(0.5, 1.5)),
            grain=float(rng.uniform(0.6, 1.6)),
            seed=int(rng.integers(1 << 30)),
        )


def _rgb(values: NDArray[Any]) -> tuple[float, float, float]:
    red, green, blue = np.clip(values, 0, 1).tolist()
    return red, green, blue


@dataclass(frozen=True, kw_only=True, slots=True)
class HeadImage:
    """What `render_head` gives."""

    image: NDArray[np.float32]
    """(H, W, 3) RGB in [0, 1], over the background."""
    mask: NDArray[np.float32]
    """(H, W) coverage, 0 to 1."""
    depth: NDArray[np.float32]
    """(H, W) decimetres from the pinhole, infinite where nothing is."""


def render_head(
    vertices: NDArray[Any],
    albedo: NDArray[Any],
    light: NDArray[Any],
    pose: NDArray[Any],
    *,
    size: tuple[int, int] = (256, 256),
    camera: Camera | None = None,
    model: FaceModel | None = None,
    look: Look | None = None,
    background: NDArray[Any] | tuple[float, float, float] = (0.0, 0.0, 0.0),
    antialias: int = 2,
    bust: bool = True,
    body_pose: NDArray[Any] | None = None,
) -> HeadImage:
    """Draw a person.

    Args:
        vertices: (V, 3) from `model.shape`, decimetres.
        albedo: (V, 3) from `model.albedo`.
        light: (27,) spherical-harmonics light, camera frame.
        pose: (6,) pitch, yaw, roll, tx, ty, tz of the head.
        size: (width, height) in pixels, used with `Camera.portrait` when no camera is given.
        camera: The camera; its size wins over `size`.
        model: Default: `load_face_model()`.
        look: Hair, brows, eyes, garment. Default: `Look()`.
        background: RGB or a (H, W, 3) frame in [0, 1].
        antialias: Samples per pixel along each axis, 1 to 4.
        bust: Draw neck and shoulders.
        body_pose: (6,) pose of the shoulders. Default: upright, where the head's neck joins.

    Raises:
        ValueError: an array has another shape, or the model has no bust.
    """
    model = model or load_face_model()
    look = look or Look()
    camera = camera or Camera.portrait(*size)
    if vertices.shape != model.mean.shape or albedo.shape != model.mean.shape:
        raise ValueError(f"vertices and albedo must be {model.mean.shape}, got {vertices.shape} and {albedo.shape}")
    if not 1 <= antialias <= 4:
        raise ValueError(f"antialias must be 1 to 4, got {antialias}")
    if bust and model.bust is None:
        raise ValueError(f"the face model {model.name!r} has no bust; pass bust=False")
    scene = _scene(model, bust)
    triangles = scene.triangles if look.hair == "long" else scene.triangles[: scene.num_short]
    pose = np.asarray(pose, dtype=np.float64)
    head = _with_hair(scene, np.asarray(vertices, dtype=np.float64), look)
    placed = scene.placed(head, pose, body_pose)
    normals = _normals(placed, triangles)
    attributes = scene.attributes(head, normals, albedo, look)
    fine = replace(
        camera, width=camera.width * antialias, height=camera.height * antialias, focal=camera.focal * antialias
    )
    uvd = np.ascontiguousarray(project(placed, fine))
    ids, depth = visible_triangles(uvd, triangles, fine.width, fine.height, near=camera.near, far=camera.far)
    frame = np.broadcast_to(np.asarray(background, dtype=np.float32), (camera.height, camera.width, 3))
    image = np.ascontiguousarray(frame).copy()
    mask = np.empty((camera.height, camera.width), dtype=np.float32)
    nearest = np.empty_like(mask)
    gamma = np.asarray(light, dtype=np.float32).reshape(3, 9)
    _shade_frame(
        ids, depth, uvd, triangles, scene.kinds, attributes, gamma, _highlight(gamma), _strands(look.seed),
        _mottle(look.seed), _palette(look), antialias, image, mask, nearest,
    )  # fmt: skip
    return HeadImage(image=image, mask=mask, depth=nearest)


SKIN, TONGUE, TEETH, EYE, BODY = 0, 1, 2, 3, 4
RED, SHADE, HAIR, BROW, BEARD, P, Q, GLOSS, CLOTH, NUM_ATTRIBUTES = 3, 6, 7, 8, 9, 10, 11, 12, 13, 14
"""Columns of the attribute table: normal 0-2, albedo 3-5, then one each."""


@dataclass(frozen=True, eq=False, slots=True)
class _Scene:
    """Everything about a model that does not change from frame to frame."""

    model: FaceModel
    triangles: NDArray[np.int32]
    kinds: NDArray[np.int8]
    follow: NDArray[np.float64]
    """(V [+ Vb],) 1 = moves with the head, 0 = with the shoulders."""
    pivot: NDArray[np.float64]
    """(3,) where the neck turns."""
    num_short: int
    """Triangles before those of the long hair."""
    pull: NDArray[np.float64]
    """(Vb, R) from `Bust.pull`."""
    curtain: NDArray[np.float64]
    """(Vc, 4) homogeneous vertices of the long hair around the mean head."""
    anchors: NDArray[np.int64]
    """Head vertices that the long hair hangs from."""
    unhang: NDArray[np.float64]
    """(4, anchors) pseudo-inverse: times the anchors' places, the affine map from the mean head to this one."""
    fixed: NDArray[np.float32]
    """(V [+ Vb], NUM_ATTRIBUTES) attributes at rest."""
    inside: NDArray[np.int64]
    """Head vertices inside the mouth."""

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
        table = self.fixed.copy()
        table[:, :3] = normals
        table[: len(head), RED : RED + 3] = albedo
        bust = self.model.bust
        if bust is not None and len(table) > len(head):
            table[len(head) : len(head) + len(bust.vertices), RED : RED + 3] = np.asarray(albedo)[bust.ring].mean(0)
        table[self.inside, SHADE] *= _cavity(self.model, head)[self.inside]
        _, shift, soft = _HAIR[look.hair]
        table[:, HAIR] = (table[:, HAIR] - shift - look.hairline) / soft
        table[:, BROW] *= look.brow
        table[:, BEARD] *= look.beard
        table[:, CLOTH] = (table[:, CLOTH] - look.collar) / 0.03
        return table


def _smooth(x: NDArray[Any]) -> NDArray[Any]:
    x = np.clip(x, 0, 1)
    return x * x * (3 - 2 * x)


def _cavity(model: FaceModel, head: NDArray[np.float64]) -> NDArray[np.float64]:
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


_SCENES: dict[tuple[int, bool], _Scene] = {}


def _scene(model: FaceModel, with_bust: bool) -> _Scene:
    """The scene of `model`, made once; it holds the model, so the key stays its own."""
    key = id(model), with_bust
    if key not in _SCENES:
        _SCENES[key] = _make_scene(model, with_bust)
    return _SCENES[key]


def _make_scene(model: FaceModel, with_bust: bool) -> _Scene:
    num = len(model.mean)
    mean = model.mean.astype(np.float64)
    points = model.landmark_points(mean, "mp468")
    anchors = np.flatnonzero((model.fields["scalp"] > 0.1) | model.masks["ears"])
    homogeneous = np.c_[mean[anchors], np.ones(len(anchors))]
    kinds = np.array([SKIN, TONGUE, TEETH, TEETH, EYE, EYE], np.int8)[model.part]
    bust = model.bust if with_bust else None
    parts, triangles, num_short = [mean], [model.triangles], len(model.triangles)
    chin = points[CHIN, 1] - 0.1
    neck_bottom, pull, curtain = mean[:, 1].min(), np.zeros((0, 0)), np.zeros((0, 3))
    if bust is not None:
        neck_bottom, pull = mean[bust.ring, 1].mean(), bust.pull()
        curtain, sheets = _curtain(model, points, neck_bottom)
        parts += [bust.vertices, curtain]
        triangles += [bust.triangles, sheets + num + len(bust.vertices)]
        num_short += len(bust.triangles)
        kinds = np.concatenate([kinds, np.full(len(bust.triangles) + len(sheets), BODY, np.int8)])
    vertices = np.concatenate(parts)
    fixed = np.zeros((len(vertices), NUM_ATTRIBUTES), np.float32)
    fixed[:, SHADE] = 1
    fixed[:num, SHADE] = model.fields["occlusion"]
    fixed[:, HAIR] = -9
    fixed[:num, HAIR] = model.fields["scalp"]
    fixed[:num, BROW] = model.fields["brow"]
    fixed[:num, BEARD] = model.fields["beard"]
    fixed[:, P] = np.arctan2(vertices[:, 0], vertices[:, 2] + 0.9)
    fixed[:, Q] = vertices[:, 1]
    fixed[:num, GLOSS] = 0.10 + 0.30 * model.masks["lips"] + 0.5 * model.masks["mouth_interior"]
    for side in ("eye_l", "eye_r"):
        ball = np.unique(model.triangles[model.part == PARTS.index(side)])
        centre = (vertices[ball].max(0) + vertices[ball].min(0)) / 2
        radius = np.ptp(vertices[ball, 1]) / 2
        fixed[ball, P : Q + 1] = (vertices[ball, :2] - centre[:2]) / radius
        fixed[ball[vertices[ball, 2] < centre[2]], P] += 4  # the back half has no iris
    for row, width in (("teeth_u", 0.078), ("teeth_l", 0.058)):
        teeth = np.unique(model.triangles[model.part == PARTS.index(row)])
        arch = vertices[teeth]
        bend = np.ptp(arch[:, 0]) / 2  # a dental arch is nearly a half circle; P counts teeth from the middle
        fixed[teeth, P] = np.arctan2(arch[:, 0], arch[:, 2] - arch[:, 2].max() + bend) * bend / width
        fixed[teeth, GLOSS] = 0.25
    fixed[:, CLOTH] = 9.0
    if bust is not None:
        body, hair = slice(num, num + len(bust.vertices)), slice(num + len(bust.vertices), None)
        fixed[body, SHADE] = bust.occlusion
        slope = vertices[:, 1] + 0.25 * vertices[:, 2]  # a collar stands higher at the nape
        fixed[:, CLOTH] = slope - (slope[bust.ring].mean() - 0.10)
        fixed[hair, CLOTH], fixed[hair, HAIR] = 9.0, 9.0
        fixed[hair, SHADE] = np.repeat([0.9, 0.35], len(curtain) // 2)  # outside, inside
    follow = _smooth((vertices[:, 1] - (neck_bottom - 0.3)) / (chin - neck_bottom + 0.3))
    return _Scene(
        model=model,
        triangles=np.ascontiguousarray(np.concatenate(triangles), np.int32),
        kinds=kinds,
        follow=follow,
        pivot=np.array([0.0, 0.5 * (chin + neck_bottom), mean[:, 2].mean() - 0.4]),
        num_short=num_short,
        pull=pull,
        curtain=np.c_[curtain, np.ones(len(curtain))],
        anchors=anchors,
        unhang=np.linalg.pinv(homogeneous),
        fixed=fixed,
        inside=np.flatnonzero(model.masks["mouth_interior"]),
    )


def _curtain(
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
    rows, columns = len(heights), len(angles)
    corner = (np.arange(rows - 1)[:, None] * columns + np.arange(columns - 1)).ravel()
    right, below, across = corner + 1, corner + columns, corner + columns + 1
    faces = np.concatenate([np.stack([corner, right, below], 1), np.stack([right, across, below], 1)])
    centre = outer[faces].mean(1) - [0, 0, middle]
    normal = np.cross(outer[faces[:, 1]] - outer[faces[:, 0]], outer[faces[:, 2]] - outer[faces[:, 0]])
    if ((normal * centre)[:, [0, 2]].sum(1)).mean() < 0:
        faces = faces[:, ::-1]
    inner = outer * [0.985, 1, 1]
    return np.concatenate([outer, inner]), np.concatenate([faces, faces[:, ::-1] + len(outer)])


def _with_hair(scene: _Scene, head: NDArray[np.float64], look: Look) -> NDArray[np.float64]:
    """The head with its scalp lifted by the volume of the hair."""
    volume, shift, _ = _HAIR[look.hair]
    lift = volume * _smooth((scene.model.fields["scalp"] - shift - look.hairline) / 0.45)
    if not lift.any():
        return head
    grown = np.flatnonzero(lift)
    out = head.copy()
    out[grown] += lift[grown, None] * _normals(head, scene.model.triangles)[grown]
    return out


@jit()
def _normals(vertices, triangles):
    out = np.zeros_like(vertices)
    for t in range(triangles.shape[0]):
        a, b, c = triangles[t]
        ux, uy, uz = vertices[b, 0] - vertices[a, 0], vertices[b, 1] - vertices[a, 1], vertices[b, 2] - vertices[a, 2]
        vx, vy, vz = vertices[c, 0] - vertices[a, 0], vertices[c, 1] - vertices[a, 1], vertices[c, 2] - vertices[a, 2]
        nx, ny, nz = uy * vz - uz * vy, uz * vx - ux * vz, ux * vy - uy * vx
        for k in (a, b, c):
            out[k, 0] += nx
            out[k, 1] += ny
            out[k, 2] += nz
    for i in range(out.shape[0]):
        length = np.sqrt(out[i, 0] ** 2 + out[i, 1] ** 2 + out[i, 2] ** 2)
        if length > 0:
            out[i] /= length
    return out


def _highlight(gamma: NDArray[np.float32]) -> NDArray[np.float32]:
    """(6,) half vector between the main lamp and the camera, and the lamp's RGB strength, read from bands 0 and 1."""
    grey = gamma.mean(0)
    toward = np.array([-grey[3], -grey[1], grey[2]])
    strength = float(np.linalg.norm(toward))
    half = toward / max(strength, 1e-6) + np.array([0.0, 0.0, 1.0])
    half /= max(float(np.linalg.norm(half)), 1e-6)
    colour = (0.35 * gamma[:, 0] + np.linalg.norm(gamma[:, 1:4], axis=1) * 1.2).clip(0, 2)
    return np.concatenate([half, colour]).astype(np.float32)


def _palette(look: Look) -> NDArray[np.float32]:
    """Hair, iris and garment RGB, gloss, grain, how far the hair is swept sideways, how ragged its edge is."""
    swept = np.random.default_rng(look.seed).uniform(-0.35, 0.35)
    ragged = 0.15 if look.hair == "shaved" else 1.0
    rest = (look.gloss, look.grain, swept, ragged)
    return np.array([*look.hair_colour, *look.eye_colour, *look.garment, *rest], dtype=np.float32)


@lru_cache(maxsize=16)
def _strands(seed: int) -> NDArray[np.float32]:
    """(256, 256) tile in [0, 1]: streaks along the rows' axis 0, even histogram."""
    return _even(gaussian_filter(np.random.default_rng(seed).normal(size=(256, 256)), (9, 0.8), mode="wrap"))


@lru_cache(maxsize=16)
def _mottle(seed: int) -> NDArray[np.float32]:
    """(256, 256) tile in [0, 1]: blotches of several sizes, even histogram."""
    rng = np.random.default_rng(seed + 1)
    layers = [gaussian_filter(rng.normal(size=(256, 256)), s, mode="wrap") for s in (1.2, 3.0, 8.0, 20.0)]
    return _even(np.sum([layer / layer.std() * w for layer, w in zip(layers, (0.5, 0.7, 0.8, 0.8))], axis=0))


def _even(noise: NDArray[Any]) -> NDArray[np.float32]:
    rank = np.empty(noise.size, dtype=np.float32)
    rank[noise.ravel().argsort()] = np.linspace(0, 1, noise.size, dtype=np.float32)
    return rank.reshape(noise.shape)


@jit(fastmath=True, inline="always")
def _tile(tile, u, v):
    """Bilinear sample of a periodic (256, 256) tile at cell coordinates."""
    u0, v0 = np.floor(u), np.floor(v)
    fu, fv = np.float32(u - u0), np.float32(v - v0)
    i, j = int(v0) & 255, int(u0) & 255
    i2, j2 = (i + 1) & 255, (j + 1) & 255
    top = tile[i, j] * (1 - fu) + tile[i, j2] * fu
    bottom = tile[i2, j] * (1 - fu) + tile[i2, j2] * fu
    return top * (1 - fv) + bottom * fv


@jit(fastmath=True, inline="always")
def _step(low, high, x):
    x = min(max((x - low) / (high - low), np.float32(0.0)), np.float32(1.0))
    return x * x * (3 - 2 * x)


@jit(fastmath=True)
def _sample(t, px, py, uvd, triangles, kinds, table, gamma, light, strands, mottle, palette, rgb):
    """Colour of triangle `t` at a point of the fine frame, into `rgb`."""
    a, b, c = triangles[t, 0], triangles[t, 1], triangles[t, 2]
    wa = ((uvd[b, 0] - px) * (uvd[c, 1] - py) - (uvd[b, 1] - py) * (uvd[c, 0] - px)) / uvd[a, 2]
    wb = ((uvd[c, 0] - px) * (uvd[a, 1] - py) - (uvd[c, 1] - py) * (uvd[a, 0] - px)) / uvd[b, 2]
    wc = ((uvd[a, 0] - px) * (uvd[b, 1] - py) - (uvd[a, 1] - py) * (uvd[b, 0] - px)) / uvd[c, 2]
    total = wa + wb + wc
    fa, fb, fc = np.float32(wa / total), np.float32(wb / total), np.float32(wc / total)
    kind = kinds[t]
    one = np.float32(1.0)
    x = fa * table[a, 0] + fb * table[b, 0] + fc * table[c, 0]
    y = fa * table[a, 1] + fb * table[b, 1] + fc * table[c, 1]
    z = fa * table[a, 2] + fb * table[b, 2] + fc * table[c, 2]
    length = one / np.sqrt(x * x + y * y + z * z + np.float32(1e-12))
    x, y, z = x * length, y * length, z * length
    red = fa * table[a, RED] + fb * table[b, RED] + fc * table[c, RED]
    green = fa * table[a, RED + 1] + fb * table[b, RED + 1] + fc * table[c, RED + 1]
    blue = fa * table[a, RED + 2] + fb * table[b, RED + 2] + fc * table[c, RED + 2]
    shadow = fa * table[a, SHADE] + fb * table[b, SHADE] + fc * table[c, SHADE]
    p = fa * table[a, P] + fb * table[b, P] + fc * table[c, P]
    q = fa * table[a, Q] + fb * table[b, Q] + fc * table[c, Q]
    gloss = (fa * table[a, GLOSS] + fb * table[b, GLOSS] + fc * table[c, GLOSS]) * palette[9]
    power = np.float32(14.0)
    if kind in (SKIN, BODY):
        spot = _tile(mottle, p * 90, q * 90) - np.float32(0.5)
        fine = _tile(mottle, p * 260, q * 260) - np.float32(0.5)
        grain = palette[10] * (np.float32(0.07) * spot + np.float32(0.05) * fine)
        red, green, blue = red * (one + grain * np.float32(0.6)), green * (one + grain), blue * (one + grain)
        gloss *= one + fine
        brow = fa * table[a, BROW] + fb * table[b, BROW] + fc * table[c, BROW]
        beard = fa * table[a, BEARD] + fb * table[b, BEARD] + fc * table[c, BEARD]
        hair = fa * table[a, HAIR] + fb * table[b, HAIR] + fc * table[c, HAIR]
        if brow > np.float32(0.02):
            streak = _tile(strands, (p + q * np.float32(0.5) * np.sign(p)) * 300, q * 120)
            cover = _step(np.float32(0.0), np.float32(0.9), brow * np.float32(1.15) - np.float32(0.6) * streak)
            cover *= np.float32(0.8)
            red += (palette[0] * np.float32(0.8) - red) * cover
            green += (palette[1] * np.float32(0.8) - green) * cover
            blue += (palette[2] * np.float32(0.8) - blue) * cover
            gloss *= one - cover
        if beard > np.float32(0.02):
            dot = _tile(mottle, p * 400, q * 400)
            cover = min(beard, one) * (np.float32(0.25) + np.float32(0.6) * dot)
            red += (palette[0] * np.float32(0.9) - red) * cover
            green += (palette[1] * np.float32(0.9) - green) * cover
            blue += (palette[2] * np.float32(0.9) - blue) * cover
            gloss *= one - cover
        if hair > np.float32(-2.0):
            swept = p + palette[11] * q
            streak = _tile(strands, swept * 170, q * 40)
            thin = _tile(strands, swept * 260 + 77, q * 60)
            lock = _tile(mottle, swept * 22, q * 6)
            ragged = palette[12] * (np.float32(1.6) * streak + np.float32(1.8) * lock - np.float32(1.7))
            cover = _step(np.float32(-0.7), np.float32(0.7), hair + ragged)
            tone = np.float32(0.55) + np.float32(0.55) * streak + np.float32(0.35) * thin
            red += (palette[0] * tone - red) * cover
            green += (palette[1] * tone - green) * cover
            blue += (palette[2] * tone - blue) * cover
            gloss += (np.float32(0.16) * thin - gloss) * cover
        cloth = fa * table[a, CLOTH] + fb * table[b, CLOTH] + fc * table[c, CLOTH]
        if cloth < 0:
            cover = one - _step(np.float32(-1.0), np.float32(0.0), cloth)
            weave = one + np.float32(0.10) * (_tile(mottle, p * 200, q * 200) - np.float32(0.5))
            hem = one - np.float32(0.25) * _step(np.float32(-2.6), np.float32(-1.4), cloth)
            red += (palette[6] * weave * hem - red) * cover
            green += (palette[7] * weave * hem - green) * cover
            blue += (palette[8] * weave * hem - blue) * cover
            gloss *= one - cover
    elif kind == EYE:
        r = np.sqrt(p * p + q * q)
        angle = np.arctan2(q, p)
        red, green, blue = np.float32(0.80), np.float32(0.77), np.float32(0.75)
        vein = np.float32(0.22) * _step(np.float32(0.55), np.float32(1.1), r)
        green, blue = green * (one - vein), blue * (one - vein)
        iris = one - _step(np.float32(0.46), np.float32(0.52), r)
        fibre = np.float32(0.7) + np.float32(0.6) * _tile(mottle, angle * 26, r * 30)
        fibre *= one - np.float32(0.6) * _step(np.float32(0.36), np.float32(0.50), r)
        pupil = one - np.float32(0.93) * (one - _step(np.float32(0.17), np.float32(0.22), r))
        red += (palette[3] * fibre * pupil - red) * iris
        green += (palette[4] * fibre * pupil - green) * iris
        blue += (palette[5] * fibre * pupil - blue) * iris
        lid = one - np.float32(0.5) * _step(np.float32(0.10), np.float32(0.55), q)
        shadow *= lid
        gloss, power = np.float32(0.9), np.float32(160.0)
    elif kind == TEETH:
        power = np.float32(50.0)
        shadow *= one - np.float32(0.3) * (one - _step(np.float32(0.02), np.float32(0.14), abs(p - np.round(p))))
    elif kind == TONGUE:
        power = np.float32(30.0)
    shine = max(x * light[0] + y * light[1] + z * light[2], np.float32(0.0)) ** power * gloss * shadow
    b4, b5, b6 = np.float32(2.427032) * x * y, np.float32(-2.427032) * y * z, np.float32(0.700624) * (3 * z * z - 1)
    b7, b8 = np.float32(-2.427032) * x * z, np.float32(1.213516) * (x * x - y * y)
    b1, b2, b3 = np.float32(-1.772454) * y, np.float32(1.772454) * z, np.float32(-1.772454) * x
    for k in range(3):
        g = gamma[k]
        lit = np.float32(0.886227) * g[0] + b1 * g[1] + b2 * g[2] + b3 * g[3]
        lit += b4 * g[4] + b5 * g[5] + b6 * g[6] + b7 * g[7] + b8 * g[8]
        tone = red if k == 0 else (green if k == 1 else blue)
        rgb[k] = max(tone * lit, np.float32(0.0)) * shadow + shine * light[3 + k]


@jit(fastmath=True)
def _shade_frame(
    ids, depth, uvd, triangles, kinds, table, gamma, light, strands, mottle, palette, s, image, mask, nearest
):
    """Shade each triangle of a pixel once, at the mean of its samples; weigh by coverage over the background."""
    rgb = np.zeros(3, np.float32)
    seen = np.empty(s * s, np.int64)
    for row in range(mask.shape[0]):
        for column in range(mask.shape[1]):
            num, near = 0, np.float32(np.inf)
            for k in range(s * s):
                y, x = row * s + k // s, column * s + k % s
                t = ids[y, x]
                seen[k] = t
                if t >= 0:
                    num += 1
                    near = min(near, depth[y, x])
            nearest[row, column] = near
            mask[row, column] = np.float32(num) / np.float32(s * s)
            if num == 0:
                continue
            red, green, blue = np.float32(0), np.float32(0), np.float32(0)
            for k in range(s * s):
                t = seen[k]
                if t < 0:
                    continue
                same, sx, sy = 0, 0.0, 0.0
                for m in range(k, s * s):
                    if seen[m] == t:
                        same += 1
                        sx += column * s + m % s + 0.5
                        sy += row * s + m // s + 0.5
                        seen[m] = -1
                _sample(
                    t, sx / same, sy / same, uvd, triangles, kinds, table, gamma, light, strands, mottle, palette, rgb
                )
                red += same * min(rgb[0], np.float32(1.0))
                green += same * min(rgb[1], np.float32(1.0))
                blue += same * min(rgb[2], np.float32(1.0))
            rest = np.float32(s * s - num)
            share = np.float32(1.0) / np.float32(s * s)
            image[row, column, 0] = (red + rest * image[row, column, 0]) * share
            image[row, column, 1] = (green + rest * image[row, column, 1]) * share
            image[row, column, 2] = (blue + rest * image[row, column, 2]) * share
