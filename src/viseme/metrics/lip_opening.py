"""What the checks for leakage look at in one clip: how far the mouth opens, and how far lips are from other lips.

Knows views of faces; what is concluded over clips is `leakage`. Both are measured only where they are asked for.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from viseme.core.scores import Better, MetricProtocol, Need
from viseme.metrics.crop_means import FrameMeans
from viseme.metrics.interface import ClipAudio, FaceView, FramePair, Measured
from viseme.metrics.jitter import mouth_from_eyes
from viseme.metrics.leakage import lip_distance

__all__ = ["CLOSED", "LipDistance", "MouthOpening"]

TOP, BOTTOM = 14, 18
"""Middle of the inner lips among the 20 points of a mouth."""
CLOSED_SHARE = 0.1
"""Share of a real clip's frames, those with the least opening, whose mean is the closed mouth."""
CLOSED = "closed_mouth"
"""Name of the anchor."""


class MouthOpening:
    """A `ClipMetric`: mean opening of the inner lips over the distance between the outer eye corners."""

    names: ClassVar[tuple[str, ...]] = ("mouth_opening",)
    on_request: ClassVar[bool] = True
    protocols = (
        MetricProtocol(
            name="mouth_opening",
            unit="eye distances",
            better=Better.LOWER,
            version=1,
            needs=frozenset({Need.LANDMARKS}),
            floor="reference",
            worst=1.0,
            text="mean over frames of the inner lips' opening over the distance between the outer eye corners; the "
            f"anchor {CLOSED} is the mean over the tenth of the real frames that open least",
        ),
    )

    def start(self, audios: dict[str, ClipAudio]) -> OpeningClip:
        """See `ClipMetric.start`; audio has no part in it."""
        return OpeningClip()


class OpeningClip:
    """One clip of `MouthOpening`; a number a frame is kept."""

    def __init__(self) -> None:
        self._ours: list[float] = []
        self._theirs: list[float] = []

    def add(self, generated: FaceView | None, reference: FaceView | None) -> None:
        """See `ClipAccumulator.add`."""
        for found, face in ((self._ours, generated), (self._theirs, reference)):
            if face is not None:
                points = mouth_from_eyes(face)
                found.append(float(np.linalg.norm(points[TOP] - points[BOTTOM])))

    def compute(self) -> dict[str, dict[str, Measured]]:
        """See `ClipAccumulator.compute`."""
        least = sorted(self._theirs)[: max(1, round(CLOSED_SHARE * len(self._theirs)))]
        found = {"generated": self._ours, "reference": self._theirs, CLOSED: least}
        return {
            name: {"mouth_opening": Measured(value=float(np.mean(v)) if v else float("nan"), num_frames=len(v))}
            for name, v in found.items()
        }


class LipDistance:
    """A `FrameMetric`: `leakage.lip_distance` of the two faces, each seen from its own eyes."""

    on_request: ClassVar[bool] = True
    protocols = (
        MetricProtocol(
            name="lip_distance",
            unit="eye distances",
            better=Better.LOWER,
            version=1,
            needs=frozenset({Need.REFERENCE, Need.LANDMARKS}),
            floor="still_face",
            worst=1.0,
            identical=0.0,
            text="20 mouth points over the distance between the outer eye corners of the same face, each frame's "
            "centroid removed; mean over points, then frames",
        ),
    )

    def start(self) -> LipDistanceMeans:
        """See `FrameMetric.start`."""
        return LipDistanceMeans()


class LipDistanceMeans:
    """`LipDistance` over the frames of a clip."""

    def __init__(self) -> None:
        self._means = FrameMeans(("lip_distance",))

    def add(self, pair: FramePair) -> None:
        """See `FrameAccumulator.add`."""
        assert pair.reference is not None
        ours, theirs = (mouth_from_eyes(face)[None] for face in (pair.generated, pair.reference))
        self._means.add({"lip_distance": lip_distance(ours, theirs)})

    def compute(self) -> dict[str, Measured]:
        """See `FrameAccumulator.compute`."""
        return self._means.compute()
