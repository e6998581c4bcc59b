"""Landmarks of the head: found on painted frames of it, the inner lips on an open mouth, then fixed to the surface."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from face_model.detection import surface_points
from face_model.embedding import embed, embed_twice, mirrored
from face_model.mesh import HeadCut
from face_model.painting import Regions, brow_field, mean_albedo
from viseme.faces.schemes import LIPS_INNER

__all__ = ["Embedded", "embed_landmarks"]


@dataclass
class Embedded:
    """478 landmarks on the surface."""

    triangle: np.ndarray
    """(478,)."""
    weights: np.ndarray
    """(478, 3)."""
    points: np.ndarray
    """(478, 3) on the mean head."""
    hit: float
    """Share of the landmarks that were found on skin; the rest moved to the nearest."""


def embed_landmarks(cut: HeadCut, regions: Regions, mean: np.ndarray, jaw: np.ndarray) -> Embedded:
    """Detect, paint brows where they were found, detect again, and fix to the surface.

    Args:
        cut: The head.
        regions: Of its vertices.
        mean: (H, 3) mean shape.
        jaw: (H, 3) the same with an open mouth.
    """
    part, inside = regions.part, regions.mouth_interior
    part_f = part[cut.triangles[:, 0]]
    allowed = np.where(part_f >= 4, 2, np.where(inside[cut.triangles].any(1) | (part_f != 0), 0, 1))
    colours = mean_albedo(mean, regions, np.zeros(len(mean)), None)
    draft, _ = surface_points(mean, cut.triangles, colours, allowed)
    colours = mean_albedo(mean, regions, brow_field(mean, draft), draft)
    colours[inside & (part <= 1)] *= 0.35
    marks, hit = surface_points(mean, cut.triangles, colours, allowed)
    opened, _ = surface_points(jaw, cut.triangles, colours, allowed)
    opened, marks = mirrored(opened), mirrored(marks)
    group = np.r_[np.ones(468, int), np.full(10, 2)]
    index, weights = embed(marks, mean, cut.triangles, allowed, group)
    seam = np.flatnonzero((regions.lips[cut.triangles] > 0.1).all(1) & (part_f == 0))
    inner = embed_twice(marks[LIPS_INNER], opened[LIPS_INNER], mean, jaw, cut.triangles, seam)
    index[LIPS_INNER], weights[LIPS_INNER] = inner
    points = (mean[cut.triangles[index]] * weights[..., None]).sum(1)
    return Embedded(index, weights, points, hit)
