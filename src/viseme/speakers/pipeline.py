"""`viseme.find_speakers`: one file in, who speaks when out, every frame and sample read once.

Knows the order of the work: media -> faces -> features -> delay -> scores -> states -> people. Memory does not grow
with the frames; of every face some 70 bytes are kept for each 40 ms.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from viseme.audio.band_levels import BandLevels
from viseme.audio.clock import RATE
from viseme.audio.mel_frames import MelFrames
from viseme.core.errors import NoAudio, NoVideo
from viseme.core.results import RejectedTrack, Verdict
from viseme.core.speakers import FaceTimeline, SpeakersResult
from viseme.engine.prefetch import ahead
from viseme.faces import tracker
from viseme.media import MediaInfo, probe, read_audio, read_frames
from viseme.speakers.crops import CropStore
from viseme.speakers.features import REACH_S, STRETCH, Align, Gatherer
from viseme.speakers.identity import Looks, people, voices_of
from viseme.speakers.interface import FaceSteps, SpeakerScorer, heard_at, load_scorer
from viseme.speakers.timeline import TimelineConfig, read_states, segments, voice_segments
from viseme.sync.checkpoint import SyncWeights, load_sync_weights
from viseme.sync.pipeline import MAX_SIDE

__all__ = ["find_speakers", "find_speakers_with"]


def find_speakers(
    path: str | os.PathLike[str],
    *,
    align: Align = "file",
    scorer: str = "head",
    scorer_weights: str | os.PathLike[str] | None = None,
    threshold: float | None = None,
    max_delay: float = 0.45,
    audio: str | os.PathLike[str] | None = None,
    audio_stream: int = 0,
    weights: str | os.PathLike[str] | None = None,
    tracker: str = "mediapipe",
    on_progress: Callable[[float], None] | None = None,
) -> SpeakersResult:
    """Find who speaks when, for every face in a video.

    Args:
        path: Any file with moving frames and audio.
        align: What delay of the audio is taken out before scoring: the "file" has one, each "track" its own (which
            flatters silent faces: each finds its luckiest delay), or "none".
        scorer: "head" (the trained one that ships), "evidence" (log-odds by summed evidence alone), "cosine" (as
            published), or another registered one.
        scorer_weights: Name or file of its weights, for a scorer that has some.
        threshold: Score from which a face is called speaking; None = the scorer's own.
        max_delay: Largest delay of the file considered either way, seconds. What is farther off is not taken for the
            file's delay but for dubbing; `viseme fix` first where the whole file is that late.
        audio: Audio from another file, whose first sample is taken to belong to the first frame.
        audio_stream: Which audio stream of the file, from 0.
        weights: Name or file of other sync weights; None = those that ship.
        tracker: Face tracker, by name.
        on_progress: Told the fraction done, 0 to 1, now and then.

    Returns:
        For every face its person, scores and states; for every voice whether its owner is in view.

    Raises:
        MediaError: the file cannot be read, has no video, or has no audio.
        WeightsError: weights are missing or damaged.
        ConfigError: an option is out of its range.
    """
    bundle = load_sync_weights(os.fspath(weights) if weights is not None else None)
    chosen = load_scorer(scorer, scorer_weights)
    return find_speakers_with(
        bundle,
        chosen,
        path,
        align=align,
        threshold=threshold,
        max_delay=max_delay,
        audio=audio,
        audio_stream=audio_stream,
        tracker_name=tracker,
        on_progress=on_progress,
    )


def find_speakers_with(
    bundle: SyncWeights,
    scorer: SpeakerScorer,
    path: str | os.PathLike[str],
    *,
    align: Align = "file",
    threshold: float | None = None,
    max_delay: float = 0.45,
    audio: str | os.PathLike[str] | None = None,
    audio_stream: int = 0,
    tracker_name: str = "mediapipe",
    timeline: TimelineConfig | None = None,
    on_progress: Callable[[float], None] | None = None,
) -> SpeakersResult:
    """`find_speakers` with weights and scorer already loaded."""
    began = time.perf_counter()
    warnings: list[str] = []
    info = probe(path)
    if info.video is None or info.video.is_still:
        what = "is a photograph" if info.video is not None else "has no video stream"
        raise NoVideo(f"{os.fspath(path)} {what}; give a video file")
    trained_on = getattr(scorer, "sync", None)
    if trained_on not in (None, bundle.name):
        warnings.append(f"the scorer {scorer.name} was trained on the scores of {trained_on}, not of {bundle.name}")
    source = path if audio is None else audio
    with closing(CropStore()) as crops:
        got = gather(
            bundle,
            path,
            info,
            align=align,
            max_delay=max_delay,
            audio=audio,
            audio_stream=audio_stream,
            tracker_name=tracker_name,
            warn=warnings.append,
            on_progress=on_progress,
            crops=crops if scorer.wants_crops else None,
        )
        config = timeline or TimelineConfig(band=scorer.band)
        samples = partial(_samples, source, audio_stream)
        return _result(got, scorer, path, info, align, threshold, config, warnings, began, samples)


def _samples(source: Any, stream: int, start: float, end: float) -> NDArray[np.float32]:
    """(S,) audio at 16 kHz between two times; zeros where there is none."""
    begin = round(start * RATE)
    out = np.zeros(round((end - start) * RATE), np.float32)
    for block in read_audio(source, stream=stream, start=start, end=end):
        at = round(block.start * RATE) - begin
        low, high = max(0, at), min(len(out), at + len(block.samples))
        if high > low:
            out[low:high] = block.samples[low - at : high - at]
    return out


class Gathered:
    """What one pass over a file left: features of faces, levels of audio, looks."""

    def __init__(
        self,
        bundle: SyncWeights,
        mel_frames: MelFrames,
        *,
        align: Align,
        max_delay: float,
        crops: CropStore | None = None,
    ) -> None:
        self.weights = bundle.name
        self.mel_frames = mel_frames
        self.gatherer = Gatherer(bundle, mel_frames, align=align, max_delay=max_delay)
        self.reader = BandLevels(mel_frames)
        self.looks = Looks(crops)
        self.rejected: list[RejectedTrack] = []
        self.faces: list[FaceSteps] = []


def gather(
    bundle: SyncWeights,
    path: str | os.PathLike[str],
    info: MediaInfo,
    *,
    align: Align,
    max_delay: float,
    audio: str | os.PathLike[str] | None,
    audio_stream: int,
    tracker_name: str,
    warn: Callable[[str], None],
    on_progress: Callable[[float], None] | None = None,
    crops: CropStore | None = None,
) -> Gathered:
    """Read a file once."""
    mel_frames = MelFrames(_audio(path, info, audio, audio_stream, warn))
    got = Gathered(bundle, mel_frames, align=align, max_delay=max_delay, crops=crops)
    face_tracker = tracker[tracker_name](tracker[tracker_name].Config())
    stream = ahead(read_frames(path, max_side=MAX_SIDE, on_warning=warn), 8)
    try:
        for event in face_tracker.track(stream, strips=got.looks):
            if isinstance(event, RejectedTrack):
                got.rejected.append(event)
                got.gatherer.end_track(event.track_id)
                got.looks.end(event.track_id)
                continue
            got.gatherer.take(event)
            got.looks.take(event)
            got.reader.read_to(event.end - 40)
            mel_frames.forget(min(got.reader.position, event.end - 40 - STRETCH - REACH_S - max_delay) - 2)
            if on_progress and info.duration:
                on_progress(min(1.0, event.end / float(info.duration)))
    finally:
        stream.close()
    got.faces = got.gatherer.finish()
    if crops is not None:
        got.faces = [replace(face, crops=crops.reader(face.track_id, face.times())) for face in got.faces]
    got.reader.read_to(float("inf"))
    return got


def _audio(path: Any, info: MediaInfo, audio: Any, stream: int, warn: Callable[[str], None]) -> Iterator[Any]:
    source = path if audio is None else audio
    if audio is None and not info.audio:
        raise NoAudio(f"{os.fspath(path)} has no audio stream; pass --audio FILE")
    if audio is None and len(info.audio) > 1:
        warn(f"{len(info.audio)} audio streams; number {stream} was used")
    return iter(read_audio(source, stream=stream, on_warning=warn))


def _result(
    got: Gathered,
    scorer: SpeakerScorer,
    path: str | os.PathLike[str],
    info: MediaInfo,
    align: Align,
    threshold: float | None,
    config: TimelineConfig,
    warnings: list[str],
    began: float,
    samples: Callable[[float, float], NDArray[np.float32]],
) -> SpeakersResult:
    estimate = got.gatherer.estimate()
    if align == "file" and estimate.verdict is Verdict.CANNOT_TELL and got.faces:
        why = ", ".join(r.value for r in estimate.reasons)
        warnings.append(f"the delay of the file cannot be told ({why}); faces were scored as recorded")
    delay = 0.0 if align == "none" else got.gatherer.file_delay()
    begin, bands = got.reader.steps()
    heard = replace(heard_at(begin, bands, delay, scorer.voice(bands)), samples=samples)
    limit = scorer.threshold if threshold is None else threshold
    scored = scorer.score(got.faces, heard)
    states, voiced = read_states(got.faces, scored, heard, limit, config)
    persons = people(got.faces, got.looks, voices_of(got.faces, states, heard))
    timelines = tuple(
        FaceTimeline(
            track_id=face.track_id,
            person=persons[face.track_id].person,
            person_confidence=persons[face.track_id].confidence,
            shot=face.shot,
            face_size_px=got.gatherer.size_px(face.track_id),
            times=face.times(),
            scores=score.speaking,
            boxes=face.boxes,
            segments=segments(state, face.first),
            delay=got.gatherer.track_estimate(face.track_id),
        )
        for face, score, state in zip(got.faces, scored, states)
    )
    assert info.video is not None
    return SpeakersResult(
        file=os.fspath(path),
        faces=timelines,
        voice=voice_segments(got.faces, states, voiced, heard.first),
        rejected=tuple(got.rejected),
        delay=estimate,
        delay_taken_out=delay,
        align=align,
        scorer=scorer.name,
        score_unit=scorer.unit,
        threshold=limit,
        duration=None if info.duration is None else float(info.duration),
        width=info.video.width,
        height=info.video.height,
        weights=got.weights,
        elapsed=time.perf_counter() - began,
        warnings=tuple(dict.fromkeys(warnings)),
        strips=tuple(got.looks),
        audio_times=np.array(got.mel_frames.level_times),
        audio_level_db=np.array(got.mel_frames.levels),
    )
