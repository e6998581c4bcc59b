"""Pose-normalised lip motion: landmarks in, lip and jaw points in a face-centred space out.

Knows geometry; refuses to know where landmarks come from, networks and audio. Each frame is moved onto an
upright, frontal template by the similarity (rotation, scale, translation) that best fits the points of the upper
face, which do not move when people speak. What is left is lip motion, in units of the template's eye distance.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

__all__ = ["LIP_POINTS", "POSE_REACH_S", "RIGID_POINTS", "LipMotion", "align", "lip_motion", "template"]

RIGID_POINTS = np.array(
    # forehead, temples, nose bridge and ridge, eye corners: nothing that speech or brows move
    [
        *(10, 338, 297, 332, 284, 251, 389, 109, 67, 103, 54, 21, 162, 151, 9, 8, 168, 6, 197, 195, 5, 4),
        *(33, 133, 362, 263, 127, 356, 34, 264, 143, 372, 245, 465, 122, 351, 193, 417),
    ]
)
"""Indices into mp478 (same in mp468)."""

OUTER_LIPS = [61, 185, 40, 39, 37, 0, 267, 269, 270, 409, 291, 375, 321, 405, 314, 17, 84, 181, 91, 146]
INNER_LIPS = [78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 308, 324, 318, 402, 317, 14, 87, 178, 88, 95]
JAW = [152, 148, 377, 176, 400, 149, 378, 150, 379, 136, 365, 172, 397, 199, 200, 18, 175]
AROUND = [2, 164, 205, 425, 207, 427, 57, 287, 212, 432]

LIP_POINTS = np.array(OUTER_LIPS + INNER_LIPS + JAW + AROUND)
"""Indices into mp478 of the 67 points of lip motion: 20 outer lip, 20 inner lip, 17 jaw, 10 around the mouth."""


POSE_SMOOTH_S = 0.03
"""Width of the smoothing of the head's motion, seconds."""
POSE_REACH_S = 2 * 4 * POSE_SMOOTH_S
"""Seconds on either side that a pose depends on: four widths, once for the rotation and again for the place."""

_TEMPLATE = np.array(
    [
        (0.0000, 0.5054, 0.2126),
        (0.2133, 0.5002, 0.1928),
        (0.3935, 0.4717, 0.1169),
        (0.5606, 0.4089, -0.0143),
        (0.6713, 0.3105, -0.1699),
        (0.7396, 0.1827, -0.3224),
        (0.7761, 0.0441, -0.4841),
        (-0.2133, 0.5002, 0.1928),
        (-0.3935, 0.4717, 0.1169),
        (-0.5606, 0.4089, -0.0143),
        (-0.6713, 0.3105, -0.1699),
        (-0.7396, 0.1827, -0.3224),
        (-0.7761, 0.0441, -0.4841),
        (0.0000, 0.3009, 0.2382),
        (0.0000, 0.0804, 0.2504),
        (0.0000, -0.0233, 0.2254),
        (0.0000, -0.1128, 0.2109),
        (0.0000, -0.2121, 0.2516),
        (0.0000, -0.3064, 0.3000),
        (0.0000, -0.3957, 0.3537),
        (0.0000, -0.4916, 0.4087),
        (0.0000, -0.6024, 0.4253),
        (-0.5000, -0.1217, -0.0451),
        (-0.1894, -0.1498, 0.0111),
        (0.1894, -0.1498, 0.0111),
        (0.5000, -0.1217, -0.0451),
        (-0.7914, -0.1343, -0.6183),
        (0.7914, -0.1343, -0.6183),
        (-0.7747, -0.1661, -0.3848),
        (0.7747, -0.1661, -0.3848),
        (-0.6969, -0.1778, -0.2152),
        (0.6969, -0.1778, -0.2152),
        (-0.1149, -0.2009, 0.1128),
        (0.1149, -0.2009, 0.1128),
        (-0.0666, -0.2286, 0.2219),
        (0.0666, -0.2286, 0.2219),
        (-0.0883, -0.1102, 0.1603),
        (0.0883, -0.1102, 0.1603),
    ]
)


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
    source: NDArray[np.floating], target: NDArray[np.floating]
) -> tuple[NDArray[np.floating], NDArray[np.floating], NDArray[np.floating]]:
    """Similarities that move `source` points onto `target` points with least squared error.

    Args:
        source: (T, R, 3).
        target: (R, 3).

    Returns:
        scale (T,), rotation (T, 3, 3) and translation (T, 3): `scale * rotation @ x + translation`.

    Source:
        Umeyama, "Least-Squares Estimation of Transformation Parameters Between Two Point Patterns", 1991.
    """
    mean_s, mean_t = source.mean(1), target.mean(0)
    centred_s, centred_t = source - mean_s[:, None], target - mean_t
    u, d, vt = np.linalg.svd(np.einsum("rj,trk->tjk", centred_t, centred_s))
    sign = np.ones((len(source), 3))
    sign[:, 2] = np.sign(np.linalg.det(u) * np.linalg.det(vt))
    rotation = np.einsum("tij,tj,tjk->tik", u, sign, vt)
    scale = (d * sign).sum(-1) / np.maximum((centred_s**2).sum((1, 2)), 1e-12)
    translation = mean_t - scale[:, None] * np.einsum("tij,tj->ti", rotation, mean_s)
    return scale, rotation, translation


