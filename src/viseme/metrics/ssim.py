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
STRIP = 36_000
"""Values of a plane that are worked on at once: 144 kB an array, and an operation takes two or three arrays."""
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
    num_strips = -(-out.shape[1] // max(1, STRIP // a.shape[1] - 2 * RADIUS))
    height = -(-out.shape[1] // num_strips)
    desk = _Desk(height, a.shape[1])
    for channel, plane in enumerate(out):
        for top in range(0, len(plane), height):
            rows = slice(top, top + height + 2 * RADIUS)
            desk.compare(a[rows, :, channel], b[rows, :, channel], plane[top : top + height])
    return out


class _Desk:
    """Arrays that are used again for every strip of rows: they stay in the processor's cache, where one operation takes
    half the time, and to ask the system for new ones takes longer than to fill them.

    They are flat: sums of shifted planes run on from one row to the next, and what they give where a window leaves its
    row is not read.
    """

    def __init__(self, height: int, width: int) -> None:
        """For strips with `height` rows of similarities."""
        size = (height + 2 * RADIUS) * width
        self._planes, self._means = np.empty((4, size), np.float32), np.empty((4, height * width), np.float32)
        self._rows, self._pairs = np.empty(size, np.float32), np.empty(size, np.float32)

    def compare(self, one: NDArray, other: NDArray, out: NDArray[np.float32]) -> None:
        """Fill (H - 10, W - 10) from strips (H, W) of two planes."""
        height, width = one.shape
        size, num = height * width, (height - 2 * RADIUS) * width - 2 * RADIUS
        planes = self._planes[:, :size]
        a, b, squares, product = planes
        for values, plane in ((one, a), (other, b)):
            np.subtract(values, MIDDLE, out=plane.reshape(height, width), dtype=np.float32, casting="unsafe")
        np.multiply(a, a, out=squares)
        np.multiply(b, b, out=product)
        squares += product
        np.multiply(a, b, out=product)
        means, rows = self._means[:, :num], self._rows[: size - 2 * RADIUS]
        for plane, mean in zip(planes, means):
            _blur(plane, rows, self._pairs[: len(rows)], step=1)
            _blur(rows, mean, self._pairs[:num], step=width)
        self._map(means, num)
        out[:] = self._pairs[: out.shape[0] * width].reshape(-1, width)[:, : out.shape[1]]

    def _map(self, means: NDArray[np.float32], num: int) -> None:
        """The similarities, in `_pairs`."""
        mean_a, mean_b, squares, product = means
        above, below = self._pairs[:num], self._rows[:num]
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
        above /= squares


def _blur(plane: NDArray[np.float32], out: NDArray[np.float32], pairs: NDArray[np.float32], *, step: int) -> None:
    """Gaussian means of values that lie `step` apart, 10 steps fewer: sums of shifted planes, symmetric pairs at once.
    Faster than a product with a banded matrix, and without BLAS, whose threads wait for each other at this size."""
    num = len(out)
    np.multiply(plane[RADIUS * step : RADIUS * step + num], WEIGHTS[0], out=out)
    for k in range(1, RADIUS + 1):
        low, high = (RADIUS - k) * step, (RADIUS + k) * step
        np.add(plane[low : low + num], plane[high : high + num], out=pairs)
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
