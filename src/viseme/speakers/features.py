"""What is measured of one face at every step, from its lip motion and its scores against the audio.

Knows lip motion and scored steps; refuses to know how they came about, and who is speaking.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from viseme.audio.clock import FRAME_S
from viseme.face3d.lips import LipMotion
from viseme.faces import FaceTrack
from viseme.speakers.interface import FEATURES, STEP_S
from viseme.sync.comparer import ScoredSteps
from viseme.sync.embeddings import to_grid_points

__all__ = ["LOCAL", "NEAR", "SMOOTH", "boxes_at", "known", "lagged_features", "local_features", "smooth_steps"]

SMOOTH = 15
"""Steps of the mean of the papers: 0.6 seconds."""
NEAR = np.array([-5, -4, -3, 3, 4, 5])
"""Delays beside the one taken out, 10 ms each."""
LOCAL = np.arange(-130, 131, 2)
"""Delays, beside the one taken out, among which the best is sought: a voice dubbed off its own lips is found there."""


def smooth_steps(values: NDArray[np.floating], size: int = SMOOTH) -> NDArray[np.float32]:
    """Centred mean over `size` steps along the first axis; at the edges over those that exist; NaN are left out.

    Example:
        >>> smooth_steps(np.array([0.0, 3.0, 0.0, 3.0]), 3).tolist()
        [1.5, 1.0, 2.0, 1.5]
    """
    from scipy.ndimage import uniform_filter1d

    finite = np.isfinite(values)
    total = uniform_filter1d(np.where(finite, values, 0).astype(np.float64), size, axis=0, mode="constant")
    count = uniform_filter1d(finite.astype(np.float64), size, axis=0, mode="constant")
    return np.where(count > 1e-9, total / np.maximum(count, 1e-9), np.nan).astype(np.float32)


def known(scored: ScoredSteps) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """(T, L) log-likelihood ratios and (T, L) cosines, NaN where there was no audio."""
    ratios, cosines = (np.where(scored.present, v, np.nan) for v in (scored.ratios, scored.cosines))
    return ratios.astype(np.float32), cosines.astype(np.float32)


def boxes_at(times: NDArray[np.floating], track: FaceTrack) -> NDArray[np.float32]:
    """(T, 4) boxes of a face at T times, seconds, between those of its frames."""
    return np.stack([np.interp(times, track.times, track.boxes[:, k]) for k in range(4)], -1).astype(np.float32)


def local_features(motion: LipMotion) -> NDArray[np.float32]:
    """What the face alone shows, at every step that lies within its frames.

    Returns:
        (T, 5) opening, motion, lips, yaw, seen; see `FEATURES`.
    """
    grid, points = to_grid_points(motion.times, motion.points)
    opening = np.interp(grid, motion.times, motion.opening)
    mean = smooth_steps(opening)
    spread = np.sqrt(np.maximum(smooth_steps(opening**2) - mean**2, 0))
    speed = np.zeros(len(grid))
    if len(grid) > 1:
        moved = np.diff(points[:, :40], axis=0)
        moved = moved - moved.mean(1, keepdims=True)
        speed[1:] = np.sqrt((moved**2).sum(-1).mean(-1)) / STEP_S
        speed[0] = speed[1]
    yaw = np.interp(grid, motion.times, np.abs(motion.angles[:, 1]))
    seen = np.interp(grid, motion.times, motion.observed.astype(float)) > 0.5
    return np.stack([opening, spread, smooth_steps(speed, 5), yaw, seen], -1).astype(np.float32)


def lagged_features(
    ratios: NDArray[np.float32], cosines: NDArray[np.float32], local: NDArray[np.float32], lag: int
) -> NDArray[np.float32]:
    """Features of steps with one delay taken out.

    Args:
        ratios: (T, L), NaN where there was no audio, see `known`.
        cosines: (T, L), likewise.
        local: (T, 5), see `local_features`.
        lag: Index of the delay, 0 to L - 1.

    Returns:
        (T, len(FEATURES)).
    """
    num_lags = ratios.shape[1]
    here = ratios[:, lag]
    present = np.isfinite(here)
    near = NEAR + lag
    near = near[(near >= 0) & (near < num_lags)]
    beside = np.nan_to_num(ratios[:, near]).mean(1) if len(near) else np.zeros(len(here))
    local_lags = LOCAL + lag
    local_lags = local_lags[(local_lags >= 0) & (local_lags < num_lags)]
    means = np.nan_to_num(smooth_steps(ratios[:, local_lags]), nan=-10.0)
    best = means.argmax(1)
    columns = {
        "ratio": np.nan_to_num(here),
        "cosine": np.nan_to_num(cosines[:, lag]),
        "near": beside,
        "best": np.where(present, np.take_along_axis(means, best[:, None], 1)[:, 0], 0),
        "away": np.abs(local_lags[best] - lag) * FRAME_S,
        "opening": local[:, 0],
        "motion": local[:, 1],
        "lips": local[:, 2],
        "yaw": local[:, 3],
        "seen": local[:, 4],
        "audio": present,
    }
    return np.stack([columns[name] for name in FEATURES], -1).astype(np.float32)
