"""From somebody's arrays to a `FaceModel` in our conventions; what they lack comes from the default model.

The default head is laid over the other mean face (a similarity, then a smooth warp, by the landmarks both have);
landmarks, masks and albedo are then carried over from the closest surface. Knows no files.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import RBFInterpolator
from scipy.spatial import KDTree

from viseme.core.errors import FaceError
from viseme.face3d.interface import FaceModel, Landmarks, load_face_model
from viseme.face3d.lips import align

__all__ = ["Parts", "at_vertices", "closest_on_surface", "convert", "cylinder_uv", "embed", "keep_vertices"]

CAVITY = -1
"""Stands beside the values of `FaceModel.part` for skin inside the mouth."""


@dataclass(frozen=True, kw_only=True)
class Parts:
    """The arrays of one model: decimetres, +x image right, +y up, +z out of the face; see `FaceModel` for columns."""

    name: str
    mean: NDArray[np.floating]
    """(V, 3)."""
    id_basis: NDArray[np.floating]
    """(V, 3, A)."""
    exp_basis: NDArray[np.floating]
    """(V, 3, E)."""
    triangles: NDArray[np.integer]
    """(F, 3), either way round."""
    anchors: Mapping[str, tuple[NDArray[np.integer], NDArray[np.integer], NDArray[np.floating]]]
    """Scheme -> (landmark indices (N,), vertices (N, 3), weights (N, 3)): what the model's makers say of landmarks."""
    licence: str
    source_hash: str
    tex_mean: NDArray[np.floating] | None = None
    tex_basis: NDArray[np.floating] | None = None
    uv: NDArray[np.floating] | None = None
    uv_triangles: NDArray[np.integer] | None = None
    vertex_part: NDArray[np.integer] | None = None
    """(V,) index into `PARTS`; None = all skin."""
    masks: Mapping[str, NDArray[np.bool_]] = field(default_factory=dict)
    expression_names: tuple[str, ...] = ()
    expression_sigma: NDArray[np.floating] | None = None
    expression_spread: float = 1.0
    origin: str = "face_front"
    """What becomes the origin: "face_front" or "vertices" (the mean of either)."""


def convert(parts: Parts, where: str) -> FaceModel:
    """Build the model.

    Args:
        parts: What was read.
        where: File or folder, for messages.

    Raises:
        FaceError: the arrays do not make a face.
    """
    mean = np.asarray(parts.mean, np.float64)
    triangles = np.asarray(parts.triangles, np.int64)
    whole, order = _outward(mean, triangles)
    triangles = triangles[whole][:, order]
    if len(triangles) == 0 or not parts.anchors:
        raise FaceError(f"{where}: no surface with landmarks is left")
    part_v = np.zeros(len(mean), np.int64) if parts.vertex_part is None else np.asarray(parts.vertex_part)
    part_f = part_v[triangles[:, 0]].astype(np.int8)
    default = load_face_model()
    over = _overlay(default, mean, parts.anchors, where)
    cavity = np.asarray(parts.masks.get("mouth_interior", np.zeros(len(mean))), bool) & (part_v == 0)
    carried = _carried(default, over, mean, np.where(cavity, CAVITY, part_v))

    masks = {name: values > 0.5 for name, values in carried.items() if name != "albedo"}
    masks |= {"eyes": part_v >= 4, "mouth_interior": np.isin(part_v, (1, 2, 3))}
    masks["skin"] = (part_v == 0) & ~masks["mouth_interior"]
    masks |= {name: np.asarray(mask, bool) for name, mask in parts.masks.items()}
    for name in ("face_front", "lips", "skin"):
        masks[name] = masks[name] & (part_v == 0)
    if not masks["face_front"].any():
        raise FaceError(f"{where}: no vertex lies on the front of the face; are units and axes as documented?")
    origin = mean.mean(0) if parts.origin == "vertices" else mean[masks["face_front"]].mean(0)

    if parts.tex_mean is None or parts.tex_basis is None:
        albedo = carried["albedo"]
        tex_mean, tex_basis = albedo[..., 0], albedo[..., 1:]
    else:
        tex_mean, tex_basis = parts.tex_mean, parts.tex_basis
    if parts.uv is None or parts.uv_triangles is None:
        uv, uv_triangles = cylinder_uv(mean), triangles
    else:
        uv, uv_triangles = parts.uv, np.asarray(parts.uv_triangles)[whole][:, order]
    num = parts.exp_basis.shape[-1]
    return FaceModel(
        name=parts.name,
        mean=(mean - origin).astype(np.float32),
        id_basis=np.ascontiguousarray(parts.id_basis, np.float32),
        exp_basis=np.ascontiguousarray(parts.exp_basis, np.float32),
        tex_mean=np.ascontiguousarray(tex_mean, np.float32),
        tex_basis=np.ascontiguousarray(tex_basis, np.float32),
        triangles=triangles.astype(np.int32),
        uv=np.asarray(uv, np.float32),
        uv_triangles=np.asarray(uv_triangles, np.int32),
        part=part_f,
        masks=masks,
        landmarks=_landmarks(default, over, parts.anchors, mean, triangles, part_f),
        expression_names=parts.expression_names or tuple(f"exp{k:03d}" for k in range(num)),
        expression_sigma=np.ones(num)
        if parts.expression_sigma is None
        else np.asarray(parts.expression_sigma, np.float64),
        licence=parts.licence,
        source_hash=parts.source_hash,
        expression_spread=parts.expression_spread,
    )


