"""`viseme.check`: one clip in, one delay with its evidence out, in constant memory.

Knows the order of the work: media -> faces -> lip motion -> evidence -> verdict. Refuses to know how any of it is done.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing, nullcontext
from typing import Any

import numpy as np
from numpy.typing import NDArray

from viseme.audio.mel_frames import MelFrames
from viseme.audio.voice_activity import voice_fraction
from viseme.core.errors import ConfigError
from viseme.core.results import CheckResult
from viseme.engine.prefetch import prefetch
from viseme.faces import FaceEvent, FaceThumbnails
from viseme.faces import tracker as trackers
from viseme.media.source import MediaSource, open_source
from viseme.sync.checkpoint import SyncWeights, load_sync_weights
from viseme.sync.comparer import crop_recorder_for
from viseme.sync.estimator import EstimatorConfig
from viseme.sync.inputs.interface import visual_inputs
from viseme.sync.measurement import DelayMeasurement, Measured

__all__ = ["MAX_SIDE", "check", "check_source", "check_tracks"]

MAX_SIDE = 1280
"""Frames are scaled so that the longer side has at most this many pixels before faces are sought."""
NUM_AHEAD = 8
"""Frames decoded before they are asked for."""


def check(
    path: str | os.PathLike[str] | None = None,
    *,
    frames: Iterable[NDArray[np.uint8]] | None = None,
    times: Sequence[float] | NDArray[np.floating] | None = None,
    samples: NDArray[Any] | None = None,
    rate: int | None = None,
    audio: str | os.PathLike[str] | None = None,
    audio_stream: int | None = None,
    max_delay: float = 2.0,
    input: str = "landmarks",
    weights: str | os.PathLike[str] | None = None,
    tracker: str = "mediapipe",
    in_sync_band: tuple[float, float] = (-0.045, 0.125),
    evidence: bool = False,
    on_progress: Callable[[float], None] | None = None,
) -> CheckResult:
    """Measure how late the audio of a video is, from the lips of the people in it.

    Args:
        path: Any file with moving frames; None = arrays are given instead.
        frames: (T, H, W, 3) uint8 RGB, or an iterable of T such frames, in place of a file.
        times: (T,) seconds of the frames, strictly rising; needed with `frames`.
        samples: (S,) or (S, C) audio, its first sample at time zero; floating at full scale 1, or integers; needed
            with `frames`.
        rate: Samples per second; needed with `frames`.
        audio: Audio from another file, whose first sample is taken to belong to the first frame.
        audio_stream: Which audio stream of the file, from 0; None = the default one, or the first that holds a voice.
        max_delay: Largest delay searched either way, seconds.
        input: What the video stream sees: "landmarks", "mesh", "beta", "raw", "rgb" or "rgbd"; weights that are given
            decide for themselves, and for the last four they must be given.
        weights: Name or file of other weights; None = those that ship.
        tracker: Face tracker, by name.
        in_sync_band: Delays that count as in sync, seconds.
        evidence: Keep what the report draws.
        on_progress: Told the fraction done, 0 to 1, now and then.

    Returns:
        The delay (positive = audio later than the video), its 95 % interval and probability, or "cannot tell" with
        reasons; every face used and every face rejected.

    Raises:
        MediaError: the file cannot be read, has no video, or has no audio.
        WeightsError: weights are missing or damaged.
        ConfigError: an option is out of its range.
        ValueError: both a file and arrays are given, or arrays that do not fit together.
    """
    config = EstimatorConfig(max_delay=max_delay, in_sync_band=in_sync_band)
    name = os.fspath(weights) if weights is not None else _default_weights(input)
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
    loaded = load_sync_weights(name)
    if input != "landmarks" and loaded.input_mode != input:
        raise ConfigError(
            f"{loaded.name} sees {loaded.input_mode}, not {input}; leave --input out or pass other weights"
        )
    return check_source(loaded, source, config=config, tracker=tracker, evidence=evidence, on_progress=on_progress)


def _default_weights(mode: str) -> str | None:
    """Name of the weights that ship for an input; None = the default ones."""
    visual_inputs[mode]  # an unknown name is an error that lists the known ones
    if mode not in ("landmarks", "mesh"):
        raise ConfigError(
            f"no weights for --input {mode} come with this package; train them with viseme train sync --input {mode} "
            "and pass --weights FILE"
        )
    return None if mode == "landmarks" else f"sync-{mode}"


def check_source(
    weights: SyncWeights,
    source: MediaSource,
    *,
    config: EstimatorConfig | None = None,
    tracker: str = "mediapipe",
    evidence: bool = False,
    on_progress: Callable[[float], None] | None = None,
) -> CheckResult:
    """`check` of any source with weights that are loaded: for many clips, and for clips made in memory.

    Args:
        weights: Sync models, and the input that they see.
        source: Frames and audio, see `viseme.media.source`.
        config: What is searched, and what counts as in sync.
        tracker: Face tracker, by name.
        evidence: As `check`.
        on_progress: As `check`.

    Raises:
        MediaError: the source cannot be read, or has no audio.
    """
    began = time.perf_counter()
    warnings: list[str] = []
    audio = MelFrames(source.audio(on_warning=warnings.append))
    thumbnails = FaceThumbnails() if evidence else None
    with crop_recorder_for(weights) or nullcontext() as crops:
        measurement = DelayMeasurement(weights, audio, config or EstimatorConfig(), crops=crops)
        follower = trackers[tracker](trackers[tracker].Config())
        observers = [observer for observer in (thumbnails, crops) if observer is not None]
        with closing(prefetch(source.frames(max_side=MAX_SIDE, on_warning=warnings.append), NUM_AHEAD)) as frames:
            for event in follower.track(frames, observers=observers):
                measurement.take(event)
                if on_progress and source.duration:
                    on_progress(min(1.0, event.end / source.duration))
        measured = measurement.finish(thumbnails=thumbnails)
    return _result(weights, source, measured, warnings, time.perf_counter() - began)


def check_tracks(
    weights: SyncWeights,
    events: Iterable[FaceEvent],
    audio: MelFrames,
    *,
    config: EstimatorConfig | None = None,
    evidence: bool = False,
) -> Measured:
    """What `check` answers for faces that were followed before, for benches and trainers: no pixels are needed.

    Args:
        weights: Sync models of an input that needs no pixels.
        events: Chunks of tracks in order of their ends, and rejected ones.
        audio: Of the clip, on the same clock; it is read to its end.
        config: What is searched, and what counts as in sync.
        evidence: Also the curves, without images.

    Example:
        >>> from viseme.sync.checkpoint import load_sync_weights
        >>> silence = MelFrames.of_samples(np.zeros(16_000))
        >>> check_tracks(load_sync_weights(), [], silence).estimate.words
        'cannot tell (no face)'
    """
    measurement = DelayMeasurement(weights, audio, config or EstimatorConfig())
    for event in events:
        measurement.take(event)
    return measurement.finish(thumbnails=FaceThumbnails() if evidence else None)


def _result(
    weights: SyncWeights, source: MediaSource, measured: Measured, warnings: list[str], elapsed: float
) -> CheckResult:
    return CheckResult(
        file=source.name,
        estimate=measured.estimate,
        tracks=measured.tracks,
        rejected=measured.rejected,
        duration=source.duration,
        frame_rate=source.frame_rate,
        width=source.width,
        height=source.height,
        timecode=source.timecode,
        input_mode=weights.input_mode,
        weights=weights.name,
        elapsed=elapsed,
        warnings=tuple(dict.fromkeys(warnings)),
        evidence=measured.evidence,
    )
