"""Clusters of frames: mini-batch k-means. Knows vectors alone."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

__all__ = ["fit_clusters", "nearest", "sample_rows"]


def fit_clusters(
    x: NDArray[np.floating], num: int, *, steps: int = 300, batch: int = 4096, seed: int = 0
) -> NDArray[np.float32]:
    """(K, D) centres of (N, D) vectors.

    A centre that drew nothing in a pass begins again at a vector drawn at random.

    Args:
        x: At least `num` vectors.
        num: K.
        steps: Mini-batches looked at.
        batch: Vectors of each.
        seed: Of the vectors that are drawn.

    Raises:
        ValueError: there are fewer vectors than clusters.

    Source:
        Sculley, "Web-Scale K-Means Clustering", 2010: a centre is the running mean of the vectors it drew.
    """
    if len(x) < num:
        raise ValueError(f"{len(x)} vectors make no {num} clusters")
    rng = np.random.default_rng(seed)
    centres = x[rng.choice(len(x), num, replace=False)].astype(np.float64)
    counts = np.zeros(num)
    for step in range(1, steps + 1):
        drawn = x[rng.integers(len(x), size=min(batch, 4 * len(x)))].astype(np.float64)
        labels = nearest(drawn, centres)
        found = np.bincount(labels, minlength=num)
        sums = np.zeros_like(centres)
        np.add.at(sums, labels, drawn)
        counts += found
        rows = found > 0
        centres[rows] += (sums[rows] - found[rows, None] * centres[rows]) / counts[rows, None]
        if step % 25 == 0 and step <= steps // 2:
            empty = np.flatnonzero(counts == 0)
            centres[empty] = x[rng.choice(len(x), len(empty), replace=False)]
            counts[:] = np.minimum(counts, batch / num)
    return centres.astype(np.float32)


def nearest(x: NDArray[np.floating], centres: NDArray[np.floating]) -> NDArray[np.int64]:
    """(N,) number of the centre that is nearest to each of (N, D) vectors."""
    return ((centres**2).sum(1) - 2 * x @ centres.T).argmin(1)


def sample_rows(clips: Iterable[NDArray[np.floating]], share: float, *, seed: int = 0) -> NDArray[np.float32]:
    """(N, D) a share of the frames of each clip, two at least."""
    rng = np.random.default_rng(seed)
    kept = []
    for clip in clips:
        num = min(len(clip), max(2, round(share * len(clip))))
        kept.append(clip[np.sort(rng.choice(len(clip), num, replace=False))].astype(np.float32))
    return np.concatenate(kept)
