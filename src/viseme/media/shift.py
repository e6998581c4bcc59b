"""Moving the audio of a video against its frame without touching the frame. Knows containers, not lips."""

from __future__ import annotations

import os
from contextlib import ExitStack
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from pathlib import Path

import av
import numpy as np
from av.error import FFmpegError
from numpy.typing import NDArray

from viseme.core.errors import NoAudio, NoVideo, OutputError, UnreadableMedia
from viseme.core.time import as_seconds
from viseme.media.alignment import TOLERANCE, misplacement, window
from viseme.media.audio import choose_audio
from viseme.media.audio_track import codec_family
from viseme.media.files import OutputFile, WarningSink, open_media, reason, replacing
from viseme.media.info import probe
from viseme.media.mux import Order, Remux, Unsuitable
from viseme.media.search import shown
from viseme.media.writer import MOV_FAMILY, muxer_for, open_output

__all__ = ["ShiftReport", "shift_audio"]

STAMPED = (*MOV_FAMILY, "matroska", "webm", "mpegts", "mpeg", "nut")
"""Muxers whose players honour the time stamps of audio; the others count samples from the beginning."""

LONG_PACKET = Fraction(12, 100)
"""Seconds; longer packets are not dropped whole where audio must begin earlier, but cut by re-encoding."""


@dataclass(frozen=True, kw_only=True)
class ShiftReport:
    """What `shift_audio` did."""

    out: Path
    method: str
    """"timestamps" (nothing was re-encoded) or "re-encoded audio"."""
    shift: Fraction
    """Seconds by which the audio was moved; positive = it plays later."""
    warnings: tuple[str, ...] = ()
    """What could not be kept, in one line each."""


def shift_audio(
    path: str | os.PathLike[str],
    out: str | os.PathLike[str],
    *,
    shift: Fraction | float,
    audio_file: str | os.PathLike[str] | None = None,
    stream: int | None = None,
) -> ShiftReport:
    """Write `path` to `out` with its audio moved; frames are copied bit by bit.

    Where the container carries time stamps only these change. AVI and other containers that count audio from the
    beginning get their audio re-encoded (lossless if it was, else the same codec at 192 kb/s), padded with silence
    or cut at the front. The result is decoded and compared before `out` appears. An existing `out` is replaced.

    Args:
        path: The video.
        out: Another file; the extension chooses the container.
        shift: Seconds; positive = audio plays later. Audio moved to before the beginning of the file is cut.
        audio_file: Use this file's audio instead; its first sample plays with the first frame, plus `shift`.
        stream: Move (of an `audio_file`: take) only this audio stream. None = all, of an `audio_file` the first.

    Raises:
        NoVideo, NoAudio: nothing to shift against, or nothing to shift.
        UnreadableMedia: an input cannot be read.
        OutputError: `out` cannot be written, is an input, or its container cannot hold the streams.
    """
    muxer = muxer_for(out)
    order = _resolve(path, out, as_seconds(shift), audio_file, stream)
    methods = ["timestamps"] if muxer in STAMPED and not _must_encode(order, muxer) else []
    failures: list[str] = []
    for method in (*methods, "re-encoded audio"):
        warnings: list[str] = []
        try:
            with replacing(order.out) as file:
                _write(order, file, muxer, method, WarningSink(warnings.append))
                try:
                    _check(order, file)
                except (NoAudio, NoVideo, UnreadableMedia) as error:
                    raise Unsuitable("it cannot be read back") from error
        except Unsuitable as error:
            failures.append(f"{method}: {error}")
            continue
        return ShiftReport(out=order.out, method=method, shift=order.shift, warnings=tuple(warnings))
    detail = "; ".join(failures)
    raise OutputError(f"{shown(out)}: this container does not keep the audio in place ({detail}); use .mkv")


def _as_path(path: str | os.PathLike[str]) -> Path:
    return Path(os.fsdecode(os.fspath(path)))


