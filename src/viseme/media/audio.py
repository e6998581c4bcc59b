"""Audio as a stream: mono samples on an even grid that keeps the stream's own start. Knows no frames."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import av
import numpy as np
from av.error import FFmpegError
from numpy.typing import NDArray

from viseme.core.errors import NoAudio, UnreadableMedia
from viseme.core.time import as_seconds, format_time
from viseme.media.files import WarningSink, open_media
from viseme.media.info import decoded, first_frame_time, stamp, video_stream
from viseme.media.search import shown
from viseme.media.stamps import LEAP_S, StampRepair, has_index, packets_from, read_packets
from viseme.media.timing import AudioClock

__all__ = ["AudioBlock", "Resampler", "join_blocks", "read_audio"]

PREROLL = Fraction(1)
"""Seconds decoded and thrown away before a wanted start, so that the codec has settled."""

_CHANNEL_WEIGHTS = {"FC": 1.0, "LFE": 0.0, "LFE2": 0.0, "BL": 0.5, "BR": 0.5, "SL": 0.5, "SR": 0.5, "BC": 0.5}
"""Share of a loudspeaker in the mono mix; the front pair and anything unknown take 0.7071."""


@dataclass(frozen=True, kw_only=True, eq=False)
class AudioBlock:
    """A stretch of mono audio; sample `k` lies at `start + k / rate` seconds."""

    start: Fraction
    """Exact seconds from the file's first frame (its first sample without frame); may be negative."""
    samples: NDArray[np.float32]
    """(S,) in [-1, 1]."""
    rate: int
    """Samples per second."""

    @property
    def end(self) -> Fraction:
        """Seconds just after the last sample."""
        return self.start + Fraction(len(self.samples), self.rate)


def planes(frame: Any) -> NDArray[np.float32]:
    """Samples of a decoded frame, (channels, S) float32 in [-1, 1]."""
    data = frame.to_ndarray()
    if not frame.format.is_planar:
        data = data.reshape(-1, frame.layout.nb_channels).T
    if data.dtype == np.uint8:
        return (data.astype(np.float32) - np.float32(128)) / np.float32(128)
    if data.dtype.kind == "i":
        return (data / -float(np.iinfo(data.dtype).min)).astype(np.float32)
    return data.astype(np.float32, copy=False)


def layout_name(frame: Any) -> str:
    """The loudspeakers of a frame; where the file does not name them, the usual ones for their number."""
    num = frame.layout.nb_channels
    name = frame.layout.name or "channels"
    return {1: "mono", 2: "stereo", 6: "5.1", 8: "7.1"}.get(num, name) if "channels" in name else name


def mono(frame: Any, channel: int | None = None) -> NDArray[np.float32]:
    """One loudspeaker of a frame, or all mixed to one, (S,), never louder than full scale."""
    data = planes(frame)
    if channel is not None and channel < len(data):
        return data[channel]
    if len(data) == 1:
        return data[0]
    if len(frame.layout.channels) != len(data):
        return data.mean(0, dtype=np.float32)
    weights = np.array([_CHANNEL_WEIGHTS.get(c.name, math.sqrt(0.5)) for c in frame.layout.channels], np.float32)
    return ((weights / max(float(weights.sum()), 1e-6)) @ data).astype(np.float32)


