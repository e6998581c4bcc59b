"""Where frames and samples come from: a file, or arrays in memory. Read this before `check` and `find_speakers`.

Knows frames and samples on one clock; refuses to know what is measured on them. Whatever takes a path takes a
`MediaSource` inside, so that arrays, files and synthetic clips go the same way.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from fractions import Fraction
from functools import cached_property
from itertools import chain
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from viseme.core.errors import NoAudio, NoVideo
from viseme.media.audio import AudioBlock, Resampler, read_audio
from viseme.media.audio_choice import AudioChoice, VoiceMeasure, choose_audible, loudness
from viseme.media.frames import Frame, read_frames
from viseme.media.info import probe
from viseme.media.search import shown

__all__ = ["RATE", "ArraySource", "FileSource", "MediaSource", "open_source"]

RATE = 16_000
"""Samples per second of all audio that a source hands out."""
Warn = Callable[[str], None]


class MediaSource(Protocol):
    """Frames and audio on one clock; each may be read several times unless it was handed in as an iterator."""

    name: str
    """For results and messages."""
    duration: float | None
    """Seconds; None = not known before it is read."""
    frame_rate: float | None
    """Mean frames per second; the frames' times, not this, are what is used."""
    width: int
    """Pixels of the source frame."""
    height: int
    timecode: str | None
    """Of the first frame, as the file carries it; None = none."""

    def frames(self, *, max_side: int | None = None, on_warning: Warn | None = None) -> Iterator[Frame]:
        """Frames in order, scaled so that the longer side has at most `max_side` pixels."""
        ...

    def audio(self, *, on_warning: Warn | None = None) -> Iterator[AudioBlock]:
        """Mono audio at 16 kHz, in blocks.

        Raises:
            NoAudio: there is none.
        """
        ...

    def samples(self, start: float, end: float) -> NDArray[np.float32]:
        """(S,) audio at 16 kHz between two times, seconds; zeros where there is none."""
        ...


class FileSource:
    """A media file, with its own audio or another file's."""

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        audio: str | os.PathLike[str] | None = None,
        audio_stream: int | None = None,
        voice: VoiceMeasure = loudness,
    ) -> None:
        """Look into the file.

        Args:
            path: Any file with moving frames.
            audio: Another file, whose first sample is taken to belong to the first frame; None = the file itself.
            audio_stream: Which audio stream, from 0; None = see `choose_audible`.
            voice: How much of a stretch of audio is a voice.

        Raises:
            UnreadableMedia: the file cannot be read.
            NoVideo: it has no moving frames.
        """
        info = probe(path)
        if info.video is None or info.video.is_still:
            what = "is a photograph" if info.video is not None else "has no video stream"
            raise NoVideo(f"{shown(path)} {what}; give a video file")
        self._path, self._audio, self._stream, self._voice = path, audio, audio_stream, voice
        self._has_audio = bool(info.audio)
        self.name = os.fspath(path)
        self.duration = None if info.duration is None else float(info.duration)
        self.frame_rate = None if info.video.rate is None else float(info.video.rate)
        self.width, self.height = info.video.width, info.video.height
        self.timecode = info.timecode

    def frames(self, *, max_side: int | None = None, on_warning: Warn | None = None) -> Iterator[Frame]:
        """See `MediaSource.frames`."""
        return read_frames(self._path, max_side=max_side, on_warning=on_warning)

    def audio(self, *, on_warning: Warn | None = None) -> Iterator[AudioBlock]:
        """See `MediaSource.audio`."""
        choice = self.audio_choice
        if choice.note and on_warning is not None:
            on_warning(choice.note)
        return read_audio(self._heard, stream=choice.stream, channel=choice.channel, on_warning=on_warning)

    def samples(self, start: float, end: float) -> NDArray[np.float32]:
        """See `MediaSource.samples`."""
        choice = self.audio_choice
        blocks = read_audio(self._heard, stream=choice.stream, channel=choice.channel, start=start, end=end)
        return _between(blocks, start, end)

    @cached_property
    def audio_choice(self) -> AudioChoice:
        """The stream and channel that are listened to.

        Raises:
            NoAudio: there is none.
        """
        if self._audio is None and not self._has_audio:
            raise NoAudio(f"{shown(self._path)} has no audio stream; pass --audio FILE")
        return choose_audible(self._heard, stream=self._stream, voice=self._voice)

    @property
    def _heard(self) -> str | os.PathLike[str]:
        return self._path if self._audio is None else self._audio


