"""One clip's metrics and what surrounds them: an accumulator for the generated video and one for each anchor.

Knows pairs of views, events of tracks and audio; refuses to know files. Anchors of metrics that compare images or
landmarks are taken on every `ANCHOR_EVERY`th frame.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

from viseme.core.scores import Need
from viseme.faces import FaceEvent
from viseme.metrics.face_views import View
from viseme.metrics.interface import (
    SHIFT_FRAMES,
    ClipAudio,
    ClipMetric,
    FrameAccumulator,
    FrameMetric,
    FramePair,
    Measured,
    TrackAccumulator,
    TrackMetric,
)

__all__ = ["ANCHOR_EVERY", "ClipScores", "FrameScores", "TrackScores", "joined"]

ANCHOR_EVERY = 5


class FrameScores:
    """Frame metrics of a clip and of its anchors. Those that need no reference are measured on it too."""

    def __init__(self, metrics: Sequence[FrameMetric], *, has_reference: bool) -> None:
        """Nothing yet.

        Args:
            metrics: What is measured.
            has_reference: Whether faces of a reference will come.
        """
        paired = [m for m in metrics if any(Need.REFERENCE in p.needs for p in m.protocols)]
        alone = [m for m in metrics if m not in paired]
        self._paired = [m.start() for m in paired] if has_reference else []
        self._alone = [m.start() for m in alone]
        self._anchors = {name: [m.start() for m in paired] for name in ("still_face", "shifted")}
        self._real = [m.start() for m in alone]
        self._first: View | None = None
        self._past: deque[View] = deque(maxlen=SHIFT_FRAMES + 1)
        self._num_references = 0

    def add(self, generated: View | None, reference: View | None) -> None:
        """The generated face of one instant beside that of the reference; what has no face there is None."""
        if generated is not None:
            _feed(self._alone, generated, reference)
            if reference is not None:
                _feed(self._paired, generated, reference)

    def add_reference(self, reference: View | None) -> None:
        """The face of a reference frame, whether or not there is a generated one. Another thread than that of `add` may
        call this."""
        if reference is None:
            return
        _feed(self._real, reference, reference)
        self._first = self._first or reference
        self._past.append(reference)
        if self._num_references % ANCHOR_EVERY == 0:
            _feed(self._anchors["still_face"], self._first.showing(reference.box), reference)
            if len(self._past) > SHIFT_FRAMES:
                _feed(self._anchors["shifted"], self._past[0].showing(reference.box), reference)
        self._num_references += 1

    def compute(self) -> dict[str, dict[str, Measured]]:
        """ "generated" and anchors -> values; NaN for what was not fed."""
        found = {name: _merged(accumulators) for name, accumulators in self._anchors.items()}
        return {"generated": _merged([*self._paired, *self._alone]), "reference": _merged(self._real), **found}


class ClipScores:
    """Clip metrics, which bring their anchors."""

    def __init__(self, metrics: Sequence[ClipMetric], audios: Mapping[str, ClipAudio]) -> None:
        """Nothing yet; `audios`: see `ClipMetric.start`."""
        self._clips = [m.start(audios) for m in metrics]

    def add(self, generated: View | None, reference: View | None) -> None:
        """One instant; what has no face there is None."""
        for clip in self._clips:
            clip.add(generated, reference)

    def compute(self) -> dict[str, dict[str, Measured]]:
        """ "generated" and anchors -> values."""
        with ThreadPoolExecutor(max(1, len(self._clips))) as pool:  # one network after the other takes long
            return joined(pool.map(lambda clip: clip.compute(), self._clips))


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
        """Name of the audio -> values; beside "reference", the same shifted."""
        found = {name: _merged(accumulators) for name, accumulators in self._accumulators.items()}
        moved = [a.shifted() for a in self._accumulators.get("reference", ())]
        return joined([found, *moved])


def joined(parts: Iterable[Mapping[str, Mapping[str, Measured]]]) -> dict[str, dict[str, Measured]]:
    """Name of the video -> values, of several parts."""
    found: dict[str, dict[str, Measured]] = {}
    for part in parts:
        for name, values in part.items():
            found.setdefault(name, {}).update(values)
    return found


def _feed(accumulators: Iterable[FrameAccumulator], generated: View, reference: View | None) -> None:
    pair = FramePair(reference.time if reference is not None else generated.time, generated, reference)
    for accumulator in accumulators:
        accumulator.add(pair)


def _merged(accumulators: Iterable[FrameAccumulator | TrackAccumulator]) -> dict[str, Measured]:
    return {name: value for a in accumulators for name, value in a.compute().items()}