def read_audio(
    path: str | os.PathLike[str],
    *,
    rate: int = 16000,
    stream: int = 0,
    channel: int | None = None,
    start: Fraction | float | None = None,
    end: Fraction | float | None = None,
    on_warning: Callable[[str], None] | None = None,
) -> Iterator[AudioBlock]:
    """Decode one audio stream to mono at `rate`, in blocks of about a second that join without a seam.

    Time stamps are kept: a stream that starts before or after the first frame gives blocks that do too. Encoder
    padding that the container declares is left out. Holes longer than 20 ms are filled with zeros, overlaps cut. Where
    the stamps leap by more than 10 s nothing is put into the gap: the next block begins that much later. Where they
    start over they go on after what came before, as those of `read_frames` do.

    Args:
        rate: Samples per second wanted.
        stream: Which audio stream, as `probe` numbers them.
        channel: Only this one of its channels; None = all mixed. See `audio_choice.choose_audible`.
        start: Seconds; samples before are left out.
        end: Seconds; samples at or after are left out.
        on_warning: Told, in one line each, of gaps, overlaps and damage.

    Raises:
        NoAudio: there is no such stream.
        UnreadableMedia: not media, or damaged before the first sample.
        ValueError: `rate` or `stream` makes no sense.
    """
    if rate < 1 or stream < 0:
        raise ValueError(f"rate must be positive and stream not negative, got {rate}, {stream}")
    first = None if start is None else as_seconds(start)
    last = None if end is None else as_seconds(end)
    wanted = _Wanted(rate, stream, channel, first, last)
    blocks = _resampled(path, wanted, WarningSink(on_warning), first is not None)
    return _evened(_clipped(blocks, rate, first, last), rate)


def choose_audio(container: Any, path: str | os.PathLike[str], index: int) -> Any:
    """The audio stream with that number, or `NoAudio` with what there is."""
    streams = container.streams.audio
    if not streams:
        raise NoAudio(f"{shown(path)} has no audio stream; pass --audio FILE")
    if index >= len(streams):
        there = ", ".join(f"{i} ({s.language or 'no language'})" for i, s in enumerate(streams))
        raise NoAudio(f"{shown(path)} has no audio stream {index}; choose among {there}")
    if streams[index].codec_context is None:
        raise NoAudio(f"{shown(path)}: the codec of audio stream {index} is not known here; pass --audio FILE")
    return streams[index]


class AudioReader:
    """Frames of one audio stream with their container-clock seconds, and what went wrong on the way."""

    def __init__(self, container: Any, stream: Any) -> None:
        self._container = container
        self._stream = stream
        self.problems: list[Exception] = []
        self.num_skipped = 0
        """Damaged packets with good ones after them."""
        self.repair = StampRepair()
        self.begin: Fraction | None = None
        """Container-clock seconds before which packets are left out, where the container cannot seek."""

    def __iter__(self) -> Iterator[Any]:
        packets = read_packets(self._container, self.repair)
        if self.begin is not None:
            packets = packets_from(packets, self._stream, self.begin)
        while True:
            try:
                packet = next(packets, None)
            except (FFmpegError, OSError) as error:
                self.problems.append(error)
                return
            if packet is None:
                return
            if packet.stream.index != self._stream.index:
                continue
            for frame in decoded(packet, self.problems):
                if frame.samples:
                    self.num_skipped = len(self.problems)
                    yield frame

    def warn(self, name: str, at: Fraction, warn: WarningSink) -> None:
        """Report what was met up to second `at`."""
        if len(self.problems) > self.num_skipped:
            warn(f"{name}: the audio is damaged after {format_time(at)}; what came before was used")
        if self.num_skipped:
            warn(f"{name}: {self.num_skipped} damaged audio packets were skipped")


class Resampler:
    """Mono float samples at one rate -> another, first sample on first sample."""

    def __init__(self, source: int, target: int) -> None:
        self._source, self._count = source, 0
        self._inner = av.AudioResampler(format="flt", layout="mono", rate=target) if source != target else None

    def __call__(self, samples: NDArray[np.float32]) -> NDArray[np.float32]:
        if self._inner is None or not len(samples):
            return samples
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples[None], np.float32), "flt", "mono")
        frame.sample_rate, frame.time_base, frame.pts = self._source, Fraction(1, self._source), self._count
        self._count += len(samples)
        return self._joined(self._inner.resample(frame))

    def flush(self) -> NDArray[np.float32]:
        """What is still inside."""
        if self._inner is None or not self._count:
            return np.zeros(0, np.float32)
        return self._joined(self._inner.resample(None))

    @staticmethod
    def _joined(frames: list[Any]) -> NDArray[np.float32]:
        parts = [f.to_ndarray().reshape(-1) for f in frames if f is not None]
        return np.concatenate(parts) if parts else np.zeros(0, np.float32)


