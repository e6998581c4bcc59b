"""Confidence and distance of lip sync: how far the best delay stands out, and how near lips and audio are at it.

Knows distances of pairs; refuses to know networks and files. LSE-C and LSE-D are this of a SyncNet file, VSC and VSD of
our sync models. Neither number may be compared across weights.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["LAGS_FRAMES", "DelayDistances", "SyncConfidence", "sync_confidence"]

LAGS_FRAMES: NDArray[np.int64] = np.arange(-15, 16)
"""(31,) delays of the published protocol, video frames of 40 ms; positive = the audio is late."""
LEAST_WINDOWS = 5
"""A delay counts when so many windows met audio there, ..."""
LEAST_OVERLAP = 0.2
"""... and this fraction of the most that met it at any delay."""


@dataclass(frozen=True, kw_only=True)
class SyncConfidence:
    """What one face of one clip scores."""

    confidence: float
    """Median over delays of the mean distance less its least; higher is better. NaN where nothing was compared."""
    distance: float
    """Least mean distance; lower is better."""
    unshifted: float
    """Mean distance at no delay, as the clip is played; lower is better. NaN where that was not comparable."""
    lag_frames: int
    """Delay at which it is least, video frames; positive = the audio is late. SyncNet's "AV offset" is the opposite."""
    num_windows: int
    """Windows that met audio at that delay."""
    at_edge: bool
    """The least distance is at the first or last delay that was comparable: the truth may lie beyond."""


def sync_confidence(
    distances: NDArray[np.floating],
    present: NDArray[np.bool_] | None = None,
    lags: NDArray[np.integer] = LAGS_FRAMES,
) -> SyncConfidence:
    """Confidence and distance of a clip from the distances of its pairs.

    Args:
        distances: (T, L) of every window at every delay; what is not `present` is not looked at.
        present: (T, L) whether there is audio; None = everywhere, as with audio padded by zeros.
        lags: (L,) video frames.

    Source:
        Chung & Zisserman 2016; Prajwal et al. 2020 (LSE-C, LSE-D): the mean over windows at each delay, its minimum,
        and its median less its minimum.

    Example:
        >>> one = np.array([[3.0, 1.0, 4.0]])
        >>> found = sync_confidence(one.repeat(9, 0), lags=np.array([-1, 0, 1]))
        >>> found.distance, found.confidence, found.lag_frames
        (1.0, 2.0, 0)
    """
    sums = DelayDistances(lags, exclude_edges=present is not None)
    sums.add(distances, present)
    return sums.compute()


class DelayDistances:
    """Additive sums for `sync_confidence`: distances and windows at every delay.

    Example:
        >>> sums = DelayDistances(np.array([-1, 0, 1]))
        >>> for _ in range(3):
        ...     sums.add(np.array([[3.0, 1.0, 4.0]]))
        >>> sums.compute().num_windows
        3
    """

    def __init__(self, lags: NDArray[np.integer] = LAGS_FRAMES, *, exclude_edges: bool = False) -> None:
        """Nothing yet.

        Args:
            lags: (L,) video frames.
            exclude_edges: Delays at which few windows met audio do not count.
        """
        self.lags = np.asarray(lags, np.int64)
        self._exclude_edges = exclude_edges
        self._sums = np.zeros(len(lags))
        self._counts = np.zeros(len(lags), np.int64)

    def add(self, distances: NDArray[np.floating], present: NDArray[np.bool_] | None = None) -> None:
        """(T, L) more windows; see `sync_confidence`."""
        there = np.ones(distances.shape, bool) if present is None else present
        self._sums += np.where(there, distances, 0).astype(np.float64).sum(0)
        self._counts += there.sum(0)

    def at(self, lag: int) -> float:
        """Mean distance at one of the delays; NaN where too few windows met audio there."""
        here = self.lags == lag
        return float((self._sums[here] / self._counts[here])[0]) if self._usable()[here].any() else float("nan")

    def _usable(self) -> NDArray[np.bool_]:
        least = max(LEAST_WINDOWS, LEAST_OVERLAP * int(self._counts.max(initial=0))) if self._exclude_edges else 1
        return self._counts >= least

    def compute(self) -> SyncConfidence:
        """Of all that was added; NaN where too little was."""
        usable = self._usable()
        if not usable.any():
            nan = float("nan")
            return SyncConfidence(
                confidence=nan, distance=nan, unshifted=nan, lag_frames=0, num_windows=0, at_edge=False
            )
        means = np.where(usable, self._sums / np.maximum(self._counts, 1), np.inf)
        best = int(means.argmin())
        first, last = np.flatnonzero(usable)[[0, -1]]
        return SyncConfidence(
            confidence=float(np.median(means[usable]) - means[best]),
            distance=float(means[best]),
            unshifted=float(means[self.lags == 0][0]) if usable[self.lags == 0].any() else float("nan"),
            lag_frames=int(self.lags[best]),
            num_windows=int(self._counts[best]),
            at_edge=bool(best in (first, last)),
        )
