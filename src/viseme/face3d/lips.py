"""Pose-normalised lip motion: landmarks in, lip and jaw points in a face-centred space out.

Knows geometry; refuses to know where landmarks come from, networks and audio. Each frame is moved onto an
upright, frontal template by the similarity (rotation, scale, translation) that best fits the points of the upper
face, which do not move when people speak. What is left is lip motion, in units of the template's eye distance.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from viseme.core.arrays import gaussian_smooth
from viseme.faces.rotation import nearest_rotation, rotation_angles
from viseme.faces.schemes import ALIGNMENT, ALIGNMENT_SHAPE, LIP_POINTS, LIP_POINTS_MIDDLE

__all__ = ["POSE_REACH_S", "LipMotion", "align", "lip_motion"]

POSE_SMOOTH_S = 0.03
"""Width of the smoothing of the head's motion, seconds."""
POSE_REACH_S = 2 * 4 * POSE_SMOOTH_S
"""Seconds on either side that a pose depends on: four widths, once for the rotation and again for the place."""


@dataclass(frozen=True, kw_only=True)
class LipMotion:
    """Lip motion of one face on its own times."""

    times: NDArray[np.float64]
    """(T,) seconds."""
    points: NDArray[np.float32]
    """(T, 67, 3) in template axes (+x image right, +y up, +z out of the face), unit = outer eye corner distance."""
    observed: NDArray[np.bool_]
    """(T,) False where the landmarks were interpolated."""
    opening: NDArray[np.float32]
    """(T,) inner lip aperture in the same unit."""
    angles: NDArray[np.float32]
    """(T, 3) pitch, yaw, roll of the head in radians: positive = down, nose to image right, counter-clockwise."""
    size_px: NDArray[np.float32]
    """(T,) outer eye corner distance in pixels of the source frame."""
    residual: NDArray[np.float32]
    """(T,) root mean square misfit of the rigid points, same unit as `points`."""


def align(
    source: NDArray[np.floating], target: NDArray[np.floating], weights: NDArray[np.floating] | None = None
) -> tuple[NDArray[np.floating], NDArray[np.floating], NDArray[np.floating]]:
    """Similarities that move `source` points onto `target` points with least squared error.

    Args:
        source: (T, R, 3).
        target: (R, 3).
        weights: (T, R) how much each point counts; None = all alike.

    Returns:
        scale (T,), rotation (T, 3, 3) and translation (T, 3): `scale * rotation @ x + translation`.

    Source:
        Umeyama, "Least-Squares Estimation of Transformation Parameters Between Two Point Patterns", 1991.
    """
    share = np.ones(source.shape[:2], source.dtype) if weights is None else weights
    share = (share / share.sum(1, keepdims=True))[..., None]
    mean_s, mean_t = (share * source).sum(1), (share * target).sum(1)
    centred_s, centred_t = source - mean_s[:, None], target - mean_t[:, None]
    rotation, strength = nearest_rotation(np.einsum("trj,trk->tjk", share * centred_t, centred_s))
    scale = strength / np.maximum((share * centred_s**2).sum((1, 2)), 1e-12)
    translation = mean_t - scale[:, None] * np.einsum("tij,tj->ti", rotation, mean_s)
    return scale, rotation, translation


def _upright(landmarks: NDArray[np.floating]) -> NDArray[np.floating]:
    """MediaPipe's axes (y down, z away from the camera) to ours (y up, z to the camera)."""
    return landmarks[..., :3] * np.array([1.0, -1.0, -1.0], dtype=landmarks.dtype)


def lip_motion(
    landmarks: NDArray[np.floating],
    times: NDArray[np.floating],
    observed: NDArray[np.bool_] | None = None,
    *,
    smooth_s: float = POSE_SMOOTH_S,
) -> LipMotion:
    """Take pose, size and place out of a landmark sequence.

    Args:
        landmarks: (T, 468 or 478, 3) pixels, x right, y down, z away from the camera (MediaPipe's convention).
        times: (T,) seconds, increasing.
        observed: (T,) False where landmarks were interpolated; default all True.
        smooth_s: Standard deviation, seconds, of the Gaussian over the head's motion. The head is heavy and moves
            slowly, so what is fast in its fitted pose is tracker noise, and noise of the pose moves all lip points.

    Returns:
        Lip motion on the same times. Its mean is kept: remove it where identity must not matter.

    Raises:
        ValueError: shapes do not fit, or there is no frame.
    """
    if landmarks.ndim != 3 or landmarks.shape[1] < 468 or landmarks.shape[2] != 3 or len(landmarks) == 0:
        raise ValueError(f"landmarks must be (T>0, 468 or 478, 3), got {landmarks.shape}")
    if len(times) != len(landmarks):
        raise ValueError(f"{len(times)} times for {len(landmarks)} frames")
    rigid, mouth = (_upright(landmarks[:, chosen].astype(np.float64)) for chosen in (ALIGNMENT, LIP_POINTS))
    scale, rotation, translation = align(rigid, ALIGNMENT_SHAPE)
    # second pass: the person's own upper face is a better target than the mean face
    own = (scale[:, None, None] * np.einsum("tij,trj->tri", rotation, rigid) + translation[:, None]).mean(0)
    scale, rotation, _ = align(rigid, own)
    centre = _centre(rigid, own, scale, rotation)
    if smooth_s > 0 and len(times) > 3:
        sigma = smooth_s / max(float(np.median(np.diff(times))), 1e-3)
        scale = np.exp(gaussian_smooth(np.log(scale), sigma))
        rotation = nearest_rotation(gaussian_smooth(rotation, sigma))[0]
        centre = gaussian_smooth(_centre(rigid, own, scale, rotation), sigma)
    lips = scale[:, None, None] * np.einsum("tij,tkj->tki", rotation, mouth - centre[:, None])
    fitted = scale[:, None, None] * np.einsum("tij,trj->tri", rotation, rigid - centre[:, None])
    top, bottom = LIP_POINTS_MIDDLE
    return LipMotion(
        times=np.asarray(times, dtype=np.float64),
        points=lips.astype(np.float32),
        observed=np.ones(len(times), bool) if observed is None else observed,
        opening=np.linalg.norm(lips[:, top] - lips[:, bottom], axis=-1).astype(np.float32),
        angles=rotation_angles(rotation.transpose(0, 2, 1)).astype(np.float32),
        size_px=(1.0 / scale).astype(np.float32),
        residual=np.sqrt(((fitted - own) ** 2).sum(-1).mean(-1)).astype(np.float32),
    )


def _centre(
    rigid: NDArray[np.floating], own: NDArray[np.floating], scale: NDArray[np.floating], rotation: NDArray[np.floating]
) -> NDArray[np.floating]:
    """(T, 3) the place in the frame's axes of the template's origin, best for given scale and rotation."""
    return rigid.mean(1) - np.einsum("tji,j->ti", rotation, own.mean(0)) / scale[:, None]
