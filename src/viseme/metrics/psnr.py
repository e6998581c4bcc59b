"""PSNR: how far the values of two images are apart, on a logarithmic scale. Knows arrays of one shape."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from viseme.core.scores import Better, MetricProtocol, Need
from viseme.metrics.crop_means import CROPS, CropMeans

__all__ = ["IDENTICAL_DB", "Psnr", "psnr"]

IDENTICAL_DB = 100.0
"""What identical images are given."""


def psnr(one: ArrayLike, other: ArrayLike) -> float:
    """Peak signal-to-noise ratio, 10 log10(255^2 / MSE), decibels.

    Args:
        one: Any shape, values 0 to 255.
        other: Of the same shape.

    Returns:
        At most 100, which identical images have; 0 for black against white.

    Raises:
        ValueError: shapes differ.

    Source:
        The definition. Differences are taken in floating point: of 8-bit integers they wrap, and the result is then
        never less than 24.07 dB, as in a public evaluation script.

    Example:
        >>> psnr(np.zeros((2, 2), np.uint8), np.full((2, 2), 255, np.uint8))
        0.0
    """
    a, b = np.asarray(one), np.asarray(other)
    if a.shape != b.shape or a.size == 0:
        raise ValueError(f"two images of one shape are needed, not {a.shape} and {b.shape}")
    wide = np.int32 if a.dtype == b.dtype == np.uint8 else np.float64  # whole numbers are exact, and faster
    apart = np.subtract(a, b, dtype=wide).ravel()
    error = float(np.mean(np.square(apart, out=apart), dtype=np.float64))
    return min(IDENTICAL_DB, 10 * float(np.log10(255.0**2 / error))) if error > 0 else IDENTICAL_DB


class Psnr:
    """PSNR of the face at 96 and 256 pixels and of its lower half, mean over frames."""

    protocols = tuple(
        MetricProtocol(
            name=f"psnr{suffix}",
            unit="dB",
            better=Better.HIGHER,
            version=1,
            needs=frozenset({Need.REFERENCE, Need.PIXELS}),
            floor="still_face",
            worst=0.0,
            identical=IDENTICAL_DB,
            crop=crop,
            text="in floating point, identical = 100 dB; mean of decibels over frames",
        )
        for crop, suffix in CROPS.items()
    )

    def start(self) -> CropMeans:
        """See `FrameMetric.start`."""
        return CropMeans(self.protocols, psnr)
