"""Fréchet distance between two Gaussians, and a Gaussian that is gathered from a stream of features.

Knows features; refuses to know which network they come from. Memory is constant: D^2 numbers, whatever the length.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["RunningGaussian", "frechet_distance", "small_sample_caution"]

FEW = 10
"""Frames to each feature below which a caution is given."""


def frechet_distance(mean_a: ArrayLike, cov_a: ArrayLike, mean_b: ArrayLike, cov_b: ArrayLike) -> float:
    """|mean_a - mean_b|^2 + tr(A + B - 2 (A B)^(1/2)).

    The trace of the root is the sum of the roots of the eigenvalues of A^(1/2) B A^(1/2), which is symmetric: no
    complex root, no offset on the diagonal, also where a covariance has no full rank.

    Args:
        mean_a: (D,).
        cov_a: (D, D), symmetric, no negative eigenvalue.
        mean_b: (D,).
        cov_b: (D, D), as `cov_a`.

    Returns:
        0 for equal Gaussians; in the square of the features' unit.

    Raises:
        ValueError: shapes do not fit.

    Source:
        Dowson and Landau, "The Fréchet Distance between Multivariate Normal Distributions", 1982, equation 4; as a
        score of images Heusel et al., "GANs Trained by a Two Time-Scale Update Rule", 2017.

    Example:
        >>> frechet_distance([0.0], [[1.0]], [3.0], [[4.0]])  # 3^2 + (2 - 1)^2
        10.0
    """
    a, b = np.asarray(mean_a, np.float64), np.asarray(mean_b, np.float64)
    first, second = np.asarray(cov_a, np.float64), np.asarray(cov_b, np.float64)
    if a.ndim != 1 or a.shape != b.shape or first.shape != (len(a), len(a)) or second.shape != first.shape:
        raise ValueError(f"means {a.shape} and {b.shape}, covariances {first.shape} and {second.shape} do not fit")
    values, vectors = np.linalg.eigh(first)
    half = (vectors * np.sqrt(values.clip(0))) @ vectors.T
    roots = np.sqrt(np.linalg.eigvalsh(half @ second @ half).clip(0))
    return max(0.0, float(((a - b) ** 2).sum() + np.trace(first) + np.trace(second) - 2 * roots.sum()))


class RunningGaussian:
    """Mean and covariance of features that arrive in batches.

    Example:
        >>> seen = RunningGaussian()
        >>> seen.add([[0.0, 1.0]])
        >>> seen.add([[2.0, 1.0]])
        >>> seen.num, seen.mean.tolist(), seen.covariance.tolist()
        (2, [1.0, 1.0], [[2.0, 0.0], [0.0, 0.0]])
    """

    def __init__(self) -> None:
        self.num = 0
        """Features seen."""
        self._mean: NDArray[np.float64] = np.zeros(0)
        self._scatter: NDArray[np.float64] = np.zeros((0, 0))

    def add(self, features: ArrayLike) -> None:
        """Take (N, D) features in.

        Raises:
            ValueError: D differs from before, or a value is not finite.
        """
        values = np.atleast_2d(np.asarray(features, np.float64))
        if not np.isfinite(values).all():
            raise ValueError("a feature is not finite")
        if len(values):
            mean = values.mean(0)
            self._join(len(values), mean, (values - mean).T @ (values - mean))

    def merge(self, other: RunningGaussian) -> None:
        """Take in what another one has seen.

        Raises:
            ValueError: its features have another length.
        """
        if other.num:
            self._join(other.num, other._mean, other._scatter)

    @property
    def size(self) -> int:
        """D; 0 before the first feature."""
        return len(self._mean)

    @property
    def mean(self) -> NDArray[np.float64]:
        """(D,)."""
        return self._mean

    @property
    def covariance(self) -> NDArray[np.float64]:
        """(D, D), divided by `num` - 1; zeros after one feature."""
        return self._scatter / max(self.num - 1, 1)

    def distance(self, other: RunningGaussian) -> float:
        """`frechet_distance`; NaN where either has seen fewer than two features."""
        if min(self.num, other.num) < 2:
            return float("nan")
        return frechet_distance(self.mean, self.covariance, other.mean, other.covariance)

    def _join(self, num: int, mean: NDArray[np.float64], scatter: NDArray[np.float64]) -> None:
        """After Chan, Golub and LeVeque, "Updating Formulae and a Pairwise Algorithm", 1979."""
        if not self.num:
            self._mean, self._scatter = np.zeros_like(mean), np.zeros_like(scatter)
        if mean.shape != self._mean.shape:
            raise ValueError(f"features of length {len(mean)} after features of length {self.size}")
        total, apart = self.num + num, mean - self._mean
        self._scatter = self._scatter + scatter + np.outer(apart, apart) * (self.num * num / total)
        self._mean = self._mean + apart * (num / total)
        self.num = total


def small_sample_caution(num: int, size: int) -> str:
    """A sentence where so few frames make the distance too large; empty where there are enough.

    Args:
        num: Frames, of the smaller set.
        size: Length of a frame's features.

    Example:
        >>> small_sample_caution(30_000, 2048)
        ''
        >>> small_sample_caution(250, 1280)
        '250 frames for 1280 features: few frames make the distance larger; compare only with the same number of frames'
    """
    if num >= FEW * size:
        return ""
    return (
        f"{num} frames for {size} features: few frames make the distance larger; "
        "compare only with the same number of frames"
    )
