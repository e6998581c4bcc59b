"""Moving the sound of a video against its picture without touching the picture. Knows containers, not lips."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.error import FFmpegError
from av.stream import Disposition
from numpy.typing import NDArray

from viseme.core.errors import NoAudio, NoVideo, OutputError, UnreadableMedia
from viseme.core.time import as_seconds, format_time
from viseme.media.files import OutputFile, WarningSink, open_media, reason, replacing, shown
from viseme.media.info import picture_stream, probe
from viseme.media.placement import TOLERANCE, misplacement, window
from viseme.media.sound import choose_sound
from viseme.media.soundtrack import Soundtrack, codec_family
from viseme.media.writer import MOV_FAMILY, holds_sound, muxer_for, open_output

__all__ = ["ShiftReport", "shift_sound"]

STAMPED = (*MOV_FAMILY, "matroska", "webm", "mpegts", "mpeg", "nut")
"""Muxers whose players honour the time stamps of sound; the others count samples from the beginning."""

MOST_HELD = 256
"""Packets held back at the beginning until a decoding stamp is known."""

FINEST = 48000
"""Ticks per second that are fine enough for any shift."""

LONG_PACKET = Fraction(12, 100)
"""Seconds; longer packets are not dropped whole where sound must begin earlier, but cut by re-encoding."""


@dataclass(frozen=True, kw_only=True)
class ShiftReport:
    """What `shift_sound` did."""

    out: Path
    method: str
    """"timestamps" (nothing was re-encoded) or "re-encoded sound"."""
    shift: Fraction
    """Seconds by which the sound was moved; positive = it plays later."""
    warnings: tuple[str, ...] = ()
    """What could not be kept, in one line each."""


class _Misplaced(Exception):
    """The sound did not end where it should."""


@dataclass(frozen=True, kw_only=True)
class _Job:
    """One order, resolved."""

    path: Path
    out: Path
    shift: Fraction
    sound_path: Path
    """The file whose sound is used."""
    replaced: bool
    """The sound comes from another file."""
    chosen: tuple[int, ...]
    """Sound streams of `sound_path` that move."""
    zero: Fraction
    """Container-clock seconds of the source that become second 0 of the output."""
    sound_zero: Fraction
    """Seconds to add to the sound file's clock (before `shift`) to get seconds of the output."""
    picture: Fraction
    """Output seconds of the first picture."""


def shift_sound(
    path: str | os.PathLike[str],
    out: str | os.PathLike[str],
    *,
    shift: Fraction | float,
    audio_file: str | os.PathLike[str] | None = None,
    stream: int | None = None,
) -> ShiftReport:
    """Write `path` to `out` with its sound moved; pictures are copied bit by bit.

    Where the container carries time stamps only these change. AVI and other containers that count sound from the
    beginning get their sound re-encoded (lossless if it was, else the same codec at 192 kb/s), padded with silence
    or cut at the front. The result is decoded and compared before `out` appears. An existing `out` is replaced.

    Args:
        path: The video.
        out: Another file; the extension chooses the container.
        shift: Seconds; positive = sound plays later. Sound moved to before the beginning of the file is cut.
        audio_file: Use this file's sound instead; its first sample plays with the first picture, plus `shift`.
        stream: Move (of an `audio_file`: take) only this sound stream. None = all, of an `audio_file` the first.

    Raises:
        NoVideo, NoAudio: nothing to shift against, or nothing to shift.
        UnreadableMedia: an input cannot be read.
        OutputError: `out` cannot be written, is an input, or its container cannot hold the streams.
    """
    muxer = muxer_for(out)
    job = _resolve(path, out, as_seconds(shift), audio_file, stream)
    methods = ["timestamps"] if muxer in STAMPED and not _must_encode(job, muxer) else []
    failures: list[str] = []
    for method in (*methods, "re-encoded sound"):
        warnings: list[str] = []
        try:
            with replacing(job.out) as file:
                _write(job, file, muxer, method, WarningSink(warnings.append))
                try:
                    _check(job, file)
                except (NoAudio, NoVideo, UnreadableMedia) as error:
                    raise _Misplaced("it cannot be read back") from error
        except _Misplaced as error:
            failures.append(f"{method}: {error}")
            continue
        return ShiftReport(out=job.out, method=method, shift=job.shift, warnings=tuple(warnings))
    detail = "; ".join(failures)
    raise OutputError(f"{shown(out)}: this container does not keep the sound in place ({detail}); use .mkv")


