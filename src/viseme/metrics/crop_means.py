"""A function of two images, mean over the frames of a clip, on each of the crops that images are compared on."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from viseme.core.scores import MetricProtocol
from viseme.metrics.interface import FramePair, Measured

__all__ = ["CROPS", "CropMeans", "FrameMeans"]

CROPS = {"face96": "", "face256": "@face256", "lower256": "@lower256"}
"""Crop -> what follows the metric's name; the first is the primary one."""


class FrameMeans:
    """Sums of several values over frames; what is not finite is not counted.

    Example:
        >>> sums = FrameMeans(("a",))
        >>> sums.add({"a": 1.0})
        >>> sums.add({"a": 2.0})
        >>> sums.compute()["a"]
        Measured(value=1.5, num_frames=2, cause=None)
    """

    def __init__(self, names: Sequence[str]) -> None:
        self._sums = dict.fromkeys(names, 0.0)
        self._counts = dict.fromkeys(names, 0)

    def add(self, values: Mapping[str, float]) -> None:
        """The values of one frame."""
        for name, value in values.items():
            if np.isfinite(value):
                self._sums[name] += float(value)
                self._counts[name] += 1

    def compute(self) -> dict[str, Measured]:
        """Means; NaN without frames."""
        return {
            name: Measured(value=total / num if (num := self._counts[name]) else float("nan"), num_frames=num)
            for name, total in self._sums.items()
        }


class CropMeans:
    """A `FrameAccumulator` of a function of two crops."""

    def __init__(self, protocols: Sequence[MetricProtocol], measure: Callable[[Any, Any], float]) -> None:
        """Nothing yet.

        Args:
            protocols: One a crop.
            measure: Of the generated and the reference crop.
        """
        self._crops = {p.name: p.crop for p in protocols}
        self._measure = measure
        self._means = FrameMeans(tuple(self._crops))

    def add(self, pair: FramePair) -> None:
        """See `FrameAccumulator.add`."""
        assert pair.reference is not None
        self._means.add(
            {n: self._measure(pair.generated.crop(c), pair.reference.crop(c)) for n, c in self._crops.items()}
        )

    def compute(self) -> dict[str, Measured]:
        """See `FrameAccumulator.compute`."""
        return self._means.compute()
