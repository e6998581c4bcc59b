"""SSIM: how alike two images of one face are in brightness, contrast and structure. Knows arrays of one shape."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from viseme.core.scores import Better, MetricProtocol, Need
from viseme.metrics.crop_means import CROPS, FrameMeans
from viseme.metrics.interface import FramePair, Measured

__all__ = ["Ssim", "ssim", "ssim_map"]

SIGMA = 1.5
RADIUS = 5
"""Pixels of the Gaussian window to either side: 11 x 11."""
WEIGHTS = np.exp(-0.5 * (np.arange(RADIUS + 1) / SIGMA) ** 2).astype(np.float32)
WEIGHTS /= WEIGHTS[0] + 2 * WEIGHTS[1:].sum()
RANGE = 255.0
MIDDLE = np.float32(128)
"""Taken off all values before they are squared, which single precision then holds to 1e-4."""
C1, C2 = (0.01 * RANGE) ** 2, (0.03 * RANGE) ** 2


def ssim(one: ArrayLike, other: ArrayLike) -> float:
    """Structural similarity, mean over channels and over the pixels whose whole window lies in the image.

    Args:
        one: (H, W, C), values 0 to 255, at least 11 x 11.
        other: Of the same shape.

    Returns:
        Up to 1 = identical.

    Raises:
        ValueError: shapes differ or are too small.

    Source:
        Wang, Bovik, Sheikh and Simoncelli, "Image Quality Assessment", 2004: Gaussian window of standard deviation
        1.5 pixels, population covariance, K 0.01 and 0.03.

    Example:
        >>> grey = np.full((16, 16, 3), 100.0)
        >>> round(ssim(grey, grey + 50), 4)  # (2 x 100 x 150 + C1) / (100^2 + 150^2 + C1)
        0.9231
    """
    return float(ssim_map(one, other).mean())


def ssim_map(one: ArrayLike, other: ArrayLike) -> NDArray[np.float32]:
    """(C, H - 10, W - 10) similarity around each pixel whose window lies in the image; see `ssim`."""
    a, b = np.asarray(one), np.asarray(other)
    if a.shape != b.shape or a.ndim != 3 or min(a.shape[:2]) <= 2 * RADIUS:
        raise ValueError(f"two images (H, W, C) of one shape, at least 11 x 11, are needed, not {a.shape}, {b.shape}")
    out = np.empty((a.shape[2], a.shape[0] - 2 * RADIUS, a.shape[1] - 2 * RADIUS), np.float32)
    desk = _Desk(*a.shape[:2])
    for channel, plane in enumerate(out):
        desk.compare(a[..., channel], b[..., channel], plane)
    return out


class _Desk:
    """Arrays that are used again for every channel: to ask the system for new ones takes longer than to fill them."""

    def __init__(self, height: int, width: int) -> None:
        inner = width - 2 * RADIUS
        self._planes, self._pairs = np.empty((4, height, width), np.float32), np.empty((4, height, inner), np.float32)
        self._rows = np.empty((4, height, inner), np.float32)
        self._means = np.empty((4, height - 2 * RADIUS, inner), np.float32)

    def compare(self, one: NDArray, other: NDArray, out: NDArray[np.float32]) -> None:
        """Fill (H - 10, W - 10) from two planes."""
        a, b, squares, product = self._planes
        np.subtract(one, MIDDLE, out=a, dtype=np.float32, casting="unsafe")
        np.subtract(other, MIDDLE, out=b, dtype=np.float32, casting="unsafe")
        np.multiply(a, a, out=squares)
        np.multiply(b, b, out=product)
        squares += product
        np.multiply(a, b, out=product)
        _blur(self._planes.swapaxes(1, 2), self._rows.swapaxes(1, 2), self._pairs.swapaxes(1, 2))
        _blur(self._rows, self._means, self._pairs[:, : self._means.shape[1]])
        self._map(out)

    def _map(self, out: NDArray[np.float32]) -> None:
        mean_a, mean_b, squares, product = self._means
        above, below = self._pairs[:2, : len(mean_a)]
        np.multiply(mean_a, mean_b, out=above)
        product -= above
        for mean in (mean_a, mean_b):
            np.multiply(mean, mean, out=below)
            squares -= below
            mean += MIDDLE
        np.multiply(mean_a, mean_b, out=above)
        above *= 2
        above += C1
        np.multiply(mean_a, mean_a, out=mean_a)
        np.multiply(mean_b, mean_b, out=mean_b)
        np.add(mean_a, mean_b, out=below)
        below += C1
        above /= below
        product *= 2
        product += C2
        squares += C2
        above *= product
        np.divide(above, squares, out=out)


def _blur(planes: NDArray[np.float32], out: NDArray[np.float32], pairs: NDArray[np.float32]) -> None:
    """Gaussian means along the second axis, 10 shorter: sums of shifted planes, symmetric pairs at once. As fast as a
    product with a banded matrix, without BLAS, whose threads wait for each other at this size."""
    num = planes.shape[1]
    np.multiply(planes[:, RADIUS : num - RADIUS], WEIGHTS[0], out=out)
    for k in range(1, RADIUS + 1):
        np.add(planes[:, RADIUS - k : num - RADIUS - k], planes[:, RADIUS + k : num - RADIUS + k], out=pairs)
        pairs *= WEIGHTS[k]
        out += pairs


class SsimMeans:
    """SSIM over the frames of a clip; that of the lower half is part of the whole face's."""

    def __init__(self) -> None:
        self._means = FrameMeans(tuple(p.name for p in Ssim.protocols))

    def add(self, pair: FramePair) -> None:
        """See `FrameAccumulator.add`."""
        assert pair.reference is not None
        whole = ssim_map(pair.generated.crop("face256"), pair.reference.crop("face256"))
        self._means.add(
            {
                "ssim": ssim(pair.generated.crop("face96"), pair.reference.crop("face96")),
                "ssim@face256": float(whole.mean()),
                "ssim@lower256": float(whole[:, 128:].mean()),
            }
        )

    def compute(self) -> dict[str, Measured]:
        """See `FrameAccumulator.compute`."""
        return self._means.compute()


class Ssim:
    """SSIM of the face at 96 and 256 pixels and of its lower half, mean over frames."""

    protocols = tuple(
        MetricProtocol(
            name=f"ssim{suffix}",
            unit="1",
            better=Better.HIGHER,
            version=1,
            needs=frozenset({Need.REFERENCE, Need.PIXELS}),
            floor="still_face",
            worst=0.0,
            identical=1.0,
            crop=crop,
            text="Gaussian window, sigma 1.5 px, 11 x 11; mean over channels, pixels, then frames",
            source="Wang et al. 2004",
        )
        for crop, suffix in CROPS.items()
    )

    def start(self) -> SsimMeans:
        """See `FrameMetric.start`."""
        return SsimMeans()
