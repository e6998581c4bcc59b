"""Landmarks as coefficients of expressions by Apple's ARKit names. Knows `mediapipe478`; refuses to know frames.

The network is Google's (Grishchenko et al., "Blendshapes GHUM", 2023; Apache-2.0), an MLP-Mixer on 146 landmarks in
the image plane. It centres and scales them itself, but does not turn them upright.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from viseme.faces.networks import Network, load_network

__all__ = ["ARKIT_NAMES", "arkit_coefficients"]

_NAMES = """
_neutral browDownLeft browDownRight browInnerUp browOuterUpLeft browOuterUpRight cheekPuff cheekSquintLeft
cheekSquintRight eyeBlinkLeft eyeBlinkRight eyeLookDownLeft eyeLookDownRight eyeLookInLeft eyeLookInRight
eyeLookOutLeft eyeLookOutRight eyeLookUpLeft eyeLookUpRight eyeSquintLeft eyeSquintRight eyeWideLeft eyeWideRight
jawForward jawLeft jawOpen jawRight mouthClose mouthDimpleLeft mouthDimpleRight mouthFrownLeft mouthFrownRight
mouthFunnel mouthLeft mouthLowerDownLeft mouthLowerDownRight mouthPressLeft mouthPressRight mouthPucker mouthRight
mouthRollLower mouthRollUpper mouthShrugLower mouthShrugUpper mouthSmileLeft mouthSmileRight mouthStretchLeft
mouthStretchRight mouthUpperUpLeft mouthUpperUpRight noseSneerLeft noseSneerRight
"""
ARKIT_NAMES = tuple(_NAMES.split())
"""Names of the 52 coefficients in order: 51 of ARKit's, and `_neutral` in the first place. ARKit's `tongueOut` is
missing. "Left" and "Right" are the subject's own."""

_INDICES = """
0 1 4 5 6 7 8 10 13 14 17 21 33 37 39 40 46 52 53 54 55 58 61 63 65 66 67 70 78 80 81 82 84 87 88 91 93 95 103 105 107
109 127 132 133 136 144 145 146 148 149 150 152 153 154 155 157 158 159 160 161 162 163 168 172 173 176 178 181 185
191 195 197 234 246 249 251 263 267 269 270 276 282 283 284 285 288 291 293 295 296 297 300 308 310 311 312 314 317
318 321 323 324 332 334 336 338 356 361 362 365 373 374 375 377 378 379 380 381 382 384 385 386 387 388 389 390 397
398 400 402 405 409 415 454 466 468 469 470 471 472 473 474 475 476 477
"""
_POINTS = np.array(_INDICES.split(), dtype=np.intp)
"""(146,) the landmarks that the network looks at, in its order."""
_MAX_BATCH = 64


def arkit_coefficients(landmarks: NDArray[np.floating], *, task_file: Path | None = None) -> NDArray[np.float32]:
    """Coefficients of each frame, 0 to 1; see `ARKIT_NAMES`.

    Args:
        landmarks: (T, 478, 3) in pixels, x right, y down. z is not looked at.
        task_file: A user's `face_landmarker.task`; None = the network that ships.

    Returns:
        (T, 52).

    Raises:
        FaceError: the network cannot be loaded.
    """
    points = landmarks[:, _POINTS, :2].astype(np.float32)
    coefficients = np.zeros((len(points), len(ARKIT_NAMES)), np.float32)
    for start in range(0, len(points), _MAX_BATCH):
        part = slice(start, start + _MAX_BATCH)
        (coefficients[part],) = _network(task_file)(points[part])
    return coefficients


@lru_cache(maxsize=2)
def _network(task_file: Path | None) -> Network:
    return load_network("face_blendshapes", task_file)
