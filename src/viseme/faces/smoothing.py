"""Less landmark jitter without less lip closure. Knows arrays with times; refuses to know frames.

A weighted straight line is fitted around each instant, with Gaussian weights in seconds, so a steady motion
passes unchanged whatever the frame rate and however it varies.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from viseme.faces.schemes import JAW, LIPS_INNER, LIPS_OUTER, NUM_POINTS

__all__ = ["SPEECH_POINTS", "smooth", "smoothing_matrix"]

REACH = 0.1
"""Seconds on either side beyond which nothing is looked at."""

BLOCK = 64
"""Frames that are smoothed at a time."""

SPEECH_POINTS = np.zeros(NUM_POINTS, bool)
"""(478,) True where speech moves the face: smoothed least."""
SPEECH_POINTS[np.concatenate([LIPS_INNER, LIPS_OUTER, JAW])] = True


def smoothing_matrix(times: NDArray[np.float64], width: float) -> NDArray[np.float64]:
    """(T, T) rows of weights of a local straight-line fit at each time.

    Args:
        times: (T,) seconds, rising.
        width: Standard deviation of the Gaussian weights, seconds; 0 = the identity.
    """
    num = len(times)
    if width <= 0 or num < 3:
        return np.eye(num)
    lag = times[None, :] - times[:, None]
    weight = np.where(np.abs(lag) <= REACH, np.exp(-0.5 * (lag / width) ** 2), 0.0)
    s0, s1, s2 = weight.sum(1), (weight * lag).sum(1), (weight * lag**2).sum(1)
    spread = s0 * s2 - s1**2
    usable = spread > 1e-9 * s0**2 * width**2
    line = (s2[:, None] - s1[:, None] * lag) * weight / np.where(usable, spread, 1.0)[:, None]
    return np.where(usable[:, None], line, np.eye(num))


def smooth(
    times: NDArray[np.float64], landmarks: NDArray[np.float32], *, rigid_width: float, speech_width: float
) -> NDArray[np.float32]:
    """Smooth each landmark over time.

    Args:
        times: (T,) seconds, rising.
        landmarks: (T, 478, 3).
        rigid_width: Seconds, for points that speech does not move.
        speech_width: Seconds, for `SPEECH_POINTS`.

    Returns:
        (T, 478, 3).
    """
    out = np.empty_like(landmarks)
    for chosen, width in ((~SPEECH_POINTS, rigid_width), (SPEECH_POINTS, speech_width)):
        for start in range(0, len(times), BLOCK):  # cost and memory grow with T and not with T squared
            stop = min(start + BLOCK, len(times))
            low = int(np.searchsorted(times, times[start] - REACH))
            high = int(np.searchsorted(times, times[stop - 1] + REACH, side="right"))
            rows = smoothing_matrix(times[low:high], width)[start - low : stop - low]
            out[start:stop, chosen] = np.tensordot(rows, landmarks[low:high, chosen].astype(np.float64), axes=1)
    return out