class AudioPlacer:
    """Decoded frames of one stream -> mono samples at one rate on an even grid: holes filled, overlaps cut."""

    def __init__(self, rate: int, channel: int | None = None) -> None:
        """`rate`: samples per second wanted; `channel`: see `mono`."""
        self.rate, self._channel = rate, channel
        self.clock: AudioClock | None = None
        """Of the source; its start is that of the first frame since the rate last changed."""
        self._resample: Resampler | None = None
        self._sent = 0

    def take(self, frame: Any) -> Iterator[tuple[Fraction, NDArray[np.float32]]]:
        """(container-clock seconds, samples), contiguous as long as the stream keeps its rate and does not leap."""
        at = stamp(frame)
        leaps = self.clock is not None and at is not None and at - self.clock.now > LEAP_S
        if self.clock is None or leaps or frame.sample_rate != self.clock.rate:
            yield from self.flush()
            now = None if self.clock is None or leaps else self.clock.now
            self.clock = AudioClock(frame.sample_rate, start=now)
            self._resample, self._sent = Resampler(frame.sample_rate, self.rate), 0
        assert self._resample is not None
        zeros, cut = self.clock.place(at, frame.samples)
        for piece in (*_silence(zeros, self.clock.rate), mono(frame, self._channel)[cut:]):
            yield from self._stamped(self._resample(piece))

    def flush(self) -> Iterator[tuple[Fraction, NDArray[np.float32]]]:
        """What is still inside."""
        if self._resample is not None:
            yield from self._stamped(self._resample.flush())

    def _stamped(self, samples: NDArray[np.float32]) -> Iterator[tuple[Fraction, NDArray[np.float32]]]:
        if len(samples):
            assert self.clock is not None
            assert self.clock.start is not None
            yield self.clock.start + Fraction(self._sent, self.rate), samples
            self._sent += len(samples)


@dataclass(frozen=True)
class _Wanted:
    """What of a file is read."""

    rate: int
    stream: int
    channel: int | None
    start: Fraction | None
    end: Fraction | None


def _resampled(
    path: str | os.PathLike[str],
    what: _Wanted,
    warn: WarningSink,
    seek: bool,
) -> Iterator[tuple[Fraction, NDArray[np.float32]]]:
    """(seconds, samples), contiguous as long as the stream keeps its rate."""
    start, end, index = what.start, what.end, what.stream
    name = shown(path)
    with open_media(path) as container:
        stream = choose_audio(container, path, index)
        origin = first_frame_time(path) if video_stream(container) is not None else None
        if seek and origin is None:
            origin = _first_audio_time(path)
        wanted = None if not seek or origin is None or start is None else origin + start
        reader = AudioReader(container, stream)
        if wanted is not None and not has_index(container):
            reader.begin = wanted - PREROLL
        elif wanted is not None and not _seek(container, stream, wanted - PREROLL):
            wanted = None
        placer = AudioPlacer(what.rate, what.channel)
        for frame in reader:
            at = stamp(frame)
            if wanted is not None and at is not None and at > wanted:  # the index led too far: read from the front
                yield from _resampled(path, what, warn, False)
                return
            wanted = None
            for begin, samples in placer.take(frame):
                origin = begin if origin is None else origin
                yield begin - origin, samples
            clock = placer.clock
            assert clock is not None
            assert clock.start is not None
            origin = clock.start if origin is None else origin
            _tell(name, clock, origin, warn, reader.repair)
            if end is not None and clock.now - origin > end + PREROLL:
                break
        if wanted is not None and placer.clock is None:  # the wanted time lies past the end, or the index is wrong
            yield from _resampled(path, what, warn, False)
            return
        if placer.clock is None or origin is None:
            detail = f" ({reader.problems[0]})" if reader.problems else ""
            raise UnreadableMedia(f"{name}: audio stream {index} is damaged before its first sample{detail}")
        for begin, samples in placer.flush():
            yield begin - origin, samples
        for note in reader.repair.notes(float(origin)):
            warn(f"{name}: {note}")
        reader.warn(name, placer.clock.now - origin, warn)