def _outward(mean: NDArray[np.float64], triangles: NDArray[np.int64]) -> tuple[NDArray[np.bool_], list[int]]:
    """Which triangles have an area, and the order of corners in which the front of the face looks outward."""
    a, b, c = (mean[triangles[:, k]] for k in range(3))
    across = np.cross(b - a, c - a)
    whole = np.linalg.norm(across, axis=1) > 1e-12
    z = (a + b + c)[:, 2]
    front = whole & (z >= np.median(z[whole])) if whole.any() else whole
    return whole, [0, 2, 1] if across[front, 2].sum() < 0 else [0, 1, 2]


def _overlay(
    default: FaceModel,
    mean: NDArray[np.float64],
    anchors: Mapping[str, Any],
    where: str,
) -> NDArray[np.float64]:
    """(Vd, 3) the default mean head laid over this one."""
    ours, theirs = [], []
    for scheme, (rows, corners, weights) in anchors.items():
        ours.append(default.landmark_points(default.mean, scheme)[np.asarray(rows)].astype(np.float64))
        theirs.append(np.einsum("kc,kcd->kd", weights, mean[corners]))
    source, target = np.concatenate(ours), np.concatenate(theirs)
    if len(source) < 8 or np.linalg.matrix_rank(target - target.mean(0), tol=1e-3) < 3:
        raise FaceError(f"{where}: its landmarks do not span a face")
    scale, rotation, translation = align(source[None], target)
    moved = scale[0] * source @ rotation[0].T + translation[0]
    if not 0.3 < scale[0] < 3.0:
        raise FaceError(f"{where}: the face is {scale[0]:.2g} times as large as a face; are its units as documented?")
    first = np.unique(moved.round(6), axis=0, return_index=True)[1]  # schemes share points; a spline wants each once
    warp = RBFInterpolator(moved[first], target[first] - moved[first], kernel="linear", smoothing=1e-3, degree=1)
    head = scale[0] * default.mean.astype(np.float64) @ rotation[0].T + translation[0]
    return head + warp(head)


def _carried(
    default: FaceModel, over: NDArray[np.float64], mean: NDArray[np.float64], part: NDArray[np.integer]
) -> dict[str, NDArray[np.float64]]:
    """Masks (V,) and albedo (V, 3, 1 + D) of the default model at the closest place of the same part.

    `part` may also be `CAVITY`: behind the lips, which must not take colour from the lips
    they nearly touch, nor give it.
    """
    behind = default.masks["mouth_interior"][default.triangles].any(1) & (default.part == 0)
    source = np.where(behind, CAVITY, default.part)
    columns = np.concatenate([default.tex_mean[..., None], default.tex_basis], -1)
    names = ("face_front", "lips", "ears")
    carried = {name: np.zeros(len(mean)) for name in names}
    albedo = np.zeros((len(mean), *columns.shape[1:]))
    for value in np.unique(part):
        rows = np.flatnonzero(part == value)
        faces = default.triangles[source == value]
        found, weights = closest_on_surface(mean[rows], over, faces)
        corners = faces[found]
        albedo[rows] = np.einsum("nk,nkcd->ncd", weights, columns[corners])
        for name in names:
            carried[name][rows] = (default.masks[name][corners] * weights).sum(1)
    return {**carried, "albedo": albedo}


def _landmarks(
    default: FaceModel,
    over: NDArray[np.float64],
    anchors: Mapping[str, Any],
    mean: NDArray[np.float64],
    triangles: NDArray[np.int64],
    part: NDArray[np.int8],
) -> dict[str, Landmarks]:
    live = np.flatnonzero(part == 0)
    made = {}
    for scheme in ("mp468", "ibug68"):
        points = default.landmark_points(over, scheme)
        found, weights = closest_on_surface(points, mean, triangles[live])
        index = live[found]
        if scheme in anchors:
            rows, corners, given = anchors[scheme]
            index[rows], weights[rows] = embed(corners, given, mean, triangles, live)
        made[scheme] = Landmarks(
            triangle=index.astype(np.int32), weights=weights, subsets=dict(default.landmarks[scheme].subsets)
        )
    return made


