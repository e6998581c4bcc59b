"""One clip's metrics and what surrounds them: an accumulator for the generated video and one for each anchor.

Knows pairs of views, events of tracks and audio; refuses to know files. Anchors of metrics that need a reference are
taken on every `ANCHOR_EVERY`th frame.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping, Sequence

from viseme.core.scores import Need
from viseme.faces import FaceEvent
from viseme.metrics.face_views import View
from viseme.metrics.interface import (
    ClipAudio,
    FrameAccumulator,
    FrameMetric,
    FramePair,
    Measured,
    TrackAccumulator,
    TrackMetric,
)

__all__ = ["ANCHOR_EVERY", "SHIFT_FRAMES", "FrameScores", "TrackScores"]

ANCHOR_EVERY = 5
SHIFT_FRAMES = 5
"""Frames by which the reference is late in the anchor "shifted": 0.2 s at 25 frames a second."""


class FrameScores:
    """Frame metrics of a clip and of its anchors."""

    def __init__(self, metrics: Sequence[FrameMetric], audio: ClipAudio | None, *, has_reference: bool) -> None:
        paired = [m for m in metrics if any(Need.REFERENCE in p.needs for p in m.protocols)]
        alone = [m for m in metrics if m not in paired]
        self._paired = [m.start(audio) for m in paired] if has_reference else []
        self._alone = [m.start(audio) for m in alone]
        names = ("still_face", "shifted") if has_reference else ()
        self._anchors = {name: [m.start(audio) for m in paired] for name in names}
        self._reference = [m.start(audio) for m in alone] if has_reference else []
        self._identical = {p.name: p.identical for m in paired for p in m.protocols if p.identical is not None}
        self._first: View | None = None
        self._past: deque[View] = deque(maxlen=SHIFT_FRAMES + 1)
        self._num_references = 0

    def add(self, generated: View | None, reference: View | None) -> None:
        """One instant; what has no face there is None."""
        if generated is not None:
            _feed(self._alone, generated, reference)
            if reference is not None:
                _feed(self._paired, generated, reference)

    def add_reference(self, reference: View) -> None:
        """The face of a reference frame, whether or not there is a generated one."""
        _feed(self._reference, reference, None)
        self._first = self._first or reference
        self._past.append(reference)
        if self._num_references % ANCHOR_EVERY == 0:
            _feed(self._anchors.get("still_face", ()), self._first.showing(reference.box), reference)
            if len(self._past) > SHIFT_FRAMES:
                _feed(self._anchors.get("shifted", ()), self._past[0].showing(reference.box), reference)
        self._num_references += 1

    def compute(self) -> dict[str, Measured]:
        """The generated video's values, and NaN for what was not fed."""
        return _merged([*self._paired, *self._alone])

    def anchors(self) -> dict[str, dict[str, Measured]]:
        """Name of the anchor -> values."""
        found = {name: _merged(accumulators) for name, accumulators in self._anchors.items()}
        if not self._num_references:
            return found
        exact = {n: Measured(value=v, num_frames=self._num_references) for n, v in self._identical.items()}
        return {"reference": {**exact, **_merged(self._reference)}, **found}


class TrackScores:
    """Track metrics of one video under several audios."""

    def __init__(self, metrics: Sequence[TrackMetric], audios: Mapping[str, ClipAudio]) -> None:
        self._accumulators: dict[str, list[TrackAccumulator]] = {
            name: [m.start(audio) for m in metrics] for name, audio in audios.items()
        }

    def take(self, events: Iterable[FaceEvent]) -> None:
        """What the tracker told."""
        for event in events:
            for accumulators in self._accumulators.values():
                for accumulator in accumulators:
                    accumulator.take(event)

    def compute(self) -> dict[str, dict[str, Measured]]:
        """Name of the audio -> values."""
        return {name: _merged(accumulators) for name, accumulators in self._accumulators.items()}


def _feed(accumulators: Iterable[FrameAccumulator], generated: View, reference: View | None) -> None:
    pair = FramePair(reference.time if reference is not None else generated.time, generated, reference)
    for accumulator in accumulators:
        accumulator.add(pair)


def _merged(accumulators: Iterable[FrameAccumulator | TrackAccumulator]) -> dict[str, Measured]:
    return {name: value for a in accumulators for name, value in a.compute().items()}