def _silence(num: int, rate: int) -> Iterator[NDArray[np.float32]]:
    """`num` zeros in pieces of at most a second."""
    for done in range(0, num, rate):
        yield np.zeros(min(rate, num - done), np.float32)


def _tell(name: str, clock: AudioClock, origin: Fraction, warn: WarningSink, repair: StampRepair) -> None:
    gaps, overlaps = (
        [at for at in found if not repair.restarts_near(float(at[0]))] for found in (clock.gaps, clock.overlaps)
    )
    for at, length in gaps:
        ms = round(length * 1000)
        warn(f"{name}: a gap of {ms} ms in the audio at {format_time(at - origin)} was filled with silence")
    for at, length in overlaps:
        ms = round(length * 1000)
        warn(f"{name}: audio stamped {ms} ms twice at {format_time(at - origin)}; the repetition was cut")
    clock.gaps.clear()
    clock.overlaps.clear()


def _first_audio_time(path: str | os.PathLike[str]) -> Fraction | None:
    """Container-clock seconds of the first sample of the first stream of a file without frames."""
    with open_media(path) as container:
        frame = next(iter(AudioReader(container, choose_audio(container, path, 0))), None)
        return None if frame is None else stamp(frame)


def _seek(container: Any, stream: Any, at: Fraction) -> bool:
    """Go to a packet before `at` (container-clock seconds); False where that is the front, or the container cannot."""
    if at <= Fraction(container.start_time or 0, av.time_base):
        return False
    try:
        container.seek(int(at / Fraction(stream.time_base)), stream=stream, backward=True)
    except (FFmpegError, OSError):
        return False
    return True


def _clipped(
    blocks: Iterator[tuple[Fraction, NDArray[np.float32]]], rate: int, start: Fraction | None, end: Fraction | None
) -> Iterator[tuple[Fraction, NDArray[np.float32]]]:
    """Only samples whose time lies in [start, end)."""
    for at, samples in blocks:
        low = 0 if start is None else max(0, math.ceil((start - at) * rate))
        high = len(samples) if end is None else min(len(samples), math.ceil((end - at) * rate))
        if low < high:
            yield at + Fraction(low, rate), samples[low:high]


def _evened(blocks: Iterator[tuple[Fraction, NDArray[np.float32]]], rate: int) -> Iterator[AudioBlock]:
    """Joins pieces to blocks of one second; a block never reaches over a seam."""
    held: list[NDArray[np.float32]] = []
    begin = Fraction(0)
    num = 0
    for at, samples in blocks:
        if held and at != begin + Fraction(num, rate):
            yield _block(begin, held, rate)
            held, num = [], 0
        if not held:
            begin = at
        held.append(samples)
        num += len(samples)
        while num >= rate:
            joined = np.concatenate(held)
            yield _block(begin, [joined[:rate]], rate)
            begin += 1
            held, num = [joined[rate:]], num - rate
    if num:
        yield _block(begin, held, rate)


def join_blocks(blocks: Sequence[AudioBlock]) -> tuple[NDArray[np.float32], Fraction]:
    """(S,) samples of one or more blocks as one array, zeros where the audio breaks off; seconds of the first."""
    start, last = blocks[0].start, blocks[-1]
    samples = np.zeros(round((last.start - start) * last.rate) + len(last.samples), np.float32)
    for block in blocks:
        at = round((block.start - start) * block.rate)
        samples[at : at + len(block.samples)] = block.samples
    return samples, start


def _block(start: Fraction, parts: list[NDArray[np.float32]], rate: int) -> AudioBlock:
    samples = np.clip(np.concatenate(parts), -1, 1).astype(np.float32, copy=False)
    return AudioBlock(start=start, samples=samples, rate=rate)
