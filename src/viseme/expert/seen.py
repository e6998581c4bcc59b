"""What the video stream of an expert sees, 25 frames a second: lip points, lips of the face model, or mouths as filmed.

Knows arrays; refuses to know networks and files.
"""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from viseme.core.errors import DataError
from viseme.data.sources import TrackedClip
from viseme.expert.interface import RATE
from viseme.face3d.lip_mesh import NUM_VERTICES, lip_mesh
from viseme.face3d.lips import lip_motion
from viseme.faces.crop_recorder import ImagesInMemory
from viseme.faces.crops import crop_squares
from viseme.faces.mouth_roi import ROI_PX, mouth_input, mouth_rois, nearest_rows
from viseme.faces.schemes import LIP_POINTS
from viseme.media.images import gaussian_blur, warp_affine

__all__ = ["NUM_POINTS", "SEES", "Sees", "network_input", "seen_of", "varied"]

Sees = Literal["landmarks", "mesh", "pixel"]
"""What an expert can be trained on."""
SEES: tuple[Sees, ...] = get_args(Sees)
NUM_POINTS: dict[Sees, int] = {"landmarks": len(LIP_POINTS), "mesh": NUM_VERTICES, "pixel": 0}
"""Points of a frame."""
MOVED_PX, TURNED_DEG, BLURRED_PX = 12.0, 15.0, 1.0
"""Most that a mouth is moved, turned and blurred in training."""
LEAST_SCALE, MOST_SCALE = 0.9, 1.1


def seen_of(clip: TrackedClip, sees: Sees) -> tuple[float, NDArray[np.float32] | NDArray[np.uint8]]:
    """Seconds of the first of 25 frames a second, and what is seen of each.

    Args:
        clip: With images where mouths are seen.
        sees: What.

    Returns:
        (T, 67, 3) pose-normalised lip points or (T, 96, 3) vertices in eye distances, or (T, 96, 96) grey mouths.

    Raises:
        DataError: mouths are to be seen of a clip that was never filmed.
    """
    if sees == "pixel":
        return _mouths(clip)
    motion = lip_motion(clip.landmarks, clip.times, clip.observed)
    begin = float(clip.times[0])
    at = begin + np.arange(int((float(clip.times[-1]) - begin) * RATE + 1e-6) + 1) / RATE
    right = np.clip(np.searchsorted(clip.times, at), 1, len(clip.times) - 1)
    before, after = clip.times[right - 1], clip.times[right]
    share = np.clip((at - before) / (after - before), 0, 1)[:, None, None]
    points = ((1 - share) * motion.points[right - 1] + share * motion.points[right]).astype(np.float32)
    return begin, points if sees == "landmarks" else lip_mesh(points)


def _mouths(clip: TrackedClip) -> tuple[float, NDArray[np.uint8]]:
    if clip.images is None:
        raise DataError("an expert of pixels learns from filmed clips; this one has landmarks alone")
    begin = float(clip.times[0])
    rows = nearest_rows(clip.times - begin)
    landmarks = clip.landmarks[rows]
    return begin, mouth_rois(ImagesInMemory(clip.images[rows], crop_squares(clip.landmarks)[rows]), landmarks)


def network_input(seen: NDArray[np.floating] | NDArray[np.uint8]) -> NDArray[np.float32]:
    """What a network is given of `seen_of`: points without their mean over time, or normalised middles of mouths."""
    if seen.dtype == np.uint8:
        return mouth_input(seen.astype(np.uint8, copy=False))
    points = np.asarray(seen, np.float32)
    return points - points.mean(0)


def varied(seen: NDArray[np.floating] | NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.float32]:
    """`network_input` as another camera or another tracker might have it, for training."""
    if seen.dtype == np.uint8:
        return mouth_input(_filmed_otherwise(seen.astype(np.uint8, copy=False), rng))
    return _moved(seen.astype(np.float32), rng)


def _filmed_otherwise(mouths: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    """(T, 96, 96) moved, turned, scaled, mirrored, blurred and in another light, all frames alike."""
    turn, scale = np.deg2rad(rng.uniform(-TURNED_DEG, TURNED_DEG)), rng.uniform(LEAST_SCALE, MOST_SCALE)
    linear = scale * np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    middle = np.full(2, ROI_PX / 2)
    shift = middle - linear @ middle + rng.uniform(-MOVED_PX, MOVED_PX, 2)
    matrix = np.column_stack([linear, shift])
    out = np.stack([warp_affine(mouth, matrix, ROI_PX, ROI_PX) for mouth in mouths])
    if rng.random() < 0.5:
        out = out[:, :, ::-1]
    blur = rng.uniform(0, BLURRED_PX)
    if rng.random() < 0.3:
        out = np.stack([gaussian_blur(image, blur) for image in out])
    return np.clip(out * rng.uniform(0.7, 1.3) + rng.uniform(-20, 20), 0, 255).astype(np.uint8)


def _moved(points: NDArray[np.floating], rng: np.random.Generator) -> NDArray[np.float32]:
    """Another size, a slightly turned head, tracker noise; the mean over time is taken out."""
    turn = rng.normal(0, np.deg2rad(4), 3)
    skew = np.array([[0, -turn[2], turn[1]], [turn[2], 0, -turn[0]], [-turn[1], turn[0], 0]])
    moved = points @ (np.eye(3) + skew).T * rng.uniform(0.85, 1.15)
    moved = moved + rng.normal(0, rng.uniform(0, 0.004), moved.shape)
    return (moved - moved.mean(0)).astype(np.float32)
