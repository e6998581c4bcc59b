"""One clip's metrics and what surrounds them: an accumulator for the generated video and one for each anchor.

Knows pairs of views, events of tracks and audio; refuses to know files. Anchors of metrics that compare images or
landmarks are taken on every `ANCHOR_EVERY`th frame.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from typing import TypeAlias

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
_Anchors: TypeAlias = "dict[str, list[FrameAccumulator]]"
SHIFT_FRAMES = 5
"""Frames by which the reference is late in the anchor "shifted": 0.2 s at 25 frames a second."""


class FrameScores:
    """Frame metrics of a clip and of its anchors.

    Metrics that listen (speech experts, SyncNet) see every frame in every anchor; for the others that need a reference,
    still and shifted faces are sampled.
    """

    def __init__(self, metrics: Sequence[FrameMetric], audios: Mapping[str, ClipAudio], *, has_reference: bool) -> None:
        """Nothing yet.

        Args:
            metrics: What is measured.
            audios: "generated", and "reference" and "mismatched_audio" where they are there.
            has_reference: Whether faces of a reference will come.
        """
        heard = [m for m in metrics if _listens(m)]
        paired = [m for m in metrics if not _listens(m) and any(Need.REFERENCE in p.needs for p in m.protocols)]
        alone = [m for m in metrics if m not in heard and m not in paired]
        self._has_reference = has_reference
        self._paired = [m.start(None) for m in paired] if has_reference else []
        self._alone = [m.start(None) for m in alone] + [m.start(audios.get("generated")) for m in heard]
        self._sampled: _Anchors = {}
        self._whole: _Anchors = {}
        if has_reference:
            own = audios.get("reference")
            self._sampled = {name: [m.start(None) for m in paired] for name in ("still_face", "shifted")}
            self._whole = {name: [m.start(own) for m in heard] for name in ("reference", "still_face", "shifted")}
            self._whole["reference"] += [m.start(None) for m in alone]
        if "mismatched_audio" in audios:
            self._whole["mismatched_audio"] = [m.start(audios["mismatched_audio"]) for m in heard]
        self._identical = {p.name: p.identical for m in metrics for p in m.protocols if p.identical is not None}
        self._first: View | None = None
        self._past: deque[View] = deque(maxlen=SHIFT_FRAMES + 1)
        self._num_references = 0

    def add(self, generated: View | None, reference: View | None) -> None:
        """One instant; what has no face there is None."""
        if generated is None:
            return
        _feed(self._alone, generated, reference)
        if reference is not None:
            _feed(self._paired, generated, reference)
        if not self._has_reference:
            _feed(self._whole.get("mismatched_audio", ()), generated, None)

    def add_reference(self, reference: View) -> None:
        """The face of a reference frame, whether or not there is a generated one."""
        _feed(self._whole["reference"], reference, reference)
        _feed(self._whole.get("mismatched_audio", ()), reference, None)
        self._first = self._first or reference
        self._past.append(reference)
        sampled = self._sampled if self._num_references % ANCHOR_EVERY == 0 else {}
        faces = {"still_face": self._first}
        if len(self._past) > SHIFT_FRAMES:
            faces["shifted"] = self._past[0]
        for name, face in faces.items():
            accumulators = [*self._whole[name], *sampled.get(name, ())]
            if accumulators:
                _feed(accumulators, face.showing(reference.box), reference)
        self._num_references += 1

    def compute(self) -> dict[str, Measured]:
        """The generated video's values, and NaN for what was not fed."""
        return _merged([*self._paired, *self._alone])

    def anchors(self) -> dict[str, dict[str, Measured]]:
        """Name of the anchor -> values."""
        found = {name: _merged(accumulators) for name, accumulators in self._whole.items()}
        for name, accumulators in self._sampled.items():
            found[name] = {**found.get(name, {}), **_merged(accumulators)}
        if self._num_references:
            exact = {n: Measured(value=v, num_frames=self._num_references) for n, v in self._identical.items()}
            found["reference"] = {**found["reference"], **exact}
        return found


def _listens(metric: FrameMetric) -> bool:
    return any({Need.AUDIO, Need.EXPERT} & p.needs for p in metric.protocols)


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
