"""LMD: how far the mouth of a generated face is from where the reference has it. Knows landmarks of two frames."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from viseme.core.scores import Better, MetricProtocol, Need
from viseme.faces.schemes import EYE_CORNERS, IBUG68_MOUTH
from viseme.metrics.crop_means import FrameMeans
from viseme.metrics.interface import FramePair, Measured

__all__ = ["LandmarkDistance", "landmark_distance"]

SIDE_PX = 256
"""Side of the crop in whose pixels distances are told."""


def landmark_distance(one: NDArray[np.floating], other: NDArray[np.floating], *, centred: bool = True) -> float:
    """Mean distance of corresponding points.

    Args:
        one: (K, 2).
        other: (K, 2), in the same unit.
        centred: Remove each centroid first, so that a mouth that lies elsewhere as a whole is not wrong.

    Returns:
        In the unit of the points.

    Source:
        Chen et al., "Lip Movements Generation at a Glance", 2018, which introduced LMD; centring is ours, and stated.

    Example:
        >>> landmark_distance(np.zeros((2, 2)), np.array([[3.0, 4.0], [3.0, 4.0]]), centred=False)
        5.0
    """
    a, b = np.asarray(one, np.float64), np.asarray(other, np.float64)
    if a.shape != b.shape or a.ndim != 2:
        raise ValueError(f"points {a.shape} and {b.shape} must be two (K, 2)")
    if centred:
        a, b = a - a.mean(0), b - b.mean(0)
    return float(np.linalg.norm(a - b, axis=1).mean())


def _protocol(name: str, unit: str, text: str) -> MetricProtocol:
    return MetricProtocol(
        name=name,
        unit=unit,
        better=Better.LOWER,
        version=1,
        needs=frozenset({Need.REFERENCE, Need.LANDMARKS}),
        floor="still_face",
        worst=float(SIDE_PX) if unit == "px" else 100.0,
        identical=0.0,
        crop="face256",
        text=f"20 mouth points of MediaPipe's mesh that stand for ibug68's; {text}; mean over points, then frames",
        source="Chen et al. 2018",
    )


class LandmarkDistance:
    """LMD in pixels of a 256-pixel crop, in percent of the reference's outer-eye distance, and without centring."""

    protocols = (
        _protocol("lmd_px@256", "px", "each frame's centroid removed; pixels of the face scaled to 256"),
        _protocol("lmd_iod", "%", "each frame's centroid removed; percent of the reference's outer-eye distance"),
        _protocol("lmd_raw", "px", "not centred; pixels of the face scaled to 256"),
    )

    def start(self) -> DistanceMeans:
        """See `FrameMetric.start`."""
        return DistanceMeans()


class DistanceMeans:
    """LMD over the frames of a clip."""

    def __init__(self) -> None:
        self._means = FrameMeans(tuple(p.name for p in LandmarkDistance.protocols))

    def add(self, pair: FramePair) -> None:
        """See `FrameAccumulator.add`."""
        reference = pair.reference
        assert reference is not None
        found, right = (_in_crop(v.landmarks[IBUG68_MOUTH], v.box) for v in (pair.generated, reference))
        eyes = _in_crop(reference.landmarks[EYE_CORNERS], reference.box)
        apart = landmark_distance(found, right)
        self._means.add(
            {
                "lmd_px@256": apart,
                "lmd_iod": 100 * apart / max(float(np.linalg.norm(eyes[1] - eyes[0])), 1e-9),
                "lmd_raw": landmark_distance(found, right, centred=False),
            }
        )

    def compute(self) -> dict[str, Measured]:
        """See `FrameAccumulator.compute`."""
        return self._means.compute()


def _in_crop(points: NDArray[np.floating], box: NDArray[np.floating]) -> NDArray[np.float64]:
    """(K, 2) of source points in the 256-pixel crop of a box."""
    return (np.asarray(points, np.float64)[:, :2] - box[:2]) * SIDE_PX / (box[2:] - box[:2])