class ArraySource:
    """Frames and samples in memory, or frames from an iterator.

    Example:
        >>> frames = np.zeros((50, 90, 160, 3), np.uint8)
        >>> source = ArraySource(frames, np.arange(50) / 25, np.zeros(96_000), 48_000)
        >>> source.duration, source.width, sum(len(block.samples) for block in source.audio())
        (2.0, 160, 32000)
    """

    def __init__(
        self,
        frames: Iterable[NDArray[np.uint8]],
        times: Sequence[float] | NDArray[np.floating],
        samples: NDArray[Any] | None = None,
        rate: int | None = None,
        *,
        audio_start: float = 0.0,
        name: str = "arrays",
    ) -> None:
        """Take arrays as they are.

        Args:
            frames: (T, H, W, 3) uint8 RGB, or an iterable of T such frames that is read once.
            times: (T,) seconds of the frames, strictly rising.
            samples: (S,) or (S, C): floating at full scale 1, or integers at their own full scale; None = no audio.
            rate: Samples per second, with samples.
            audio_start: Seconds of the first sample, on the clock of `times`.
            name: For results and messages.

        Raises:
            ValueError: shapes, types or times make no sense.
        """
        self._times = np.asarray(times, np.float64)
        if self._times.ndim != 1 or not len(self._times) or not np.all(np.diff(self._times) > 0):
            raise ValueError("times must be (T,) seconds, at least one and strictly rising")
        if isinstance(frames, (np.ndarray, Sequence)) and len(frames) != len(self._times):
            raise ValueError(f"{len(frames)} frames for {len(self._times)} times")
        if (samples is None) != (rate is None):
            raise ValueError("samples and rate belong together: give both, or neither where there is no audio")
        if rate is not None and rate < 1:
            raise ValueError(f"rate must be samples per second, not {rate}")
        self._frames = frames
        first = next(iter(frames), None) if isinstance(frames, (np.ndarray, Sequence)) else self._peek(iter(frames))
        self.height, self.width = _checked(first).shape[:2]
        self._audio = None if samples is None or rate is None else (_mono(np.asarray(samples)), rate)
        self._start = audio_start
        self.name = name
        self.timecode: str | None = None
        num = len(self._times)
        step = float(np.median(np.diff(self._times))) if num > 1 else 0.04
        self.frame_rate: float | None = (num - 1) / (self._times[-1] - self._times[0]) if num > 1 else None
        self.duration: float | None = float(self._times[-1] - self._times[0] + step)

    def _peek(self, frames: Iterator[NDArray[np.uint8]]) -> NDArray[np.uint8] | None:
        """The first frame of an iterator, which is handed out again."""
        first = next(frames, None)
        self._frames = frames if first is None else chain([first], frames)
        return first

    def frames(self, *, max_side: int | None = None, on_warning: Warn | None = None) -> Iterator[Frame]:
        """See `MediaSource.frames`.

        Raises:
            ValueError: a frame is not (H, W, 3) uint8 of the first one's size.
        """
        from viseme.media.images import resize

        longest = max(self.width, self.height)
        scale = 1.0 if max_side is None else min(1.0, max_side / longest)
        size = max(1, round(self.width * scale)), max(1, round(self.height * scale))
        for index, (time, image) in enumerate(zip(self._times, self._frames, strict=True)):
            if _checked(image).shape[:2] != (self.height, self.width):
                raise ValueError(f"frame {index} is {image.shape}; all must be ({self.height}, {self.width}, 3)")
            small = np.ascontiguousarray(image) if scale == 1.0 else resize(image, *size)
            yield Frame(
                index=index,
                time=Fraction(float(time)).limit_denominator(1_000_000),
                image=small,
                scale=size[0] / self.width,
                key=index == 0,
            )

    def audio(self, *, on_warning: Warn | None = None) -> Iterator[AudioBlock]:
        """See `MediaSource.audio`."""
        if self._audio is None:
            raise NoAudio(f"{self.name} have no audio; pass samples and rate")
        samples, rate = self._audio
        resample, begin, done = Resampler(rate, RATE), Fraction(round(self._start * RATE), RATE), 0
        for at in range(0, len(samples), rate):
            piece = resample(samples[at : at + rate])
            if len(piece):
                yield AudioBlock(start=begin + Fraction(done, RATE), samples=piece, rate=RATE)
                done += len(piece)
        if len(rest := resample.flush()):
            yield AudioBlock(start=begin + Fraction(done, RATE), samples=rest, rate=RATE)

    def samples(self, start: float, end: float) -> NDArray[np.float32]:
        """See `MediaSource.samples`."""
        return _between(self.audio(), start, end)