def _as_path(path: str | os.PathLike[str]) -> Path:
    return Path(os.fsdecode(os.fspath(path)))


def _resolve(
    path: str | os.PathLike[str],
    out: str | os.PathLike[str],
    shift: Fraction,
    audio_file: str | os.PathLike[str] | None,
    stream: int | None,
) -> _Job:
    path, out = _as_path(path), _as_path(out)
    sound_path = path if audio_file is None else _as_path(audio_file)
    for given in {path, sound_path}:
        if os.path.exists(out) and os.path.exists(given) and os.path.samefile(out, given):
            raise OutputError(f"{shown(out)} is an input; write to another file")
    info = probe(path)
    if info.video is None or info.video.is_still:
        raise NoVideo(f"{shown(path)} has no moving picture; there is nothing to shift the sound against")
    with open_media(path) as box:
        begin = Fraction(box.start_time or 0, av.time_base)
        begin = min([begin, info.origin, *(info.origin + a.start for a in info.audio)])
        if begin < 0 and box.format.name.startswith("mov"):
            begin = Fraction(0)
    with open_media(sound_path) as box:
        choose_sound(box, sound_path, stream or 0)
        num = len(box.streams.audio)
    if audio_file is None:
        chosen = tuple(range(num)) if stream is None else (stream,)
        sound_zero = -begin
    else:
        chosen = (stream or 0,)
        sound_info = probe(sound_path)
        first = sound_info.origin + sound_info.audio[stream or 0].start
        sound_zero = info.origin - begin - first
    return _Job(
        path=path,
        out=out,
        shift=shift,
        sound_path=sound_path,
        replaced=audio_file is not None,
        chosen=chosen,
        zero=begin,
        sound_zero=sound_zero,
        picture=info.origin - begin,
    )


def _must_encode(job: _Job, muxer: str) -> bool:
    """Whether time stamps alone cannot do it, as far as can be known beforehand."""
    with open_media(job.sound_path) as box:
        for index in job.chosen:
            stream = choose_sound(box, job.sound_path, index)
            if codec_family(stream.codec_context.name).startswith("pcm_") and muxer in ("mp4", "ipod", "3gp"):
                return True  # players ignore PCM in .mp4
        first = choose_sound(box, job.sound_path, job.chosen[0])
        packet = next((p for p in box.demux(first) if p.size), None)
    if packet is None or packet.pts is None:
        return True
    length = (packet.duration or 0) * Fraction(packet.time_base)
    return job.shift < 0 and length > LONG_PACKET and muxer not in MOV_FAMILY


def _write(job: _Job, file: OutputFile, muxer: str, method: str, warn: WarningSink) -> None:
    """One attempt."""
    try:
        with ExitStack() as stack:
            box = stack.enter_context(open_media(job.path))
            out = stack.enter_context(open_output(file, muxer))
            _Mux(job, box, out, method, warn, stack).run()
            out.close()
    except (FFmpegError, ValueError) as error:
        if file.error is not None:
            raise
        if method == "timestamps":
            raise _Misplaced(reason(error)) from error
        hint = "copy or convert the source first" if muxer == "matroska" else "use .mkv"
        raise OutputError(f"{shown(job.out)} cannot be written as {muxer}: {reason(error)}; {hint}") from error


