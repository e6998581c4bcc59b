"""Moving the audio of a video against its frame without touching the frame. Knows containers, not lips."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from fractions import Fraction
from functools import partial
from pathlib import Path

import av
import numpy as np
from av.error import FFmpegError
from numpy.typing import NDArray

from viseme.core.errors import FixRefused, NoAudio, NoVideo, OutputError, UnreadableMedia
from viseme.core.time import as_seconds
from viseme.media.alignment import TOLERANCE, misplacement, window
from viseme.media.audio import choose_audio
from viseme.media.audio_track import codec_family
from viseme.media.compare import Kept, compare_files
from viseme.media.containers import MOV_FAMILY
from viseme.media.files import OutputFile, WarningSink, open_media, reason, replacing
from viseme.media.in_place import Unsuitable
from viseme.media.in_place_shift import in_place_method, write_in_place
from viseme.media.info import probe
from viseme.media.mux import CHAPTERS, Remux
from viseme.media.remux_order import Order
from viseme.media.retimed_piece import RetimedPiece
from viseme.media.retiming import at_quiet_moments
from viseme.media.search import shown
from viseme.media.writer import muxer_for, open_output

__all__ = ["ShiftReport", "resolved_order", "shift_audio"]

STAMPED = (*MOV_FAMILY, "matroska", "webm", "mpegts", "mpeg", "nut")
"""Muxers whose players honour the time stamps of audio; the others count samples from the beginning."""

LONG_PACKET = Fraction(12, 100)
"""Seconds; longer packets are not dropped whole where audio must begin earlier, but cut by re-encoding."""


@dataclass(frozen=True, kw_only=True)
class ShiftReport:
    """What `shift_audio` did."""

    out: Path
    method: str
    """"timestamps" or "samples" (nothing was re-encoded), or "re-encoded audio"."""
    shift: Fraction
    """Seconds by which the audio was moved; positive = it plays later."""
    kept: Kept
    """What was compared in the written file."""
    warnings: tuple[str, ...] = ()
    """What could not be kept, in one line each."""


def shift_audio(
    path: str | os.PathLike[str],
    out: str | os.PathLike[str],
    *,
    shift: Fraction | float,
    pieces: Sequence[RetimedPiece] = (),
    audio_file: str | os.PathLike[str] | None = None,
    stream: int | None = None,
    strict: bool = False,
    on_warning: Callable[[str], None] | None = None,
) -> ShiftReport:
    """Write `path` to `out` with its audio moved; frames are copied bit by bit.

    MP4, QuickTime, Matroska, MPEG transport streams and MXF are edited in place: only what says when the audio plays
    changes, and all other bytes are copied. Into another container packets are copied. AVI and other containers that
    count audio from the beginning get their audio re-encoded (lossless if it was, else the same codec at 192 kb/s),
    padded with silence or cut at the front. Before `out` appears its audio is decoded and compared, and every stream
    is compared with its source. An existing `out` is replaced.

    Args:
        path: The video.
        out: Another file; the extension chooses the container.
        shift: Seconds; positive = audio plays later. Audio moved to before the beginning of the file is cut.
        pieces: Instead of one shift: where each piece of the audio lies; it is then encoded again. Jumps are moved to
            quiet moments nearby. `shift` is then what is done to the first.
        audio_file: Use this file's audio instead; its first sample plays with the first frame, plus `shift`.
        stream: Move (of an `audio_file`: take) only this audio stream. None = all, of an `audio_file` the first.
        strict: Refuse instead of leaving anything behind.
        on_warning: Told at once, and where possible before anything is written, what cannot be kept.

    Raises:
        NoVideo, NoAudio: nothing to shift against, or nothing to shift.
        UnreadableMedia: an input cannot be read.
        OutputError: `out` cannot be written, is an input, or its container cannot hold the streams.
        FixRefused: something cannot be kept, and `strict` forbids that.
    """
    muxer = muxer_for(out)
    order = resolved_order(path, out, as_seconds(shift), audio_file, stream)
    if pieces:
        heard = order.chosen[0]
        order = replace(order, pieces=at_quiet_moments(order.audio_path, pieces, stream=heard))
    failures: list[str] = []
    tell = WarningSink(on_warning)
    for attempt in _attempts(order, muxer):
        warnings: list[str] = []

        def warn(text: str) -> None:
            if strict:
                raise FixRefused(f"{text}; nothing was written (--strict)")
            warnings.append(text)  # noqa: B023 - used within its turn
            tell(text)

        try:
            with replacing(order.out) as file:
                attempt.write(file, WarningSink(warn))
                kept = _verified(order, attempt, file.path)
                for difference in kept.differences:
                    warn(f"{shown(out)}: {difference}")
        except Unsuitable as error:
            failures.append(f"{attempt.method}: {error}")
            continue
        return ShiftReport(out=order.out, method=attempt.method, shift=order.shift, kept=kept, warnings=tuple(warnings))
    detail = "; ".join(failures)
    raise OutputError(f"{shown(out)}: this container does not keep the frames and the audio ({detail}); use .mkv")


@dataclass
class _Attempt:
    """One way of writing."""

    order: Order
    muxer: str
    method: str
    in_place: bool = False
    lost: set[int] = field(default_factory=set)
    """Streams of the source that are not in the output."""
    converted: set[int] = field(default_factory=set)
    """Subtitles of the source that are in the output in another form."""

    def write(self, file: OutputFile, warn: WarningSink) -> None:
        """Write everything, or raise `Unsuitable`."""
        if self.in_place:
            write_in_place(self.order, file, warn)
            return
        encode = self.method == "re-encoded audio"
        try:
            with ExitStack() as stack:
                box = stack.enter_context(open_media(self.order.path))
                keys = any(key.startswith("com.apple.quicktime.") for key in box.metadata)
                out = stack.enter_context(open_output(file, self.muxer, any_tags=keys))
                remux = Remux(self.order, box, out, encode=encode, warn=warn, stack=stack)
                self.lost, self.converted = remux.lost, set(remux.converted)
                remux.run()
                out.close()
        except (FFmpegError, ValueError) as error:
            if file.error is not None:
                raise
            if not encode:
                raise Unsuitable(reason(error)) from error
            hint = "copy or convert the source first" if self.muxer == "matroska" else "use .mkv"
            out_name = shown(self.order.out)
            raise OutputError(f"{out_name} cannot be written as {self.muxer}: {reason(error)}; {hint}") from error


def _attempts(order: Order, muxer: str) -> Iterator[_Attempt]:
    """Ways to write, the one that changes least first."""
    if order.pieces:
        yield _Attempt(order, muxer, "re-encoded audio")
        return
    method = in_place_method(order, muxer)
    if method is not None:
        yield _Attempt(order, muxer, method, in_place=True)
    if muxer in STAMPED and not _must_encode(order, muxer):
        yield _Attempt(order, muxer, "timestamps")
    yield _Attempt(order, muxer, "re-encoded audio")


def _verified(order: Order, attempt: _Attempt, path: Path) -> Kept:
    """Decode and compare what was written.

    Raises:
        Unsuitable: the audio is not in place, or frames are not what they were.
    """
    try:
        if not order.pieces:  # these are looked at again with the lips
            _check(order, path, gaps=not attempt.in_place)
    except (NoAudio, NoVideo, UnreadableMedia) as error:
        raise Unsuitable("it cannot be read back") from error
    kept = compare_files(
        order.path,
        path,
        moved=order.chosen,
        replaced=order.replaced,
        encoded=attempt.method == "re-encoded audio",
        lost=attempt.lost,
        converted=attempt.converted,
        with_chapters=CHAPTERS not in attempt.lost,
    )
    for stream in kept.streams:
        if stream.kind == "video" and not stream.identical:
            raise Unsuitable(f"{stream.words} would not keep its frames")
    return kept


def _as_path(path: str | os.PathLike[str]) -> Path:
    return Path(os.fsdecode(os.fspath(path)))


def resolved_order(
    path: str | os.PathLike[str],
    out: str | os.PathLike[str],
    shift: Fraction,
    audio_file: str | os.PathLike[str] | None,
    stream: int | None,
) -> Order:
    """What `shift_audio` was asked for, with the clocks of its files known.

    Raises:
        NoVideo, NoAudio, UnreadableMedia, OutputError: as `shift_audio`.
    """
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
        num = len(box.streams.audio)
        known = [i for i, s in enumerate(box.streams.audio) if s.codec_context is not None]
        choose_audio(box, audio_path, stream if stream is not None else known[0] if known else 0)
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
        known = [s for s in (box.streams.audio[i] for i in order.chosen) if s.codec_context is not None]
        for stream in known:
            if codec_family(stream.codec_context.name).startswith("pcm_") and muxer in ("mp4", "ipod", "3gp"):
                return True  # players ignore PCM in .mp4
        packet = next((p for p in box.demux(known[0]) if p.size), None)
    if packet is None or packet.pts is None:
        return True
    length = (packet.duration or 0) * Fraction(packet.time_base)
    return order.shift < 0 and length > LONG_PACKET and muxer not in MOV_FAMILY


def _check(order: Order, path: Path, *, gaps: bool) -> None:
    """Decode the beginning of what was written and compare it with the source.

    Args:
        order: What was asked.
        path: What was written.
        gaps: Audio streams of unknown codecs are not in it.
    """
    source = probe(order.audio_path)
    written = [i for i, audio in enumerate(source.audio) if not gaps or audio.codec != "unknown"]
    for number, index in enumerate(order.chosen):
        if source.audio[index].codec == "unknown":
            continue
        offset = order.audio_zero + source.origin + order.shift - order.frame  # source seconds -> output seconds
        late = misplacement(
            partial(_source_window, order, index, offset),
            partial(window, path, number if order.replaced else written.index(index)),
            begin=max(Fraction(0), source.audio[index].start + offset),
        )
        if late is not None and abs(late) > TOLERANCE:
            raise Unsuitable(f"audio stream {index} is {float(late) * 1000:+.1f} ms off")


def _source_window(order: Order, index: int, offset: Fraction, at: Fraction) -> NDArray[np.float32]:
    return window(order.audio_path, index, at - offset)