def _resolve(
    path: str | os.PathLike[str],
    out: str | os.PathLike[str],
    shift: Fraction,
    audio_file: str | os.PathLike[str] | None,
    stream: int | None,
) -> Order:
    path, out = _as_path(path), _as_path(out)
    audio_path = path if audio_file is None else _as_path(audio_file)
    for given in {path, audio_path}:
        if os.path.exists(out) and os.path.exists(given) and os.path.samefile(out, given):
            raise OutputError(f"{shown(out)} is an input; write to another file")
    info = probe(path)
    if info.video is None or info.video.is_still:
        raise NoVideo(f"{shown(path)} has no moving frame; there is nothing to shift the audio against")
    with open_media(path) as box:
        begin = Fraction(box.start_time or 0, av.time_base)
        begin = min([begin, info.origin, *(info.origin + a.start for a in info.audio)])
        if begin < 0 and box.format.name.startswith("mov"):
            begin = Fraction(0)
    with open_media(audio_path) as box:
        choose_audio(box, audio_path, stream or 0)
        num = len(box.streams.audio)
    if audio_file is None:
        chosen = tuple(range(num)) if stream is None else (stream,)
        audio_zero = -begin
    else:
        chosen = (stream or 0,)
        audio_info = probe(audio_path)
        first = audio_info.origin + audio_info.audio[stream or 0].start
        audio_zero = info.origin - begin - first
    return Order(
        path=path,
        out=out,
        shift=shift,
        audio_path=audio_path,
        replaced=audio_file is not None,
        chosen=chosen,
        zero=begin,
        audio_zero=audio_zero,
        frame=info.origin - begin,
    )


def _must_encode(order: Order, muxer: str) -> bool:
    """Whether time stamps alone cannot do it, as far as can be known beforehand."""
    with open_media(order.audio_path) as box:
        for index in order.chosen:
            stream = choose_audio(box, order.audio_path, index)
            if codec_family(stream.codec_context.name).startswith("pcm_") and muxer in ("mp4", "ipod", "3gp"):
                return True  # players ignore PCM in .mp4
        first = choose_audio(box, order.audio_path, order.chosen[0])
        packet = next((p for p in box.demux(first) if p.size), None)
    if packet is None or packet.pts is None:
        return True
    length = (packet.duration or 0) * Fraction(packet.time_base)
    return order.shift < 0 and length > LONG_PACKET and muxer not in MOV_FAMILY


def _write(order: Order, file: OutputFile, muxer: str, method: str, warn: WarningSink) -> None:
    """One attempt."""
    try:
        with ExitStack() as stack:
            box = stack.enter_context(open_media(order.path))
            out = stack.enter_context(open_output(file, muxer))
            Remux(order, box, out, encode=method != "timestamps", warn=warn, stack=stack).run()
            out.close()
    except (FFmpegError, ValueError) as error:
        if file.error is not None:
            raise
        if method == "timestamps":
            raise Unsuitable(reason(error)) from error
        hint = "copy or convert the source first" if muxer == "matroska" else "use .mkv"
        raise OutputError(f"{shown(order.out)} cannot be written as {muxer}: {reason(error)}; {hint}") from error


def _check(order: Order, file: OutputFile) -> None:
    """Decode the beginning of what was written and compare it with the source."""
    source = probe(order.audio_path)
    for number, index in enumerate(order.chosen):
        offset = order.audio_zero + source.origin + order.shift - order.frame  # source seconds -> output seconds
        late = misplacement(
            partial(_source_window, order, index, offset),
            partial(window, file.path, number if order.replaced else index),
            begin=max(Fraction(0), source.audio[index].start + offset),
        )
        if late is not None and abs(late) > TOLERANCE:
            raise Unsuitable(f"audio stream {index} is {float(late) * 1000:+.1f} ms off")


def _source_window(order: Order, index: int, offset: Fraction, at: Fraction) -> NDArray[np.float32]:
    return window(order.audio_path, index, at - offset)