def embed(
    corners: NDArray[np.integer],
    weights: NDArray[np.floating],
    mean: NDArray[np.float64],
    triangles: NDArray[np.int64],
    live: NDArray[np.int64],
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Triangle and weights of points given by any three vertices.

    Exact where the three (or those with weight) are corners of one triangle, else the closest place on the surface.

    Args:
        corners: (N, 3) vertices.
        weights: (N, 3).
        mean: (V, 3).
        triangles: (F, 3).
        live: Triangles that may be chosen.
    """
    index = np.empty(len(corners), np.int64)
    out = np.zeros((len(corners), 3))
    points = np.einsum("nk,nkd->nd", weights, mean[corners])
    near, near_weights = closest_on_surface(points, mean, triangles[live])
    of_vertex: dict[int, list[int]] = {}
    for t in live.tolist():
        for v in triangles[t].tolist():
            of_vertex.setdefault(v, []).append(t)
    for row, (three, share) in enumerate(zip(corners.tolist(), np.asarray(weights).tolist())):
        used = {v for v, w in zip(three, share) if abs(w) > 1e-9}
        shared = set.intersection(*(set(of_vertex.get(v, ())) for v in used)) if used else set()
        if shared:
            index[row] = min(shared)
            face = triangles[index[row]].tolist()
            for v, w in zip(three, share):
                if v in used:
                    out[row, face.index(v)] += w
        else:
            index[row], out[row] = live[near[row]], near_weights[row]
    return index, out


def at_vertices(vertices: NDArray[np.integer]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Corners (N, 3) and weights (N, 3) of landmarks that are vertices."""
    vertices = np.asarray(vertices, np.int64)
    return np.repeat(vertices[:, None], 3, 1), np.tile([1.0, 0.0, 0.0], (len(vertices), 1))


def closest_on_surface(
    points: NDArray[np.floating], vertices: NDArray[np.floating], triangles: NDArray[np.integer], *, num: int = 16
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Triangle (N,) and barycentric weights (N, 3) nearest to each point, among the `num` nearest triangle centres."""
    corners = vertices[triangles].astype(np.float64)
    num = min(num, len(triangles))
    _, near = KDTree(corners.mean(1)).query(points, k=num)
    near = np.asarray(near).reshape(len(points), num)
    best_gap, best, best_weights = (
        np.full(len(points), np.inf),
        np.zeros(len(points), np.int64),
        np.zeros((len(points), 3)),
    )
    for k in range(num):
        a, b, c = np.moveaxis(corners[near[:, k]], 1, 0)
        weights = _nearest_weights(np.asarray(points, np.float64), a, b, c)
        at = weights[:, :1] * a + weights[:, 1:2] * b + weights[:, 2:] * c
        gap = ((at - points) ** 2).sum(1)
        closer = gap < best_gap
        best_gap[closer], best[closer], best_weights[closer] = gap[closer], near[closer, k], weights[closer]
    return best, best_weights


def _nearest_weights(p: Any, a: Any, b: Any, c: Any) -> NDArray[np.float64]:
    """(N, 3) weights of the point of each triangle nearest to each `p`: inside it, or on one of its three edges."""

    def dot(x: Any, y: Any) -> Any:
        return (x * y).sum(-1)

    u, v, w = b - a, c - a, p - a
    uu, uv, vv, wu, wv = dot(u, u), dot(u, v), dot(v, v), dot(w, u), dot(w, v)
    area = np.maximum(uu * vv - uv * uv, 1e-18)
    s, t = (vv * wu - uv * wv) / area, (uu * wv - uv * wu) / area
    plane = np.stack([1 - s - t, s, t], -1)
    options = [np.where((plane >= 0).all(-1, keepdims=True), plane, np.nan)]
    for first, second, x, y in ((0, 1, a, b), (1, 2, b, c), (2, 0, c, a)):
        along = np.clip(dot(p - x, y - x) / np.maximum(dot(y - x, y - x), 1e-18), 0, 1)
        edge = np.zeros_like(plane)
        edge[:, first], edge[:, second] = 1 - along, along
        options.append(edge)
    stacked = np.stack(options)  # 4 N 3
    at = stacked[..., :1] * a + stacked[..., 1:2] * b + stacked[..., 2:] * c
    gap = np.where(np.isnan(stacked[..., 0]), np.inf, ((at - p) ** 2).sum(-1))
    return stacked[gap.argmin(0), np.arange(len(p))]


def cylinder_uv(mean: NDArray[np.floating]) -> NDArray[np.float32]:
    """(V, 2) texture coordinates on a cylinder around the head, for models without any; the seam is at the back."""
    x, y, z = (mean - mean.mean(0)).T
    behind = z - z.max() + max(np.ptp(x) / 2, 1e-6)
    return np.stack([0.5 + np.arctan2(x, behind) / (2 * np.pi), (y - y.min()) / max(np.ptp(y), 1e-6)], -1).astype(
        np.float32
    )


def keep_vertices(
    keep: NDArray[np.bool_], triangles: NDArray[np.integer]
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Kept vertices in order, the triangles among them in the new numbering, and which triangles those are."""
    number = np.cumsum(keep) - 1
    whole = np.flatnonzero(keep[triangles].all(1))
    return np.flatnonzero(keep), number[triangles[whole]], whole
