"""A personal face in motion: its mesh, with the main directions in which it moves as shapes, and ARKit's weights.

Knows face generators; refuses to know their networks.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from viseme.avatar.animation.interface import FaceAnimation, FaceMesh
from viseme.face3d.atlas import ATLAS_SIZE
from viseme.face3d.atlas_triangles import TRIANGLES
from viseme.face3d.interface import load_face_model
from viseme.faces.schemes import EYE_CORNERS
from viseme.synthetic.phonemes import SAMPLE_RATE

__all__ = ["generated_animation"]

NUM_SHAPES = 32
"""Principal components of the vertices' motion."""
EYE_DISTANCE_M = 0.089
"""Metres between the outer corners of a grown-up's eyes: what an avatar's own unit is scaled to."""


def generated_animation(
    generator: Any, samples: NDArray[np.float32], rate: Fraction, *, source: str = ""
) -> FaceAnimation:
    """What a face generator makes of a voice.

    Args:
        generator: A `FaceGenerator` (`viseme.compose.interface`): an avatar.
        samples: (S,) the voice at 16 kHz, from time 0.
        rate: Frames a second.
        source: The audio file, or what was said.
    """
    duration = len(samples) / SAMPLE_RATE
    times = np.arange(max(1, int(np.ceil(duration * rate)))) / float(rate)
    made = [(part.vertices, part.weights) for part in generator.speak(samples, 0.0, times)]
    vertices = np.concatenate([v for v, _ in made]).astype(np.float64)
    weights = np.concatenate([w for _, w in made]).astype(np.float32)
    mesh, mesh_weights = _mesh(generator, vertices)
    return FaceAnimation(
        rate=rate,
        names=load_face_model().expression_names[: weights.shape[1]],
        weights=np.clip(weights, 0, 1),
        pose=np.zeros((len(times), 3), np.float32),
        duration=duration,
        mesh=mesh,
        mesh_weights=mesh_weights,
        samples=samples,
        source=source,
    )


def _mesh(generator: Any, vertices: NDArray[np.float64]) -> tuple[FaceMesh, NDArray[np.float32]]:
    """The face at rest with its shapes, each of unit weight at its largest, and their weights (T, K)."""
    reference = np.asarray(generator.reference, np.float64)
    scale = EYE_DISTANCE_M / float(np.linalg.norm(np.subtract(*reference[list(EYE_CORNERS)])))
    moved = ((vertices - reference) * scale).reshape(len(vertices), -1)
    _, strength, shapes = np.linalg.svd(moved, full_matrices=False)
    num = max(1, min(NUM_SHAPES, int((strength > 1e-6 * max(float(strength[0]), 1e-12)).sum())))
    amounts = moved @ shapes[:num].T
    unit = np.maximum(np.abs(amounts).max(0), 1e-9)
    uv = np.asarray(generator.cylinder.coordinates(reference)) / ATLAS_SIZE
    mesh = FaceMesh(
        vertices=(reference * scale).astype(np.float32),
        triangles=np.asarray(TRIANGLES, np.int32),
        uv=np.stack([uv[:, 0], 1 - uv[:, 1]], 1).astype(np.float32),
        shape_names=tuple(f"motion{number + 1:02d}" for number in range(num)),
        shapes=(shapes[:num] * unit[:, None]).reshape(num, -1, 3).astype(np.float32),
        texture=(np.clip(generator.reference_atlas, 0, 1) * 255 + 0.5).astype(np.uint8),
    )
    return mesh, (amounts / unit).astype(np.float32)
