"""One clip scored: generated and reference decoded once, side by side, with every metric fed on the way.

Knows the order of the work: sources -> faces -> pairs -> metrics -> values and anchors -> faults. Refuses to know how
any metric is computed, and other clips.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, TypeAlias

from viseme.audio.mel_frames import MelFrames
from viseme.core.errors import MediaError
from viseme.core.results import DelayEstimate
from viseme.core.scores import ClipScore, FailureCause, MetricProtocol, Need
from viseme.engine.free_memory import return_free_memory
from viseme.engine.ordered_calls import OrderedCalls
from viseme.faces import tracker as trackers
from viseme.media.source import MediaSource
from viseme.metrics.clip_anchors import ClipScores, FrameScores, TrackScores, joined
from viseme.metrics.clip_audio import KeptAudio, TurnedAudio
from viseme.metrics.clip_faults import EVERYTHING, Faults, audio_faults
from viseme.metrics.face_list import FaceList
from viseme.metrics.face_views import MainFace, SeenFrame, View, seen_frames
from viseme.metrics.interface import ClipAudio, Measured
from viseme.metrics.lockstep import lockstep
from viseme.metrics.metric_choice import MetricSet
from viseme.metrics.visual_sync import shared_sync_weights
from viseme.sync.estimator import EstimatorConfig
from viseme.sync.measurement import DelayMeasurement

__all__ = ["ClipSources", "score_sources", "share_in_sync"]

MOST_APART_FRAMES = 2
"""Frames by which two lengths may differ."""
SAME_RATE = 0.01
"""Share by which two frame rates may differ."""
MOST_LOST = 0.2
"""Share of the frames with a face in the reference on which the generated one may have none."""
NUM_WAITING = 4
"""Instants that wait to be measured."""
RETURN_EVERY = 125
"""Instants after which memory that is free is returned to the system."""
REFERENCE = frozenset({Need.REFERENCE})
Measurements: TypeAlias = "dict[str, dict[str, Measured]]"
""""generated" and anchors -> values."""


@dataclass(frozen=True, kw_only=True)
class ClipSources:
    """What is compared. A source brings its own audio."""

    name: str
    """Of the clip, for all methods."""
    file: str
    """For messages."""
    generated: MediaSource | None
    """None = it could not be opened; its faults are known."""
    reference: MediaSource | None
    heard: MediaSource | None
    """Whose audio the generated lips are compared with; None = there is none."""
    reference_heard: MediaSource | None
    mismatched: MediaSource | None
    """Another clip's audio; None = the clip's own, turned by half its length."""
    has_reference: bool
    """Whether a reference was asked for, even if it could not be opened."""


def score_sources(
    sources: ClipSources,
    metrics: MetricSet,
    *,
    faults: Faults | None = None,
    tracker: str = "mediapipe",
    in_sync_band: tuple[float, float] = (-0.045, 0.125),
    on_progress: Callable[[float], None] | None = None,
) -> ClipScore:
    """Score one clip.

    Args:
        sources: Generated and reference video, and their audio.
        metrics: What is measured.
        faults: What is known to be wrong; added to.
        tracker: Face tracker, by name.
        in_sync_band: Delays that count as in sync, seconds.
        on_progress: Told the fraction done, 0 to 1, now and then.

    Returns:
        A value or a cause for each metric, and the anchors that could be measured.
    """
    began = time.perf_counter()
    faults = faults or Faults()
    run = _Run(sources, metrics, faults, tracker)
    for step in (lambda: run.read(on_progress), run.finish, run.judge):
        try:
            step()
        except MediaError as error:
            faults.add(FailureCause.UNREADABLE, EVERYTHING, str(error))
    protocols = metrics.protocols(has_reference=sources.has_reference)
    measured = run.measured.get("generated", {})
    generated = sources.generated
    return ClipScore(
        file=sources.file,
        name=sources.name,
        reference=None if sources.reference is None else sources.reference.name,
        audio=None if sources.heard is None else sources.heard.name,
        metrics={p.name: faults.value(p, measured) for p in protocols if not p.of_set},
        anchors=run.anchors(protocols),
        audio_delay=None if run.estimate is None else run.estimate.audio_delay,
        reference_delay=None if run.reference_estimate is None else run.reference_estimate.audio_delay,
        share_in_sync=None if run.estimate is None else share_in_sync(run.estimate, in_sync_band),
        num_frames=run.num_generated,
        num_pairs=run.num_pairs,
        num_without_face=run.num_lost,
        frame_rate=None if generated is None else generated.frame_rate,
        faces=run.faces.told(),
        failures=tuple(faults.found),
        message=faults.message,
        warnings=tuple(dict.fromkeys(run.warnings)),
        elapsed=time.perf_counter() - began,
    )


class _Run:
    """The state of one pass."""

    def __init__(self, sources: ClipSources, metrics: MetricSet, faults: Faults, tracker: str) -> None:
        self._sources, self._faults, self._tracker = sources, faults, tracker
        self.warnings: list[str] = []
        self._audio_of: dict[int, KeptAudio] = {}
        heard, real = (self._kept(s) for s in (sources.heard, sources.reference_heard))
        ours, theirs = self._audios(heard), self._reference_audios(real)
        self._frames = FrameScores(metrics.frames, has_reference=sources.reference is not None)
        self._clips = ClipScores(metrics.clips, {**ours, **theirs})
        self._tracks = TrackScores(metrics.tracks, ours)
        self._reference_tracks = TrackScores(metrics.tracks, theirs)
        self._delay = _delay_of(heard if sources.generated is not None else None)
        self._reference_delay = _delay_of(real if sources.reference is not None else None)
        self.estimate: DelayEstimate | None = None
        self.reference_estimate: DelayEstimate | None = None
        self.measured: Measurements = {}
        self.faces = FaceList()
        self.num_generated = self.num_reference = self.num_pairs = self.num_lost = 0
        self._num_faces = self._num_reference_faces = 0
        self._face, self._reference_face = MainFace(), MainFace()

    def _kept(self, source: MediaSource | None) -> KeptAudio | None:
        """The audio of a source, one and the same for all who ask."""
        if source is None:
            return None
        return self._audio_of.setdefault(id(source), KeptAudio(source, self.warnings.append))

    def _audios(self, heard: ClipAudio | None) -> dict[str, ClipAudio]:
        """Under which the generated lips are measured."""
        if heard is None or self._sources.generated is None:
            return {}
        if self._sources.reference is not None:
            return {"generated": heard}
        return {"generated": heard, "mismatched_audio": self._mismatched(heard, self._sources.heard)}

    def _reference_audios(self, heard: ClipAudio | None) -> dict[str, ClipAudio]:
        if heard is None or self._sources.reference is None:
            return {}
        return {"reference": heard, "mismatched_audio": self._mismatched(heard, self._sources.reference_heard)}

    def _mismatched(self, own: ClipAudio, source: MediaSource | None) -> ClipAudio:
        other = self._kept(self._sources.mismatched)
        return other or TurnedAudio(own, None if source is None else source.duration)

    def read(self, on_progress: Callable[[float], None] | None) -> None:
        """Decode both videos and feed everything: what takes the generated frames in one thread, what takes those of
        the reference in another."""
        streams = [_stream(s, self._tracker, self.warnings) for s in (self._sources.generated, self._sources.reference)]
        length = next((s.duration for s in (self._sources.generated, self._sources.reference) if s is not None), None)
        pairs = lockstep(*streams, time_of_first=_time, time_of_second=_time, apart=self._apart())
        try:
            with OrderedCalls(NUM_WAITING) as ours, OrderedCalls(NUM_WAITING) as theirs:
                for num, (generated, reference) in enumerate(pairs, start=1):
                    found, right = self._take(generated, reference)
                    ours.add(self._frames.add, found, right)
                    theirs.add(self._measure_reference, found, right)
                    if num % RETURN_EVERY == 0:
                        return_free_memory()
                    seen = generated or reference
                    if on_progress is not None and length and seen is not None:
                        on_progress(min(1.0, float(seen.frame.time) / length))
        finally:
            for stream in streams:
                stream.close()

    def _apart(self) -> Fraction:
        """How far apart two frames of a pair may be; negative where the rates differ."""
        rates = [s.frame_rate for s in (self._sources.generated, self._sources.reference) if s is not None]
        known = [r for r in rates if r]
        if len(known) == 2 and abs(known[0] / known[1] - 1) > SAME_RATE:
            words = f"{known[0]:.5g} and {known[1]:.5g} frames a second cannot be compared; convert one of the videos"
            self._faults.add(FailureCause.FRAME_RATES_DIFFER, REFERENCE, words)
            return Fraction(-1)
        return Fraction(1, 2) / Fraction(known[0] if known else 25).limit_denominator(1001)

    def _take(self, generated: SeenFrame | None, reference: SeenFrame | None) -> tuple[View | None, View | None]:
        """Count one instant and follow its lips; the two faces."""
        right = None if reference is None else self._reference_face.of(reference)
        found = None if generated is None else self._view(generated, right)
        if generated is not None:
            self.num_generated += 1
            self._num_faces += found is not None
            self._tracks.take(generated.events)
            self.faces.take(generated.events)
            _measure(self._delay, generated)
        if reference is not None:
            self.num_reference += 1
            self._num_reference_faces += right is not None
            self._reference_tracks.take(reference.events)
            _measure(self._reference_delay, reference)
        paired = generated is not None and reference is not None
        self.num_pairs += paired
        self.num_lost += found is None and (right is not None if paired else generated is not None)
        return found, right

    def _measure_reference(self, generated: View | None, reference: View | None) -> None:
        self._frames.add_reference(reference)
        self._clips.add(generated, reference)

    def _view(self, generated: SeenFrame, right: View | None) -> View | None:
        """The generated face, seen where the reference has it if both videos have one shape of frame."""
        ours, theirs = self._sources.generated, self._sources.reference
        if right is None or ours is None or theirs is None or not _same_shape(ours, theirs):
            return self._face.of(generated)
        size = ours.width / theirs.width
        found = self._face.of(generated, like=right.tight * size)
        return None if found is None else found.showing(right.box * size)

    def finish(self) -> None:
        """Make values of what was gathered, as far as the videos could be read: both delays, both videos' lip sync and
        the rest side by side, as each waits for one network after the other."""
        jobs = (self._finish_generated, self._finish_reference, self._finish_faces)
        with ThreadPoolExecutor(len(jobs)) as pool:
            found: list[Measurements] = []
            for future in [pool.submit(job) for job in jobs]:
                try:
                    found.append(future.result())
                except MediaError as error:
                    self._faults.add(FailureCause.UNREADABLE, EVERYTHING, str(error))
        self.measured = joined(found)

    def _finish_generated(self) -> Measurements:
        self.estimate = None if self._delay is None else self._delay.finish().estimate
        return {n: v for n, v in self._tracks.compute().items() if n in ("generated", "mismatched_audio")}

    def _finish_reference(self) -> Measurements:
        if self._reference_delay is not None:
            self.reference_estimate = self._reference_delay.finish().estimate
        return self._reference_tracks.compute()

    def _finish_faces(self) -> Measurements:
        return joined((self._frames.compute(), self._clips.compute()))

    def judge(self) -> None:
        """Add what the pass has shown to be wrong."""
        name, faults = self._sources.file, self._faults
        if self._sources.generated is None or FailureCause.UNREADABLE in faults.found:
            return
        if self.num_generated < 2:
            faults.add(FailureCause.ONE_FRAME, EVERYTHING, f"{name} has a single frame")
        elif self._num_faces == 0:
            faults.add(FailureCause.NO_FACE, EVERYTHING, f"no face is seen in {name}")
        elif self.num_lost > MOST_LOST * (self._num_faces + self.num_lost):
            share = f"{self.num_lost} of {self._num_faces + self.num_lost} frames"
            faults.add(FailureCause.NO_FACE, EVERYTHING, f"no face is seen in {share} of {name}")
        if self._sources.reference is not None:
            self._judge_reference(name)
        audio_faults(faults, self.estimate, name)

    def _judge_reference(self, name: str) -> None:
        if self._num_reference_faces == 0:
            self._faults.add(FailureCause.NO_FACE, REFERENCE, f"no face is seen in the reference of {name}")
        if FailureCause.FRAME_RATES_DIFFER in self._faults.found:
            return
        apart = abs(self.num_generated - self.num_reference)
        if apart > MOST_APART_FRAMES:
            words = f"{name} has {self.num_generated} frames, its reference {self.num_reference}"
            self._faults.add(FailureCause.LENGTHS_DIFFER, REFERENCE, words)
        elif self.num_pairs < min(self.num_generated, self.num_reference) - MOST_APART_FRAMES:
            words = f"only {self.num_pairs} of {self.num_generated} frames of {name} lie at times of the reference's"
            self._faults.add(FailureCause.FRAME_RATES_DIFFER, REFERENCE, words)

    def anchors(self, protocols: Sequence[MetricProtocol]) -> dict[str, dict[str, float]]:
        """Anchor -> metric -> value, of the metrics that are asked for and could be measured; of the reference itself,
        what is so by definition."""
        names = {p.name for p in protocols}
        found: dict[str, dict[str, float]] = {
            anchor: {n: m.value for n, m in values.items() if m.value == m.value and m.num_frames and n in names}
            for anchor, values in self.measured.items()
            if anchor != "generated"
        }
        if self._num_reference_faces:
            exact = {p.name: p.identical for p in protocols if p.identical is not None and not p.of_set}
            found["reference"] = {**found.get("reference", {}), **exact}
        return {anchor: values for anchor, values in found.items() if values}


def share_in_sync(estimate: DelayEstimate, band: tuple[float, float]) -> float | None:
    """Share of the time that could be judged in which the delay lies in a band, seconds.

    Returns:
        0 to 1; None where nothing could be judged.
    """
    stretches = estimate.pieces or (() if estimate.drift is None else estimate.drift.segments)
    told = [(s.end - s.start, s.audio_delay) for s in stretches if s.audio_delay is not None]
    if not told:
        told = [] if estimate.audio_delay is None else [(1.0, estimate.audio_delay)]
    total = sum(length for length, _ in told)
    return sum(n for n, delay in told if band[0] <= delay <= band[1]) / total if total else None


def _delay_of(heard: ClipAudio | None) -> DelayMeasurement | None:
    if heard is None:
        return None
    return DelayMeasurement(shared_sync_weights(), MelFrames(heard.blocks()), EstimatorConfig())


def _measure(delay: DelayMeasurement | None, seen: SeenFrame) -> None:
    if delay is not None:
        for event in seen.events:
            delay.take(event)


def _stream(source: MediaSource | None, name: str, warnings: list[str]) -> Any:
    """Frames with faces; none where there is no video."""
    if source is None:
        return _nothing()
    return seen_frames(source, trackers[name](trackers[name].Config()), on_warning=warnings.append)


def _nothing() -> Iterator[SeenFrame]:
    yield from ()


def _time(seen: SeenFrame) -> Fraction:
    return seen.frame.time


def _same_shape(one: MediaSource, other: MediaSource) -> bool:
    return abs(one.width * other.height - other.width * one.height) <= 0.01 * one.width * other.height
