"""`viseme.find_speakers_live`: a stream in, who speaks now out, a stated time behind the newest frame.

Knows the stream, the machine that may be too slow for it, and what is told; `stream` does the work.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import BinaryIO, Literal

from viseme.core.errors import ConfigError
from viseme.core.live import LiveEnd, LiveHeader, LiveStep
from viseme.engine.bounded_queue import BoundedQueue
from viseme.media import AudioBlock, Frame
from viseme.media.live import LiveMedia
from viseme.speakers.interface import load_scorer
from viseme.speakers.stream import LiveWork
from viseme.sync.checkpoint import load_sync_weights
from viseme.sync.pipeline import MAX_SIDE

__all__ = ["LiveSpeakers", "find_speakers_live"]

WAITING = 25
"""Frames that may wait to be looked at."""
PATIENCE_S = 0.5
"""Seconds behind real time from which frames are dropped."""


def find_speakers_live(
    source: str | os.PathLike[str] | BinaryIO,
    *,
    every: float = 0.2,
    latency: float | None = None,
    align: Literal["none", "file"] = "file",
    delay: float | None = None,
    scorer: str = "head",
    scorer_weights: str | os.PathLike[str] | None = None,
    threshold: float | None = None,
    max_delay: float = 0.45,
    audio_stream: int | None = None,
    weights: str | os.PathLike[str] | None = None,
    tracker: str = "mediapipe",
    keep_frames: bool = False,
    on_warning: Callable[[str], None] | None = None,
) -> LiveSpeakers:
    """Find who speaks while a stream comes in, some seconds behind it: how many, `header.latency_s` says.

    Args:
        source: "-" for standard input, a named pipe, a file that still grows, or an open binary file with a
            descriptor. Frames and audio in one container that is read without going back: Matroska, MPEG-TS,
            fragmented MP4.
        every: Seconds between steps, rounded to multiples of 40 ms.
        latency: Seconds behind the newest frame at which a step is told; None = as many as all parts ask for
            (`header.context_s`), so that scores are those of `find_speakers`. With less they are rougher.
        align: "file": the delay of the audio is estimated from everything heard so far, and taken out as soon as it
            can be told (a camera has one delay, so what the first seconds taught holds for the rest); "none": scored
            as recorded.
        delay: Seconds by which the audio is late, instead of an estimate.
        scorer: "head", "evidence", "cosine", or another registered one that works without pixels.
        scorer_weights: Name or file of its weights, for a scorer that has some.
        threshold: Score from which a face is called speaking; None = the scorer's own.
        max_delay: Largest delay considered either way, seconds; the latency holds it.
        audio_stream: Which audio stream, from 0; None = the one that the source marks as default.
        weights: Name or file of other sync weights; None = those that ship.
        tracker: Face tracker, by name.
        keep_frames: Let the source wait where this machine is slower than real time (a film through a pipe) instead
            of dropping frames (a camera). Audio is never dropped.
        on_warning: Told, in one line each, what goes wrong on the way.

    Returns:
        An iterator of `LiveStep`, with a `header`, and an `end` when it is through. Close it when leaving early.

    Raises:
        MediaError: the stream cannot be read, has no video, or has no audio.
        WeightsError: weights are missing or damaged.
        ConfigError: an option is out of its range.
    """
    if align not in ("none", "file"):
        raise ConfigError(f"align is {align!r}; a stream has one delay: choose file or none")
    loaded, chosen = (
        load_sync_weights(None if weights is None else os.fspath(weights)),
        load_scorer(scorer, scorer_weights),
    )
    work = LiveWork(
        loaded,
        chosen,
        every=every,
        latency=latency,
        delays=(-max_delay, max_delay) if align == "file" and delay is None else (delay or 0.0, delay or 0.0),
        threshold=threshold,
        tracker_name=tracker,
    )
    warnings: list[str] = []

    def warn(text: str) -> None:
        warnings.append(text)
        if on_warning is not None:
            on_warning(text)

    trained_on = getattr(chosen, "sync", None)
    if trained_on not in (None, loaded.name):
        warn(f"the scorer {chosen.name} was trained on the scores of {trained_on}, not of {loaded.name}")
    media = LiveMedia(source, max_side=MAX_SIDE, audio_stream=audio_stream, on_warning=warn)
    name = align if delay is None else "given"
    return LiveSpeakers(work, media, align=name, keep_frames=keep_frames, warnings=warnings, warn=warn)


class LiveSpeakers(Iterator[LiveStep]):
    """Steps of an open stream, as they become final."""

    def __init__(
        self,
        work: LiveWork,
        media: LiveMedia,
        *,
        align: str,
        keep_frames: bool,
        warnings: list[str],
        warn: Callable[[str], None],
    ) -> None:
        self.header: LiveHeader = work.header(media.name, align, media.size)
        self._work, self._media, self._warnings, self._warn = work, media, warnings, warn
        patience = None if keep_frames else PATIENCE_S
        self._queue: BoundedQueue[Frame | AudioBlock] = BoundedQueue(media, _moment, size=WAITING, patience=patience)
        self._told = 0
        self._steps = work.steps(self._queue)

    def __next__(self) -> LiveStep:
        step = next(self._steps)
        dropped = self._queue.num_dropped
        if dropped > 2 * self._told:  # on the first, and each time their number has doubled
            self._told = dropped
            self._warn(
                f"this machine is slower than real time: {self._queue.seconds:.1f} s wait at {step.time:.1f} s, "
                f"{dropped} frames were dropped; scores are rougher"
            )
        return replace(step, backlog_s=self._queue.seconds, dropped=dropped)

    @property
    def end(self) -> LiveEnd:
        """What was done so far; all of it when the iterator has ended."""
        return LiveEnd(
            duration=max(self._work.faces.now, 0.0),
            frames=self._work.num_frames,
            dropped=self._queue.num_dropped,
            delay=self._work.delay,
            warnings=tuple(dict.fromkeys(self._warnings)),
        )

    def close(self) -> None:
        """Stop reading."""
        if self._queue.close(self._media.stop):
            self._media.close()


def _moment(item: Frame | AudioBlock) -> float | None:
    return float(item.time) if isinstance(item, Frame) else None
