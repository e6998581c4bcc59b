"""Jitter: how much landmarks shake from frame to frame, and how much more than in the real video.

Knows points on a regular grid of frames; refuses to know which.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from viseme.core.scores import Better, MetricProtocol, Need
from viseme.faces.schemes import EYE_CORNERS, IBUG68_MOUTH
from viseme.metrics.interface import FaceView, FramePair, Measured

__all__ = ["Jitter", "JitterSums", "jitter", "jitter_ratio", "mouth_from_eyes"]


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


class Jitter:
    """Jitter of the mouth over that of the reference, on the same frames."""

    protocols = (
        MetricProtocol(
            name="jitter",
            unit="1",
            better=Better.ONE,
            version=1,
            needs=frozenset({Need.REFERENCE, Need.LANDMARKS}),
            floor="still_face",
            worst=0.0,
            identical=1.0,
            text="squared second difference of 20 mouth points seen from the eyes, in outer-eye distances; mean over "
            "points and frames, generated over reference",
        ),
    )

    def start(self) -> JitterOfPairs:
        """See `FrameMetric.start`."""
        return JitterOfPairs()


UNEVEN = 0.25
"""Difference between two successive steps of time, as a share of the first, from which there is a gap."""


class JitterOfPairs:
    """Jitter of the two faces of a clip; remembers three frames."""

    def __init__(self) -> None:
        self._sums = JitterSums(), JitterSums()
        self._recent: list[tuple[float, tuple[NDArray[np.float64], NDArray[np.float64]]]] = []

    def add(self, pair: FramePair) -> None:
        """See `FrameAccumulator.add`."""
        assert pair.reference is not None
        self._recent = [
            *self._recent[-2:],
            (pair.time, (mouth_from_eyes(pair.generated), mouth_from_eyes(pair.reference))),
        ]
        if len(self._recent) == 3 and _even([time for time, _ in self._recent]):
            for sums, points in zip(self._sums, zip(*(faces for _, faces in self._recent))):
                sums.add(np.stack(points))

    def compute(self) -> dict[str, Measured]:
        """See `FrameAccumulator.compute`."""
        generated, reference = self._sums
        ratio = generated.compute() / reference.compute() if reference.energy > 0 else float("nan")
        return {Jitter.protocols[0].name: Measured(value=ratio, num_frames=reference.num // len(IBUG68_MOUTH))}


def _even(times: list[float]) -> bool:
    first, second = np.diff(times)
    return bool(abs(second - first) <= UNEVEN * first)


def mouth_from_eyes(face: FaceView) -> NDArray[np.float64]:
    """(20, 2) mouth points from the middle of the eyes, in outer-eye distances."""
    points = face.landmarks[:, :2].astype(np.float64)
    right, left = points[EYE_CORNERS]
    return (points[IBUG68_MOUTH] - (left + right) / 2) / np.linalg.norm(left - right)
