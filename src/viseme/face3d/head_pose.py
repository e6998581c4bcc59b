"""Where the head is, from its rigid points alone: landmarks in, a space in which the head stands still out.

Knows geometry; refuses to know where landmarks come from. "Metric" landmarks are `mediapipe478` in pixels with axes
+x image right, +y up, +z out of the face; the reference space is what a reference frame's landmarks are given in.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from viseme.face3d.interface import load_face_model
from viseme.face3d.lips import align
from viseme.face3d.neutral_landmarks import neutral_landmarks

__all__ = ["NUM_VERTICES", "RIGID", "HeadPoses", "canonical_vertices", "head_poses", "metric"]

NUM_VERTICES = 468
RIGID = np.array(
    [
        *(168, 6, 197, 195, 5, 10, 122, 351, 193, 417, 245, 465, 188, 412, 174, 399, 196, 419, 3, 248, 33, 263, 133),
        *(362, 130, 359, 243, 463, 109, 338, 67, 297, 103, 332, 54, 284, 21, 251, 162, 389),
    ]
)
"""Forehead, temples, eye corners and the bridge of the nose: what does not move with brows, cheeks, lips and jaw."""
ROUNDS = 5
"""Of re-weighting."""
OUTLIER = 0.06
"""Of the eye distance: a rigid point that far off counts nothing (Tukey)."""


def metric(landmarks: NDArray[np.floating]) -> NDArray[np.floating]:
    """(..., 468, 3) metric landmarks of (..., 468 or 478, 3) in MediaPipe's axes (y down, z away from the camera)."""
    return landmarks[..., :NUM_VERTICES, :] * np.array([1, -1, -1], landmarks.dtype)


@lru_cache(maxsize=1)
def canonical_vertices() -> NDArray[np.floating]:
    """(468, 3) landmarks of the default face model, mouth shut, about the axis of its cylinder; unit = the mean radius.

    The axis is the vertical line x = 0, z = z0 about which the radii spread least.
    """
    mean = np.asarray(neutral_landmarks(load_face_model())[0], np.float64)
    mean = mean - [mean[[33, 263], 0].mean(), 0, 0]
    depths = np.linspace(mean[:, 2].min(), mean[:, 2].max(), 2001)
    radii = np.hypot(mean[None, :, 0], mean[None, :, 2] - depths[:, None])
    best = int(np.argmin(radii.std(1)))
    out = (mean - [0, 0, depths[best]]) / radii[best].mean()
    out.setflags(write=False)
    return out


@dataclass(frozen=True, kw_only=True)
class HeadPoses:
    """Similarities from metric landmarks of frames to the reference space: `scale * rotation @ x + translation`."""

    scale: NDArray[np.floating]
    """(T,)."""
    rotation: NDArray[np.floating]
    """(T, 3, 3)."""
    translation: NDArray[np.floating]
    """(T, 3)."""
    residual: NDArray[np.floating]
    """(T,) root mean square misfit of the rigid points, unit of the reference."""

    def normalise(self, vertices: NDArray[np.floating]) -> NDArray[np.floating]:
        """(T, V, 3) in the reference space, from metric."""
        return self.scale[:, None, None] * vertices @ self.rotation.transpose(0, 2, 1) + self.translation[:, None]

    def restore(self, vertices: NDArray[np.floating]) -> NDArray[np.floating]:
        """(T, V, 3) metric, from the reference space."""
        return (vertices - self.translation[:, None]) @ self.rotation / self.scale[:, None, None]

    def __len__(self) -> int:
        return len(self.scale)


def head_poses(vertices: NDArray[np.floating], reference: NDArray[np.floating]) -> HeadPoses:
    """The robust similarity that moves each frame's rigid points onto those of the reference.

    Args:
        vertices: (T, 468, 3) metric.
        reference: (468, 3) in any space; its own rigid points are the target.

    Source:
        Lahiri et al., "LipSync3D", 2021, section 3.1, with Umeyama's similarity; the points and the weights are ours.
    """
    source, target = np.asarray(vertices, np.float64)[:, RIGID], np.asarray(reference, np.float64)[RIGID]
    eyes = float(np.linalg.norm(reference[33] - reference[263]))
    weights = None
    for _ in range(ROUNDS):
        scale, rotation, translation = align(source, target, weights)
        moved = scale[:, None, None] * source @ rotation.transpose(0, 2, 1) + translation[:, None]
        off = np.linalg.norm(moved - target, axis=-1)
        middle = np.median(off, axis=1, keepdims=True)
        reach = np.maximum(OUTLIER * eyes, 3 * middle)  # a frame all of whose points are off keeps some
        weights = np.clip(1 - (off / reach) ** 2, 0, None) ** 2
    return HeadPoses(scale=scale, rotation=rotation, translation=translation, residual=np.sqrt((off**2).mean(1)))
