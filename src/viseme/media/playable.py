"""A short, small excerpt of a file that every browser plays, its audio where it is in the file.

Always encoded again: what browsers make of edit lists and of audio that begins late differs.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from viseme.core.errors import NoVideo
from viseme.core.playable import PlayableClip
from viseme.media.audio import AudioBlock, read_audio
from viseme.media.audio_choice import VoiceMeasure, choose_audible, loudness
from viseme.media.frames import Frame, read_frames
from viseme.media.info import probe
from viseme.media.search import shown
from viseme.media.writer import VideoWriter, has_encoder

__all__ = ["MOST_SECONDS", "liveliest_start", "playable_clip"]

MOST_SECONDS = 10.0
MOST_SIDE = 480
"""Pixels of the longer side."""
MOST_RATE = 30
"""Frames per second."""
AUDIO_RATE = 48000
LISTENED = 60.0
"""Seconds around the middle in which the liveliest part is looked for."""
QUALITY = 27
"""crf of libx264."""


def liveliest_start(
    path: str | os.PathLike[str], start: float, end: float, *, stream: int | None = None, voice: VoiceMeasure = loudness
) -> float:
    """Seconds where the `MOST_SECONDS` with most voice begin, near the middle of a stretch.

    Args:
        path: A file with audio.
        start, end: Seconds; the stretch.
        stream: Which audio stream; None = as `choose_audible` chooses.
        voice: How much of a stretch of audio is a voice.

    Raises:
        NoAudio: there is none.
        UnreadableMedia: the file cannot be read.
    """
    middle = (start + end) / 2
    low, high = max(start, middle - LISTENED / 2), min(end, middle + LISTENED / 2)
    central = max(low, middle - MOST_SECONDS / 2)
    if high - low <= MOST_SECONDS + 1:
        return central
    heard = choose_audible(path, stream=stream, voice=voice)
    blocks = read_audio(path, stream=heard.stream, channel=heard.channel, start=low, end=high)
    amounts = {float(b.start): voice(b.samples) for b in blocks}
    starts = [low + step for step in range(int(high - low - MOST_SECONDS) + 1)]

    def voiced(begin: float) -> float:
        return sum(a for at, a in amounts.items() if begin - 0.5 <= at < begin + MOST_SECONDS - 0.5)

    return max(starts, key=lambda begin: (voiced(begin), -abs(begin - central)))


def playable_clip(
    path: str | os.PathLike[str],
    *,
    start: float = 0.0,
    audio: str | os.PathLike[str] | None = None,
    stream: int | None = None,
    voice: VoiceMeasure = loudness,
) -> PlayableClip:
    """At most `MOST_SECONDS` of a file as H.264 and AAC in MP4; VP8 and Opus in WebM where FFmpeg has no x264.

    Args:
        path: A file with moving frames.
        start: Seconds from its first frame.
        audio: Take the audio from this file; its first sample belongs with the first frame.
        stream: Which audio stream; None = as `choose_audible` chooses.
        voice: How much of a stretch of audio is a voice.

    Raises:
        NoVideo: there is no frame at `start` or after.
        UnreadableMedia: the file cannot be read.
        OutputError: this FFmpeg can encode neither.
    """
    begin, end = Fraction(start), Fraction(start) + Fraction(MOST_SECONDS)
    info = probe(path)
    frames = _thinned(read_frames(path, max_side=MOST_SIDE, start=begin, end=end))
    first = next(frames, None)
    if first is None:
        raise NoVideo(f"{shown(path)} has no frame after {start:.1f} s")
    source = path if audio is None else audio
    heard = choose_audible(source, stream=stream, voice=voice) if probe(source).audio else None
    height, width = (side // 2 * 2 for side in first.image.shape[:2])
    rate = (info.video.rate if info.video is not None else None) or Fraction(25)
    suffix, mime, codec = (".mp4", "video/mp4", "libx264")
    if not has_encoder(codec):
        suffix, mime, codec = (".webm", "video/webm", "libvpx")
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / f"clip{suffix}"
        audio_rate = None if heard is None else AUDIO_RATE
        with VideoWriter(
            out, width=width, height=height, rate=min(rate, MOST_RATE), audio_rate=audio_rate, codec=codec, crf=QUALITY
        ) as video:
            last = first
            for last in _and(first, frames):
                video.write(last.image[:height, :width], last.time - first.time)
            length = last.time - first.time + 1 / rate
            if heard is not None:
                part: dict[str, Any] = {"start": first.time, "end": first.time + length}
                blocks = read_audio(source, rate=AUDIO_RATE, stream=heard.stream, channel=heard.channel, **part)
                video.write_audio(_whole(blocks, first.time, length), 0)
        data = out.read_bytes()
    return PlayableClip(
        start=float(first.time), duration=float(length), width=width, height=height, mime=mime, data=data
    )


def _thinned(frames: Iterator[Frame]) -> Iterator[Frame]:
    """At most `MOST_RATE` frames a second."""
    due = Fraction(-1)
    for frame in frames:
        if frame.time >= due:
            yield frame
            due = frame.time + Fraction(9, 10) / MOST_RATE


def _and(first: Frame, rest: Iterator[Frame]) -> Iterator[Frame]:
    yield first
    yield from rest


def _whole(blocks: Iterator[AudioBlock], start: Fraction, length: Fraction) -> NDArray[np.float32]:
    """(S,) samples from `start` on; zeros where there are none, so that players need not know of a late beginning."""
    out = np.zeros(round(length * AUDIO_RATE), np.float32)
    for block in blocks:
        at = round((block.start - start) * AUDIO_RATE)
        low, high = max(0, at), min(len(out), at + len(block.samples))
        if high > low:
            out[low:high] = block.samples[low - at : high - at]
    return out