class _Mux:
    """Copies packets of one file into another, with the sound moved."""

    def __init__(self, job: _Job, box: Any, out: Any, method: str, warn: WarningSink, stack: ExitStack) -> None:
        self._job, self._box, self._out, self._warn = job, box, out, warn
        self._mov = out.format.name in MOV_FAMILY
        self._targets: dict[int, Any] = {}
        self._offsets: dict[int, Fraction] = {}
        self._tracks: list[Soundtrack] = []
        self._sound_box: Any = None
        self._num_kept = 0
        self._picture: Any = picture_stream(box)
        out.metadata.update(box.metadata)
        encode = method != "timestamps"
        sounds = list(box.streams.audio)
        for stream in box.streams:
            if stream.type != "audio":
                self._copy(stream, Fraction(0))
            elif job.replaced:
                continue
            elif sounds.index(stream) not in job.chosen:
                self._copy(stream, Fraction(0))
            elif encode:
                self._encode(sounds.index(stream), stack)
            else:
                self._copy(stream, job.shift)
        if job.replaced and encode:
            self._encode(job.chosen[0], stack)
        elif job.replaced:
            self._sound_box = stack.enter_context(open_media(job.sound_path))
            sound = self._sound_box.streams.audio[job.chosen[0]]
            self._sound_target = self._add(sound)
            self._sound = sound
        chapters = box.chapters()
        if chapters:
            out.set_chapters(chapters)

    def _encode(self, index: int, stack: ExitStack) -> None:
        job = self._job
        track = Soundtrack(self._out, job.sound_path, index, job.sound_zero + job.shift, self._warn)
        stack.callback(track.close)
        self._tracks.append(track)

    def _copy(self, stream: Any, shift: Fraction) -> None:
        """Take over a stream; what is not picture or sound is left out, aloud, where the container refuses it."""
        name = shown(self._job.path)
        essential = stream.type in ("video", "audio")
        if essential and stream.disposition & (Disposition.attached_pic | Disposition.timed_thumbnails):
            self._warn(f"{name}: the cover picture was not kept")
            return
        if stream.type not in ("video", "audio", "subtitle", "attachment"):
            self._warn(f"{name}: a {stream.type} stream was not kept")
            return
        try:
            self._targets[stream.index] = self._add(stream)
        except (ValueError, FFmpegError) as error:
            if essential:
                codec = "an unknown codec" if stream.codec_context is None else stream.codec_context.name
                raise OutputError(
                    f"{shown(self._job.out)}: {self._out.format.name} cannot hold the {stream.type} ({codec}); use .mkv"
                ) from error
            self._warn(f"{name}: a {stream.type} stream was not kept; {self._out.format.name} cannot hold it")
            return
        self._offsets[stream.index] = shift - self._job.zero

    def _add(self, stream: Any) -> Any:
        """The same stream in the output: codec, side data (turn, colours), tags."""
        if not _fits(stream, self._box.format.name, self._out.format.name):
            raise ValueError("the container cannot hold it")
        extra = {}
        if self._out.format.name in ("avi", "mpeg") and stream.type == "video" and stream.average_rate:
            extra["time_base"] = 1 / Fraction(stream.average_rate)
        target = self._out.add_stream_from_template(stream, opaque=True, **extra)
        target.metadata.update(stream.metadata)
        if self._mov and stream.type == "video" and stream.codec_context.codec_tag in ("hvc1", "dvh1"):
            target.codec_context.codec_tag = stream.codec_context.codec_tag
        return target

    def run(self) -> None:
        """Move all packets."""
        sound = self._replacement_packets() if self._sound_box is not None else iter(())
        pending = next(sound, None)
        packets = self._box.demux([s for s in self._box.streams if s.index in self._targets])
        for packet in self._ordered(packets, self._picture):
            index = packet.stream.index
            self._stamp(packet, self._offsets[index])
            now = packet.dts * Fraction(packet.time_base)
            while pending is not None and pending.dts * Fraction(pending.time_base) <= now:
                self._out.mux(pending)
                pending = next(sound, None)
            if index == self._picture.index:
                for track in self._tracks:
                    track.advance(now)
            if packet.stream.type == "audio" and not self._kept(packet, self._offsets[index] + self._job.zero):
                continue
            packet.stream = self._targets[index]
            self._out.mux(packet)
        while pending is not None:
            self._out.mux(pending)
            pending = next(sound, None)
        for track in self._tracks:
            track.advance(None)
        if not self._num_kept and not any(t.num_samples for t in self._tracks):
            ms = round(self._job.shift * 1000)
            raise OutputError(
                f"{shown(self._job.out)}: a shift of {ms} ms leaves no sound after the beginning; choose a smaller one"
            )

    def _ordered(self, packets: Iterator[Any], picture: Any = None) -> Iterator[Any]:
        """Packets with complete stamps, up to where the file is damaged."""
        at = Fraction(0)
        try:
            for packet in _with_stamps(packets, picture):
                at = packet.dts * Fraction(packet.time_base)
                yield packet
        except (FFmpegError, OSError) as error:
            self._warn(f"{shown(self._job.path)} is damaged after {format_time(at)} ({reason(error)}); copied so far")

    def _replacement_packets(self) -> Iterator[Any]:
        offset = self._job.sound_zero + self._job.shift
        for packet in self._ordered(self._sound_box.demux(self._sound)):
            self._stamp(packet, offset)
            if self._kept(packet, self._job.shift):
                packet.stream = self._sound_target
                yield packet

    @staticmethod
    def _stamp(packet: Any, offset: Fraction) -> None:
        """Add seconds to a packet's stamps, in finer ticks where its own are too coarse for that (AVI: a frame)."""
        tick = Fraction(packet.time_base)
        finer = max(1, math.ceil(tick * FINEST)) if (offset / tick).denominator != 1 else 1
        ticks = round(offset / tick * finer)
        packet.pts, packet.dts = packet.pts * finer + ticks, packet.dts * finer + ticks
        packet.duration = (packet.duration or 0) * finer
        packet.time_base = tick / finer

    def _kept(self, packet: Any, moved: Fraction) -> bool:
        """Whether a moved packet still has something to say after second 0.

        MP4 and MOV hide what lies before second 0 by an edit list, so a packet that reaches over it is kept, and one
        before it, which lossy decoders need to settle. Elsewhere packets before it would push everything else back.
        """
        tick = Fraction(packet.time_base)
        begin, length = packet.pts * tick, (packet.duration or 0) * tick
        heard = begin + length > tick / 2 if self._mov or moved >= 0 else begin >= -tick / 2
        self._num_kept += heard
        return heard or (self._mov and begin + 2 * length > 0)


