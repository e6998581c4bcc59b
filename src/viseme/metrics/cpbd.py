"""Sharpness of a frame without a reference: the share of its edges at which no blur is noticed (CPBD).

Knows one grey frame; refuses to know where the face is. CPBD depends on resolution: compare crops of one size only.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from PIL import Image

from viseme.core.scores import Better, MetricProtocol, Need
from viseme.metrics.canny_edges import canny_edges, sobel
from viseme.metrics.crop_means import FrameMeans
from viseme.metrics.interface import FramePair, Measured

__all__ = ["Cpbd", "cpbd"]

BLOCK = 64
"""Side of a block, pixels; what is left over at the right and at the bottom is not looked at."""
EDGE_SHARE = 0.002
"""Share of a block's pixels that must be Canny edges, or the block is left out."""
CANNY_LOW, CANNY_HIGH = 0.1, 0.2
"""Thresholds of `canny_edges`, in grey levels of 0 to 255. They are tenths of the largest value that the public package
takes a floating-point frame to have, which is 1: nearly every block of a filmed frame counts."""
FAINT = 50
"""Largest contrast of a block, whole grey levels, at which ..."""
JUST_NOTICEABLE_FAINT, JUST_NOTICEABLE = 5, 3
"""... blur is noticed from an edge width of more than 5 pixels; above it, of more than 3."""
EVERY = 5
"""Frames from one that is measured to the next: neighbours are alike, and one takes 24 ms of CPU time."""
LONGEST = 101
"""Pixels an edge is followed to either side."""
FLAT = float(np.tan(np.pi / 8))
"""Steepest slope of a gradient that counts as horizontal: 22.5 degrees."""


def cpbd(grey: ArrayLike) -> float:
    """Share of edges whose width is at most the just noticeable one.

    The probability to notice blur at an edge of width w is P = 1 - exp(-(w / w_JNB)^3.6), which is 63 % at w = w_JNB
    and rises with w; CPBD is the share of edges with P up to 63 %, hence with w <= w_JNB.

    Args:
        grey: (H, W), grey levels 0 to 255, at least 64 x 64.

    Returns:
        0 (blurred) to 1 (sharp); 0 without edges.

    Raises:
        ValueError: the frame is smaller than one block, or no plane.

    Source:
        Narvekar and Karam, "A No-Reference Image Blur Metric Based on the Cumulative Probability of Blur Detection
        (CPBD)", 2011; edge widths after Marziliano et al., 2002, along rows. Agrees with the package `cpbd` 1.0.7
        except for a frame whose gradients all point to the right, in which that package finds no edges. Both find
        none at a perfect step, whose gradient is the same on either side.

    Example:
        >>> from scipy.ndimage import gaussian_filter
        >>> edge = np.tile(np.interp(np.arange(64), [30, 31, 32], [20, 100, 220]), (64, 1))
        >>> cpbd(edge), cpbd(gaussian_filter(edge, 3))
        (1.0, 0.0)
    """
    image = np.asarray(grey, np.float64)
    if image.ndim != 2 or min(image.shape) < BLOCK:
        raise ValueError(f"a grey frame of at least {BLOCK} x {BLOCK} pixels is needed, not {image.shape}")
    contrast = np.ptp(_blocks(image), axis=-1)
    noticeable = np.where(contrast < FAINT + 1, JUST_NOTICEABLE_FAINT, JUST_NOTICEABLE)
    has_edges = _blocks(canny_edges(image, low=CANNY_LOW, high=CANNY_HIGH)).sum(-1) > EDGE_SHARE * BLOCK**2
    rows, columns, widths = _edge_widths(image)
    block = rows // BLOCK, columns // BLOCK
    counted = has_edges[block]
    return float((widths <= noticeable[block])[counted].mean()) if counted.any() else 0.0