def _checked(image: NDArray[Any] | None) -> NDArray[np.uint8]:
    if image is None:
        raise ValueError("there are no frames")
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
        raise ValueError(f"a frame must be (H, W, 3) uint8 RGB, not {image.shape} {image.dtype}")
    return image


def _mono(samples: NDArray[Any]) -> NDArray[np.float32]:
    """(S,) float32 at full scale 1."""
    if samples.ndim not in (1, 2) or (samples.ndim == 2 and samples.shape[1] > 64):
        raise ValueError(f"samples must be (S,) or (S, C), not {samples.shape}")
    values = samples.astype(np.float32)
    if samples.dtype == np.uint8:
        values = (values - 128) / 128
    elif samples.dtype.kind in "iu":
        values = values / -float(np.iinfo(samples.dtype).min)
    return values if values.ndim == 1 else values.mean(1)


def _between(blocks: Iterable[AudioBlock], start: float, end: float) -> NDArray[np.float32]:
    """(S,) samples of blocks between two times; zeros where there are none."""
    begin = round(start * RATE)
    out = np.zeros(max(0, round((end - start) * RATE)), np.float32)
    for block in blocks:
        at = round(block.start * RATE) - begin
        low, high = max(0, at), min(len(out), at + len(block.samples))
        if high > low:
            out[low:high] = block.samples[low - at : high - at]
    return out


def open_source(
    path: str | os.PathLike[str] | None,
    *,
    audio: str | os.PathLike[str] | None = None,
    audio_stream: int | None = None,
    voice: VoiceMeasure = loudness,
    frames: Iterable[NDArray[np.uint8]] | None = None,
    times: Sequence[float] | NDArray[np.floating] | None = None,
    samples: NDArray[Any] | None = None,
    rate: int | None = None,
    needs_audio: bool = True,
) -> MediaSource:
    """A file, or arrays: what public functions are given.

    Args:
        path: A file; None = the arrays.
        audio: As `FileSource`.
        audio_stream: As `FileSource`.
        voice: As `FileSource`.
        frames: As `ArraySource`, and the rest too.
        times: Seconds of the frames.
        samples: Audio.
        rate: Samples per second.
        needs_audio: Whether samples and rate must be there.

    Raises:
        MediaError: the file cannot be read or has no video.
        ValueError: both a file and arrays are given, or an array is missing.
    """
    arrays = {"frames": frames, "times": times, "samples": samples, "rate": rate}
    needed = list(arrays) if needs_audio else ["frames", "times"]
    missing = [name for name in needed if arrays[name] is None]
    if path is not None:
        if any(value is not None for value in arrays.values()):
            raise ValueError("give a file or arrays, not both")
        return FileSource(path, audio=audio, audio_stream=audio_stream, voice=voice)
    if missing:
        words = f"{', '.join(needed[:-1])} and {needed[-1]}"
        raise ValueError(f"without a file, {words} are needed; {', '.join(missing)} missing")
    if audio is not None or audio_stream is not None:
        raise ValueError("audio and audio_stream belong to a file; arrays bring their samples")
    assert frames is not None
    assert times is not None
    return ArraySource(frames, times, samples, rate)