def _upright(landmarks: NDArray[np.floating]) -> NDArray[np.floating]:
    """MediaPipe's axes (y down, z away from the camera) to ours (y up, z to the camera)."""
    return landmarks[..., :3] * np.array([1.0, -1.0, -1.0], dtype=landmarks.dtype)


def template() -> NDArray[np.float64]:
    """(36, 3) rigid points of the mean face: frontal, mirror-symmetric, outer eye corners one unit apart."""
    return _TEMPLATE.copy()


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
    upright = _upright(landmarks.astype(np.float64))
    rigid = upright[:, RIGID_POINTS]
    scale, rotation, translation = align(rigid, _TEMPLATE)
    # second pass: the person's own upper face is a better target than the mean face
    own = (scale[:, None, None] * np.einsum("tij,trj->tri", rotation, rigid) + translation[:, None]).mean(0)
    scale, rotation, _ = align(rigid, own)
    centre = _centre(rigid, own, scale, rotation)
    if smooth_s > 0 and len(times) > 3:
        sigma = smooth_s / max(float(np.median(np.diff(times))), 1e-3)
        scale = np.exp(gaussian_filter1d(np.log(scale), sigma))
        rotation = _nearest_rotation(gaussian_filter1d(rotation, sigma, axis=0))
        centre = gaussian_filter1d(_centre(rigid, own, scale, rotation), sigma, axis=0)
    lips = scale[:, None, None] * np.einsum("tij,tkj->tki", rotation, upright[:, LIP_POINTS] - centre[:, None])
    fitted = scale[:, None, None] * np.einsum("tij,trj->tri", rotation, rigid - centre[:, None])
    top, bottom = LIP_POINTS.tolist().index(13), LIP_POINTS.tolist().index(14)
    return LipMotion(
        times=np.asarray(times, dtype=np.float64),
        points=lips.astype(np.float32),
        observed=np.ones(len(times), bool) if observed is None else observed,
        opening=np.linalg.norm(lips[:, top] - lips[:, bottom], axis=-1).astype(np.float32),
        angles=_angles(rotation.transpose(0, 2, 1)).astype(np.float32),
        size_px=(1.0 / scale).astype(np.float32),
        residual=np.sqrt(((fitted - own) ** 2).sum(-1).mean(-1)).astype(np.float32),
    )


def _centre(
    rigid: NDArray[np.floating], own: NDArray[np.floating], scale: NDArray[np.floating], rotation: NDArray[np.floating]
) -> NDArray[np.floating]:
    """(T, 3) the place in the frame's axes of the template's origin, best for given scale and rotation."""
    return rigid.mean(1) - np.einsum("tji,j->ti", rotation, own.mean(0)) / scale[:, None]


def _nearest_rotation(matrices: NDArray[np.floating]) -> NDArray[np.floating]:
    u, _, vt = np.linalg.svd(matrices)
    sign = np.ones((len(matrices), 3))
    sign[:, 2] = np.linalg.det(u) * np.linalg.det(vt)
    return np.einsum("tij,tj,tjk->tik", u, sign, vt)


def _angles(rotation: NDArray[np.floating]) -> NDArray[np.floating]:
    """(pitch, yaw, roll) of `Rz(roll) Ry(yaw) Rx(pitch)`."""
    yaw = np.arcsin(np.clip(-rotation[:, 2, 0], -1, 1))
    pitch = np.arctan2(rotation[:, 2, 1], rotation[:, 2, 2])
    roll = np.arctan2(rotation[:, 1, 0], rotation[:, 0, 0])
    return np.stack([pitch, yaw, roll], -1)
