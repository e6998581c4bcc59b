"""The face of a clip at 25 frames a second, as it comes frame by frame: mouths of speech experts, points of landmarks.

Knows views of faces; refuses to know networks and metrics. A mouth takes 9 kB a frame; twelve larger crops are held.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import Generic, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from viseme.faces import FaceTrack, face_boxes
from viseme.faces.mouth_roi import ROI_PX, STEP_S, WINDOW, canvas_transforms, mouth_input, mouth_roi
from viseme.metrics.interface import FaceView
from viseme.sync.embeddings import to_grid_points, without_mean
from viseme.sync.inputs.interface import VisualInput, visual_inputs

__all__ = ["MouthStream", "NearestSteps", "PointStream", "stream_of"]

T = TypeVar("T")


class NearestSteps(Generic[T]):
    """What is nearest to each multiple of 40 ms, from what comes at any times; gaps are filled from either side.

    Example:
        >>> steps = NearestSteps()
        >>> [list(steps.add(t, name)) for t, name in ((0.0, "a"), (0.02, "b"), (0.04, "c"), (0.16, "d"))]
        [[], ['a'], [], ['c', 'c']]
        >>> list(steps.finish()), steps.first
        (['d', 'd'], 0)
    """

    def __init__(self) -> None:
        self._last: tuple[float, T] | None = None
        self._next = 0
        self.first: int | None = None
        """Number of the first step; step `n` lies at 0.04 n seconds. None before anything came."""

    def add(self, time: float, item: T) -> Iterator[T]:
        """One more, later than the one before; those whose steps are known now."""
        before, self._last = self._last, (time, item)
        if before is None:
            self.first = self._next = int(np.ceil(time / STEP_S - 1e-6))
            return
        while self._next * STEP_S < (before[0] + time) / 2 - 1e-9:
            self._next += 1
            yield before[1]

    def finish(self) -> Iterator[T]:
        """Nothing more comes."""
        while self._last is not None and self._next * STEP_S <= self._last[0] + 1e-6:
            self._next += 1
            yield self._last[1]


class _Seen(NamedTuple):
    image: NDArray[np.uint8]
    square: NDArray[np.float64]
    landmarks: NDArray[np.float32]


class MouthStream:
    """`mouth_rois` of a face that comes frame by frame."""

    def __init__(self) -> None:
        self._steps: NearestSteps[_Seen] = NearestSteps()
        self._waiting: deque[_Seen] = deque()
        self._matrix: NDArray[np.float64] | None = None
        self._mouths: list[NDArray[np.uint8]] = []

    def add(self, time: float, view: FaceView) -> None:
        """One more frame."""
        for seen in self._steps.add(time, _Seen(view.crop("patch224"), view.square, view.landmarks)):
            self._take(seen)

    def finish(self) -> tuple[float, NDArray[np.float32]]:
        """Seconds of the first step, and (T, 88, 88) mouths as a speech expert sees them."""
        for seen in self._steps.finish():
            self._take(seen)
        if self._waiting and self._matrix is None:
            self._matrix = canvas_transforms(np.stack([s.landmarks for s in self._waiting]))[0]
        self._mouths += [self._cut(seen) for seen in self._waiting]
        self._waiting.clear()
        rois = np.array(self._mouths, np.uint8).reshape(-1, ROI_PX, ROI_PX)
        return (self._steps.first or 0) * STEP_S, mouth_input(rois)

    def _take(self, seen: _Seen) -> None:
        self._waiting.append(seen)
        if len(self._waiting) == WINDOW:
            self._matrix = canvas_transforms(np.stack([s.landmarks for s in self._waiting]))[0]
            self._mouths.append(self._cut(self._waiting.popleft()))

    def _cut(self, seen: _Seen) -> NDArray[np.uint8]:
        assert self._matrix is not None
        return mouth_roi(seen.image, seen.square, seen.landmarks, self._matrix)


class PointStream:
    """A visual input of points (`viseme.sync.inputs`) of a face that comes frame by frame."""

    def __init__(self, input: str) -> None:
        """`input`: its name."""
        self._visual: VisualInput = visual_inputs[input]()
        self._times: list[float] = []
        self._landmarks: list[NDArray[np.float32]] = []

    def add(self, time: float, view: FaceView) -> None:
        """One more frame."""
        self._times.append(time)
        self._landmarks.append(view.landmarks)

    def finish(self) -> tuple[float, NDArray[np.float32]]:
        """Seconds of the first step, and (T, K, 3) points, their mean over time removed."""
        if len(self._times) < 2:
            return 0.0, np.zeros((0, *self._visual.shape), np.float32)
        landmarks = np.stack(self._landmarks)
        track = FaceTrack(
            track_id=0,
            times=np.array(self._times),
            landmarks=landmarks,
            boxes=face_boxes(landmarks),
            observed=np.ones(len(landmarks), bool),
        )
        grid, points = to_grid_points(track.times, self._visual.of_track(track))
        return float(grid[0]) if len(grid) else 0.0, without_mean(points)


def stream_of(input: str) -> MouthStream | PointStream:
    """What a speech expert of an input sees."""
    return MouthStream() if input == "pixel" else PointStream(input)
