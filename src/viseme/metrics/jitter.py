"""Jitter: how much landmarks shake from frame to frame, and how much more than in the real video.

Knows points on a regular grid of frames; refuses to know which.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

__all__ = ["JitterSums", "jitter", "jitter_ratio"]


class JitterSums:
    """Additive sums for `jitter`."""

    def __init__(self) -> None:
        self.energy = 0.0
        """Sum of squared second differences."""
        self.num = 0
        """Points of frames that were summed."""

    def add(self, points: ArrayLike) -> None:
        """Take in (T, K, 2 or 3) points of one clip at one frame rate; NaN where a frame has none.

        Raises:
            ValueError: the shape is another.
        """
        track = np.asarray(points, np.float64)
        if track.ndim != 3:
            raise ValueError(f"points must be (T, K, 2 or 3), not {track.shape}")
        energy = (np.diff(track, n=2, axis=0) ** 2).sum(-1)
        known = np.isfinite(energy)
        self.energy += float(energy[known].sum())
        self.num += int(known.sum())

    def compute(self) -> float:
        """Mean squared second difference; NaN where no three frames in a row have points."""
        return self.energy / self.num if self.num else float("nan")


def jitter(points: ArrayLike) -> float:
    """Mean over points and frames of |p[t - 1] - 2 p[t] + p[t + 1]|^2.

    Args:
        points: (T, K, 2 or 3) of one clip at one frame rate; NaN where a frame has none, which leaves out its
            neighbours too.

    Returns:
        In the square of the points' unit; 0 for still or evenly moving points, NaN without three frames in a row.

    Raises:
        ValueError: the shape is another.

    Example:
        >>> jitter([[[0.0, 0.0]], [[1.0, 0.0]], [[2.0, 0.0]], [[2.0, 2.0]]])  # (0 + 1 + 4) / 2
        2.5
    """
    sums = JitterSums()
    sums.add(points)
    return sums.compute()


def jitter_ratio(generated: ArrayLike, true: ArrayLike) -> float:
    """`jitter` of generated points over that of the true ones, in one unit and at one frame rate.

    Returns:
        1 = as steady as the real video, more = shakier; NaN where either cannot be told, or the true points never
        change their speed.

    Raises:
        ValueError: see `jitter`.
    """
    above, below = jitter(generated), jitter(true)
    return above / below if below > 0 else float("nan")