SUBTITLES = {"webm": "webvtt", **dict.fromkeys(MOV_FAMILY, "mov_text")}
"""Muxer -> the only subtitle codec it holds."""


def _fits(stream: Any, source: str, muxer: str) -> bool:
    """What FFmpeg's own table of containers and codecs lets pass and then fails at."""
    codec = "" if stream.codec_context is None else stream.codec_context.name
    if stream.type == "attachment":
        return muxer == "matroska"
    if stream.type == "subtitle":
        return SUBTITLES.get(muxer, codec) == codec
    if muxer == "avi" and codec in ("h264", "hevc"):  # AVI wants start codes and cannot order B pictures
        return source in ("avi", "mpegts", "mpeg")
    return bool(codec) and (stream.type != "audio" or holds_sound(muxer, codec_family(codec)))


def _with_stamps(packets: Iterator[Any], picture: Any | None) -> Iterator[Any]:
    """Packets with both stamps; those without any are the empty ones at the end.

    Matroska stores no decoding stamps, and a demuxer that reconstructs them leaves out those of the first pictures.
    They are counted back from the first known one, for which a few packets are held.
    """
    held: list[Any] = []
    waiting = picture is not None
    last: int | None = None
    for packet in packets:
        if packet.pts is None and packet.dts is None:
            continue
        if packet.pts is None:
            packet.pts = packet.dts
        if packet.dts is None and (picture is None or packet.stream.index != picture.index):
            packet.dts = packet.pts
        held.append(packet)
        if waiting and picture is not None and packet.stream.index == picture.index and packet.dts is not None:
            _count_back([p for p in held if p.dts is None], packet.dts, packet.duration)
            waiting = False
        if waiting and len(held) <= MOST_HELD:
            continue
        waiting = False
        for ready in held:
            if ready.dts is None:
                ready.dts = min(ready.pts, ready.pts if last is None else last + max(1, ready.duration or 1))
            if picture is not None and ready.stream.index == picture.index:
                last = ready.dts
            yield ready
        held = []
    for ready in held:
        ready.dts = ready.pts if ready.dts is None else ready.dts
        yield ready


def _count_back(packets: list[Any], dts: int, duration: int | None) -> None:
    """Give `packets` the decoding stamps that lead evenly up to `dts`."""
    for back, packet in enumerate(reversed(packets), 1):
        packet.dts = dts - back * max(1, duration or 1)


def _check(job: _Job, file: OutputFile) -> None:
    """Decode the beginning of what was written and compare it with the source."""
    source = probe(job.sound_path)
    for number, index in enumerate(job.chosen):
        offset = job.sound_zero + source.origin + job.shift - job.picture  # source seconds -> output seconds
        late = misplacement(
            partial(_source_window, job, index, offset),
            partial(window, file.path, number if job.replaced else index),
            begin=max(Fraction(0), source.audio[index].start + offset),
        )
        if late is not None and abs(late) > TOLERANCE:
            raise _Misplaced(f"audio stream {index} is {float(late) * 1000:+.1f} ms off")


def _source_window(job: _Job, index: int, offset: Fraction, at: Fraction) -> NDArray[np.float32]:
    return window(job.sound_path, index, at - offset)
