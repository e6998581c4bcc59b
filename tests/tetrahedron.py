"""A face of four vertices in motion, for tests of formats."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np

from viseme.avatar.animation.interface import FaceAnimation, FaceMesh
from viseme.avatar.animation.live_link import COLUMNS

NAMES = tuple(name[0].lower() + name[1:] for name in COLUMNS[:52])
RATE = Fraction(25)


def animation(num: int = 20, **columns: Any) -> FaceAnimation:
    """A tetrahedron with two shapes; named weights may be given."""
    rng = np.random.default_rng(0)
    weights = np.zeros((num, 52), np.float32)
    for name, values in columns.items():
        weights[:, NAMES.index(name)] = values
    mesh = FaceMesh(
        vertices=np.array([[0, 0, 0.1], [0.1, 0, 0], [0, 0.1, 0], [-0.1, -0.1, 0]], np.float32),
        triangles=np.array([[0, 1, 2], [0, 2, 3], [0, 3, 1]], np.int32),
        uv=np.array([[0.5, 0.5], [0.9, 0.5], [0.5, 0.9], [0.1, 0.1]], np.float32),
        shape_names=("open", "wide"),
        shapes=rng.normal(0, 0.01, (2, 4, 3)).astype(np.float32),
        texture=rng.integers(0, 255, (8, 8, 3), np.uint8),
        pivot=(0.0, -0.05, -0.02),
    )
    return FaceAnimation(
        rate=RATE,
        names=NAMES,
        weights=weights,
        pose=rng.normal(0, 0.1, (num, 3)).astype(np.float32),
        duration=num / float(RATE),
        mesh=mesh,
        mesh_weights=rng.random((num, 2), np.float32),
        source="a & b.wav",
    )