def _blocks(values: NDArray) -> NDArray:
    """(blocks down, blocks across, 4096) values of each block."""
    down, across = (n // BLOCK for n in values.shape)
    cut = values[: down * BLOCK, : across * BLOCK].reshape(down, BLOCK, across, BLOCK)
    return cut.swapaxes(1, 2).reshape(down, across, BLOCK**2)


def _edge_widths(image: NDArray[np.float64]) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.integer]]:
    """Row, column and width in pixels of each edge that lies in a block, measured along its row."""
    slope_y, slope_x = np.gradient(image, axis=0), np.gradient(image, axis=1)
    there = _vertical_edges(image) & ((np.abs(slope_y) <= FLAT * np.abs(slope_x)) | (slope_x == 0))
    inner = np.zeros_like(there)
    inner[1:-1, 1:-1] = True
    rows, columns = np.nonzero(there & inner & _in_blocks(there.shape))
    steps = np.diff(image, axis=1)
    rising, falling = _run(steps > 0, rows, columns), _run(steps < 0, rows, columns)
    return rows, columns, np.where(slope_x[rows, columns] >= 0, rising, falling)


def _in_blocks(shape: tuple[int, ...]) -> NDArray[np.bool_]:
    inside = [np.arange(n) < n // BLOCK * BLOCK for n in shape]
    return inside[0][:, None] & inside[1]


def _run(same: NDArray[np.bool_], rows: NDArray[np.intp], columns: NDArray[np.intp]) -> NDArray[np.integer]:
    """Pixels over which the steps (H, W - 1) go one way, to the left and to the right of each place. The two steps at
    the place itself are taken for granted."""
    at = np.arange(same.shape[1], dtype=np.int32)
    last = np.maximum.accumulate(np.where(same, np.int32(-1), at), axis=1)  # step at or before that goes another way
    then = np.minimum.accumulate(np.where(same, at[-1] + 1, at)[:, ::-1], axis=1)[:, ::-1]
    before, after = np.maximum(columns - 2, 0), np.minimum(columns + 1, at[-1])
    left = np.where(columns >= 2, before - last[rows, before], 0)
    right = np.where(columns < at[-1], then[rows, after] - after, 0)
    return np.minimum(left, LONGEST - 1) + np.minimum(right, LONGEST - 1) + 2


def _vertical_edges(image: NDArray[np.float64]) -> NDArray[np.bool_]:
    """(H, W) where the horizontal Sobel gradient stands out of the frame and is larger than at both neighbours of its
    row, or of its column."""
    power = (sobel(image, 1) / 8) ** 2
    power[power <= 2 * np.sqrt(power.mean())] = 0
    framed = np.pad(power, 1)
    row = (power > framed[1:-1, :-2]) & (power > framed[1:-1, 2:])
    return row | ((power > framed[:-2, 1:-1]) & (power > framed[2:, 1:-1]))


class Cpbd:
    """CPBD of the face at 256 pixels and of its lower half, mean over every fifth frame. It needs no reference; compare
    it with that of the real video."""

    protocols = tuple(
        MetricProtocol(
            name=name,
            unit="1",
            better=Better.HIGHER,
            version=1,
            needs=frozenset({Need.PIXELS}),
            floor="",
            worst=0.0,
            crop=crop,
            text=f"share of edges no wider than just noticeable, of grey levels; mean over every {EVERY}th frame",
            source="Narvekar and Karam 2011",
        )
        for name, crop in (("cpbd", "face256"), ("cpbd@lower256", "lower256"))
    )

    def start(self) -> SharpnessMeans:
        """See `FrameMetric.start`."""
        return SharpnessMeans()


class SharpnessMeans:
    """CPBD over the frames of a clip."""

    def __init__(self) -> None:
        self._means = FrameMeans(tuple(p.name for p in Cpbd.protocols))
        self._num = 0

    def add(self, pair: FramePair) -> None:
        """See `FrameAccumulator.add`."""
        if self._num % EVERY == 0:
            self._means.add({p.name: cpbd(_grey(pair.generated.crop(p.crop))) for p in Cpbd.protocols})
        self._num += 1

    def compute(self) -> dict[str, Measured]:
        """See `FrameAccumulator.compute`."""
        return self._means.compute()


def _grey(frame: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """(H, W) luma of ITU-R BT.601, whole levels."""
    return np.asarray(Image.fromarray(frame).convert("L"))
