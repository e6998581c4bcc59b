"""`viseme.find_speakers`: one clip in, who speaks when out, every frame and sample read once.

Knows the order of the work: media -> faces -> features -> delay -> scores -> states -> people. Memory does not grow
with the frames; of every face some 70 bytes are kept for each 40 ms.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from viseme.audio.band_levels import BandLevels, in_one
from viseme.audio.mel_frames import MelFrames
from viseme.audio.voice_activity import voice_fraction
from viseme.core.results import DelayEstimate, Reason, RejectedTrack, Verdict
from viseme.core.speakers import FaceTimeline, SpeakersResult, VoiceSegment, VoiceState
from viseme.engine.prefetch import prefetch
from viseme.faces import FaceEvent, FaceObserver
from viseme.faces import tracker as trackers
from viseme.faces.crop_recorder import CropRecorder
from viseme.media.source import MediaSource, open_source
from viseme.speakers.appearance import Appearance
from viseme.speakers.feature_collector import Align, FeatureCollector
from viseme.speakers.identity import people, voices_of
from viseme.speakers.interface import AudioSteps, FaceSteps, Scored, SpeakerScorer, audio_steps, load_scorer
from viseme.speakers.mouth_crops import GreyMouth
from viseme.speakers.step_gaps import StepGaps
from viseme.speakers.timeline import TimelineConfig, read_states, segments, voice_segments, without_dubbing
from viseme.sync.checkpoint import SyncWeights, load_sync_weights
from viseme.sync.comparer import crop_recorder_for
from viseme.sync.pipeline import MAX_SIDE, NUM_AHEAD

__all__ = ["find_speakers", "find_speakers_source"]

LATE_S = 40.0
"""Seconds by which the beginning of a chunk may lie before the end of one that came earlier."""


def find_speakers(
    path: str | os.PathLike[str] | None = None,
    *,
    frames: Iterable[NDArray[np.uint8]] | None = None,
    times: Sequence[float] | NDArray[np.floating] | None = None,
    samples: NDArray[Any] | None = None,
    rate: int | None = None,
    align: Align = "file",
    scorer: str = "head",
    scorer_weights: str | os.PathLike[str] | None = None,
    threshold: float | None = None,
    max_delay: float = 0.45,
    audio: str | os.PathLike[str] | None = None,
    audio_stream: int | None = None,
    weights: str | os.PathLike[str] | None = None,
    tracker: str = "mediapipe",
    on_progress: Callable[[float], None] | None = None,
) -> SpeakersResult:
    """Find who speaks when, for every face in a video.

    Args:
        path: Any file with moving frames and audio; None = arrays are given instead.
        frames: (T, H, W, 3) uint8 RGB, or an iterable of T such frames, in place of a file.
        times: (T,) seconds of the frames, strictly rising; needed with `frames`.
        samples: (S,) or (S, C) audio, its first sample at time zero; floating at full scale 1, or integers; needed
            with `frames`.
        rate: Samples per second; needed with `frames`.
        align: What delay of the audio is taken out before scoring: the "file" has one, each "track" its own (which
            flatters silent faces: each finds its luckiest delay), or "none".
        scorer: "head" (the trained one that ships), "evidence" (log-odds by summed evidence alone), "cosine" (as
            published), or another registered one.
        scorer_weights: Name or file of its weights, for a scorer that has some.
        threshold: Score from which a face is called speaking; None = the scorer's own.
        max_delay: Largest delay of the file considered either way, seconds. What is farther off is not taken for the
            file's delay but for dubbing; `viseme fix` first where the whole file is that late.
        audio: Audio from another file, whose first sample is taken to belong to the first frame.
        audio_stream: Which audio stream of the file, from 0; None = the default one, or the first that holds a voice.
        weights: Name or file of other sync weights; None = those that ship.
        tracker: Face tracker, by name.
        on_progress: Told the fraction done, 0 to 1, now and then.

    Returns:
        For every face its person, scores and states; for every voice whether its owner is in view.

    Raises:
        MediaError: the file cannot be read, has no video, or has no audio.
        WeightsError: weights are missing or damaged.
        ConfigError: an option is out of its range.
        ValueError: both a file and arrays are given, or arrays that do not fit together.
    """
    source = open_source(
        path,
        audio=audio,
        audio_stream=audio_stream,
        voice=voice_fraction,
        frames=frames,
        times=times,
        samples=samples,
        rate=rate,
    )
    return find_speakers_source(
        load_sync_weights(os.fspath(weights) if weights is not None else None),
        load_scorer(scorer, scorer_weights),
        source,
        align=align,
        threshold=threshold,
        max_delay=max_delay,
        tracker=tracker,
        on_progress=on_progress,
    )


def find_speakers_source(
    weights: SyncWeights,
    scorer: SpeakerScorer,
    source: MediaSource,
    *,
    align: Align = "file",
    threshold: float | None = None,
    max_delay: float = 0.45,
    tracker: str = "mediapipe",
    timeline: TimelineConfig | None = None,
    on_progress: Callable[[float], None] | None = None,
) -> SpeakersResult:
    """`find_speakers` of any source with weights and scorer that are loaded.

    Args:
        weights: Sync weights.
        scorer: Who scores.
        source: Frames and audio, see `viseme.media.source`.
        align: As `find_speakers`.
        threshold: As `find_speakers`.
        max_delay: As `find_speakers`.
        tracker: Face tracker, by name.
        timeline: How scores become states; None = as the scorer asks.
        on_progress: As `find_speakers`.

    Raises:
        MediaError: the source cannot be read, or has no audio.
    """
    began = time.perf_counter()
    warnings: list[str] = []
    trained_on = getattr(scorer, "sync", None)
    if trained_on not in (None, weights.name):
        warnings.append(f"the scorer {scorer.name} was trained on the scores of {trained_on}, not of {weights.name}")
    with ExitStack() as stack:
        audio = MelFrames(source.audio(on_warning=warnings.append))
        mouths = stack.enter_context(CropRecorder(GreyMouth())) if scorer.wants_crops else None
        crops = crop_recorder_for(weights)
        if crops is not None:
            stack.enter_context(crops)
        collector = FeatureCollector(weights, audio, align=align, max_delay=max_delay, crops=crops)
        gathered = _Gathered(collector, audio, [observer for observer in (mouths, crops) if observer is not None])
        gathered.run(source, tracker, warnings.append, on_progress)
        speakers = _Speakers.of(gathered, scorer, source, align, threshold, timeline, mouths)
    if align == "file" and speakers.delay.verdict is Verdict.CANNOT_TELL and speakers.faces:
        why = ", ".join(r.value for r in speakers.delay.reasons)
        warnings.append(f"the delay of the file cannot be told ({why}); faces were scored as recorded")
    return SpeakersResult(
        file=source.name,
        faces=speakers.timelines(gathered),
        voice=speakers.voice(gathered.rejected),
        rejected=tuple(gathered.rejected),
        delay=speakers.delay,
        delay_taken_out=speakers.audio.delay,
        align=align,
        scorer=scorer.name,
        score_unit=scorer.unit,
        threshold=speakers.threshold,
        duration=source.duration,
        frame_rate=source.frame_rate,
        width=source.width,
        height=source.height,
        timecode=source.timecode,
        weights=weights.name,
        elapsed=time.perf_counter() - began,
        warnings=tuple(dict.fromkeys(warnings)),
        strips=gathered.appearance.thumbnails(),
        audio_times=np.array(audio.level_times),
        audio_level_db=np.array(audio.levels),
    )


class _Gathered:
    """One pass over a source, and what it leaves."""

    def __init__(self, collector: FeatureCollector, audio: MelFrames, observers: Sequence[FaceObserver]) -> None:
        self.collector = collector
        self.levels = BandLevels(audio)
        self.appearance = Appearance()
        self.rejected: list[RejectedTrack] = []
        self._audio, self._observers = audio, observers

    def run(
        self,
        source: MediaSource,
        tracker: str,
        warn: Callable[[str], None],
        on_progress: Callable[[float], None] | None,
    ) -> None:
        """Read everything once."""
        follower = trackers[tracker](trackers[tracker].Config())
        with closing(prefetch(source.frames(max_side=MAX_SIDE, on_warning=warn), NUM_AHEAD)) as frames:
            for event in follower.track(frames, observers=[self.appearance, *self._observers]):
                self._take(event)
                if on_progress and source.duration:
                    on_progress(min(1.0, event.end / source.duration))
        self.levels.read_to(float("inf"))

    def _take(self, event: FaceEvent) -> None:
        if isinstance(event, RejectedTrack):
            self.rejected.append(event)
            self.collector.reject(event)
            self.appearance.end(event.track_id)
            return
        self.collector.take(event)
        self.appearance.take(event)
        self.levels.read_to(event.end - LATE_S)
        self._audio.forget(min(self.levels.position, self.collector.audio_needed_from) - 2)


@dataclass(frozen=True)
class _Speakers:
    """What is read from a pass."""

    faces: list[FaceSteps]
    """As recorded."""
    gaps: StepGaps
    close: list[FaceSteps]
    """The same with long gaps closed, as everything below."""
    audio: AudioSteps
    scored: list[Scored]
    states: list[NDArray[np.int8]]
    voiced: NDArray[np.bool_]
    delay: DelayEstimate
    threshold: float

    @classmethod
    def of(
        cls,
        gathered: _Gathered,
        scorer: SpeakerScorer,
        source: MediaSource,
        align: Align,
        threshold: float | None,
        timeline: TimelineConfig | None,
        mouths: CropRecorder | None,
    ) -> _Speakers:
        """Take the delay out, score, and read states."""
        faces = gathered.collector.finish()
        if mouths is not None:
            faces = [replace(face, crops=mouths.images(face.track_id, face.times())) for face in faces]
        stretches = gathered.levels.stretches()
        gaps = StepGaps(
            [(f.first, f.first + f.num) for f in faces] + [(first, first + len(b)) for first, b in stretches]
        )
        close = [replace(face, first=gaps.closed(face.first)) for face in faces]
        first, bands = in_one([(gaps.closed(first), levels) for first, levels in stretches])
        delay = 0.0 if align == "none" else gathered.collector.file_delay()
        audio = audio_steps(first, bands, delay, scorer.voice(bands))
        audio = replace(audio, samples=lambda a, b: source.samples(gaps.recorded_s(a), gaps.recorded_s(a) + b - a))
        scored = scorer.score(close, audio)
        limit = scorer.threshold if threshold is None else threshold
        states, voiced = read_states(close, scored, audio, limit, timeline or TimelineConfig(band=scorer.band))
        states = [
            without_dubbing(state) if gathered.collector.has_few_frames(face.track_id) else state
            for face, state in zip(faces, states)
        ]
        return cls(faces, gaps, close, audio, scored, states, voiced, gathered.collector.estimate(), limit)

    def voice(self, rejected: Sequence[RejectedTrack]) -> tuple[VoiceSegment, ...]:
        """Whose voice is heard when; unsure while faces are seen on too few frames to read their lips."""
        few = [(r.start, r.end) for r in rejected if r.reason is Reason.TOO_FEW_FRAMES]
        found = []
        for v in voice_segments(self.close, self.states, self.voiced, self.audio.first):
            start, end = self.gaps.recorded_s(v.start), self.gaps.recorded_s(v.end)
            blurred = v.state is VoiceState.OFFSCREEN and any(a < end and start < b for a, b in few)
            found.append(replace(v, start=start, end=end, state=VoiceState.UNSURE if blurred else v.state))
        return tuple(found)

    def timelines(self, gathered: _Gathered) -> tuple[FaceTimeline, ...]:
        """The faces as results, each with its person."""
        persons = people(self.close, gathered.appearance, voices_of(self.close, self.states, self.audio))
        return tuple(
            FaceTimeline(
                track_id=face.track_id,
                person=persons[face.track_id].person,
                person_confidence=persons[face.track_id].confidence,
                shot=face.shot,
                face_size_px=gathered.collector.size_px(face.track_id),
                times=face.times(),
                scores=scored.speaking,
                boxes=face.boxes,
                segments=segments(state, face.first),
                delay=gathered.collector.track_estimate(face.track_id),
            )
            for face, scored, state in zip(self.faces, self.scored, self.states)
        )
