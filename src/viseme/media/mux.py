"""Copies packets from container to container with the audio at another time, and the video as it is or made anew.

Decodes nothing but moved audio.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from fractions import Fraction
from typing import Any

from av.error import FFmpegError

from viseme.core.errors import OutputError
from viseme.core.time import format_time
from viseme.media.audio_track import AudioTrack, codec_family
from viseme.media.container_contents import IMAGE_KINDS, KEPT_TAGS, QUICKTIME_LANGUAGES, WITH_CHAPTERS, fits
from viseme.media.containers import MOV_FAMILY
from viseme.media.files import WarningSink, open_media, reason
from viseme.media.in_place import Unsuitable
from viseme.media.info import video_stream
from viseme.media.packet_stamps import advance_stamps, with_stamps
from viseme.media.remux_order import Order
from viseme.media.search import shown
from viseme.media.stream_words import is_cover, mp4_tags, stream_words
from viseme.media.subtitles import SubtitleConverter, text_codec
from viseme.media.video_track import VideoTrack

__all__ = ["CHAPTERS", "Remux"]

CHAPTERS = -1
"""Stands for the chapters among the streams that are lost."""


class Remux:
    """Copies the packets of one file into another container, with the audio moved."""

    def __init__(
        self,
        order: Order,
        box: Any,
        out: Any,
        *,
        encode: bool,
        warn: WarningSink,
        stack: ExitStack,
        film: Callable[[Any, Any], VideoTrack] | None = None,
    ) -> None:
        """Lay out the output's streams.

        Args:
            order: What is asked for.
            box: The opened source.
            out: The opened output.
            encode: Decode and encode the moved audio; else move its time stamps.
            warn: Told what is lost.
            stack: Closes what this opens.
            film: Makes the output's video, from the output and the source's stream; None = its packets are copied.

        Raises:
            OutputError: the container cannot hold a frame or audio stream.
            Unsuitable: it cannot hold the replacing audio as it is.
        """
        self._order, self._box, self._out, self._warn = order, box, out, warn
        self._mov = out.format.name in MOV_FAMILY
        self._copied: dict[int, Any] = {}
        self._moved: dict[int, Any] = {}
        self._tracks: list[AudioTrack] = []
        self._num_kept = 0
        self._frame: Any = video_stream(box)
        self._audio_box: Any = None if encode else stack.enter_context(open_media(order.audio_path))
        self._stack, self._make_film = stack, film
        self._film: VideoTrack | None = None
        self._tags = mp4_tags(order.path)
        self.lost: set[int] = set()
        """Streams of the source, by index, that are not in the output."""
        self.converted: dict[int, SubtitleConverter] = {}
        """Text subtitles, by index in the source, that are in the output in the form of its container."""
        self._covers: list[tuple[Any, Any]] = []
        out.metadata.update(box.metadata)
        self._add_audio_and_frames()
        self._copy_chapters()

    def _add_audio_and_frames(self) -> None:
        """Take over every stream in its order; covers last, since containers hold them apart."""
        order, box = self._order, self._box
        audios = list(box.streams.audio)
        for stream in box.streams:
            if is_cover(stream):
                continue
            if stream.type != "audio":
                self._copy(stream)
            elif order.replaced:
                self.lost.add(stream.index)
            elif stream.codec_context is None:
                self._lose(stream)
            elif audios.index(stream) not in order.chosen:
                self._copied[stream.index] = self._essential(stream)
            else:
                self._move(audios.index(stream))
        if order.replaced:
            self._move(order.chosen[0])
        for stream in box.streams.video:
            if is_cover(stream):
                self._copy_cover(stream)

    def _move(self, index: int) -> None:
        """Take over an audio stream that moves."""
        order = self._order
        if self._audio_box is None:
            track = AudioTrack(
                self._out,
                order.audio_path,
                index,
                order.audio_zero + (0 if order.pieces else order.shift),
                self._warn,
                pieces=order.pieces,
                origin=order.frame - order.audio_zero,
                codec=order.audio_codec,
                end=order.audio_end,
            )
            self._stack.callback(track.close)
            self._tracks.append(track)
            return
        stream = self._audio_box.streams.audio[index]
        try:
            self._moved[stream.index] = self._essential(stream)
        except OutputError as error:
            if order.replaced:
                raise Unsuitable(str(error)) from error
            raise

    def _lose(self, stream: Any) -> None:
        """Leave a stream out, aloud."""
        words = stream_words(stream, tag=self._tags.get(stream.id, ""))
        into = {"matroska": ".mkv", "mpegts": ".ts"}.get(self._out.format.name, f".{self._out.format.name}")
        self._warn(f"{shown(self._order.path)}: {words} cannot be kept in {into}")
        self.lost.add(stream.index)

    def _copy(self, stream: Any) -> None:
        """Take over a stream that stays; what is not a moving frame is left out, aloud, where it does not fit."""
        if stream.index == self._frame.index and self._make_film is not None:
            self._film = self._make_film(self._out, stream)
            self._describe(self._film.stream, stream)
        elif stream.type == "video":
            self._copied[stream.index] = self._essential(stream)
        elif stream.type == "data" and self._made_by_muxer(stream):
            self.lost.add(stream.index)
        elif stream.type not in ("subtitle", "attachment"):
            self._lose(stream)
        else:
            try:
                self._copied[stream.index] = self._add(stream)
            except (ValueError, FFmpegError):
                self._convert(stream)

    def _convert(self, stream: Any) -> None:
        """Take over text subtitles in the form that the container holds; others are left out, aloud."""
        codec = text_codec(stream, self._out.format.name)
        try:
            if codec is None:
                raise ValueError("no text, or a container without any")
            converter = SubtitleConverter(self._order.path, stream.index, self._out, codec)
        except (ValueError, FFmpegError):
            self._lose(stream)
            return
        self._describe(converter.stream, stream)
        self.converted[stream.index] = converter

    def _made_by_muxer(self, stream: Any) -> bool:
        """Whether the output gets this track by itself: timecode from its tag, the text of chapters from those."""
        tag = self._tags.get(stream.id)
        return (tag == "tmcd" and self._mov) or (tag == "text" and bool(self._box.chapters()))

    def _copy_cover(self, stream: Any) -> None:
        """Take over a cover image: a stream with one packet, or in Matroska an attached file."""
        with open_media(self._order.path) as box:
            packet = next((p for p in box.demux(box.streams[stream.index]) if p.size), None)
        kind = IMAGE_KINDS.get("" if stream.codec_context is None else stream.codec_context.name)
        muxer = self._out.format.name
        if packet is None or kind is None or muxer not in ("mp4", "ipod", "matroska"):
            self._lose(stream)
        elif muxer != "matroska":
            target = self._out.add_stream_from_template(stream, opaque=True)
            target.disposition = stream.disposition
            self._covers.append((packet, target))
        else:
            name = stream.metadata.get("filename", f"cover.{kind[0]}")
            self._out.add_attachment(name, stream.metadata.get("mimetype", kind[1]), bytes(packet))

    def _essential(self, stream: Any) -> Any:
        """`_add`, or an error that says what to do."""
        try:
            return self._add(stream)
        except (ValueError, FFmpegError) as error:
            codec = "an unknown codec" if stream.codec_context is None else codec_family(stream.codec_context.name)
            out, muxer = shown(self._order.out), self._out.format.name
            raise OutputError(f"{out}: {muxer} cannot hold the {stream.type} ({codec}); use .mkv") from error

    def _add(self, stream: Any) -> Any:
        """The same stream in the output: codec, side data (turn, colours), tags, flags."""
        if not fits(stream, stream.container.format.name, self._out.format.name):
            raise ValueError("the container cannot hold it")
        extra = {}
        if self._out.format.name in ("avi", "mpeg") and stream.type == "video" and stream.average_rate:
            extra["time_base"] = 1 / Fraction(stream.average_rate)
        target = self._out.add_stream_from_template(stream, opaque=True, **extra)
        self._describe(target, stream)
        if stream.container.format.name == self._out.format.name == "mpegts":
            target.id = stream.id
        if self._mov and stream.type == "video" and self._tags.get(stream.id) in KEPT_TAGS:
            target.codec_context.codec_tag = self._tags[stream.id]
        return target

    def _describe(self, target: Any, stream: Any) -> None:
        """Take over flags and tags of a stream; where MP4 and QuickTime files have a place for them."""
        target.disposition = stream.disposition
        tags = target.metadata
        tags.update(stream.metadata)
        if self._mov and "title" in tags:
            tags["handler_name"] = tags["title"]
        if self._out.format.name == "mov" and tags.get("language") in QUICKTIME_LANGUAGES:
            tags["language"] = QUICKTIME_LANGUAGES[tags["language"]]

    def _copy_chapters(self) -> None:
        chapters = self._box.chapters()
        if chapters and self._out.format.name not in WITH_CHAPTERS:
            self._warn(f"{shown(self._order.path)}: the {len(chapters)} chapters cannot be kept in this container")
            self.lost.add(CHAPTERS)
            return
        for chapter in chapters:
            ticks = round(self._order.zero / Fraction(chapter["time_base"]))
            chapter["start"], chapter["end"] = chapter["start"] - ticks, chapter["end"] - ticks
        if chapters:
            self._out.set_chapters(chapters)

    def run(self) -> None:
        """Move all packets, in the order of the output's time.

        Raises:
            OutputError: no audio is left after the beginning.
        """
        inserted = self._inserted_packets()
        pending = next(inserted, None)
        copied = [s for s in self._box.streams if s.index in self._copied]
        packets = self._box.demux(copied) if copied else iter(())
        for packet, target in self._covers:
            packet.stream = target
            packet.pts = packet.dts = 0
            self._out.mux(packet)
        for packet in self._complete(packets, self._frame):
            index = packet.stream.index
            advance_stamps(packet, -self._order.zero)
            now = _decoding_time(packet)
            while pending is not None and _decoding_time(pending) <= now:
                self._insert(pending)
                pending = next(inserted, None)
            if index == self._frame.index:
                self._feed(now)
            packet.stream = self._copied[index]
            self._out.mux(packet)
        while pending is not None:
            self._insert(pending)
            pending = next(inserted, None)
        for track in self._tracks:
            track.advance(None)
        if not self._num_kept and not any(t.num_samples for t in self._tracks):
            ms = round(self._order.shift * 1000)
            out = shown(self._order.out)
            raise OutputError(f"{out}: a shift of {ms} ms leaves no audio after the beginning; choose a smaller one")

    def _insert(self, packet: Any) -> None:
        """Write a packet that is not copied; audio that is encoded keeps step with the frames."""
        if self._film is not None and packet.stream.index == self._film.stream.index:
            self._feed(_decoding_time(packet))
        self._out.mux(packet)

    def _feed(self, now: Fraction) -> None:
        for track in self._tracks:
            track.advance(now)

    def _inserted_packets(self) -> Iterator[Any]:
        """What does not come from the copied streams: new frames, moved audio, converted subtitles; by time."""
        cues = [converter.packets(self._order.zero) for converter in self.converted.values()]
        film = [] if self._film is None else [self._film.packets()]
        return heapq.merge(self._moved_packets(), *film, *cues, key=_decoding_time)

    def _moved_packets(self) -> Iterator[Any]:
        """Packets of the moved audio streams, stamped for the output."""
        if self._audio_box is None:
            return
        offset = self._order.audio_zero + self._order.shift
        streams = [s for s in self._audio_box.streams.audio if s.index in self._moved]
        for packet in self._complete(self._audio_box.demux(streams), None):
            advance_stamps(packet, offset)
            if self._kept(packet):
                packet.stream = self._moved[packet.stream.index]
                yield packet

    def _complete(self, packets: Iterator[Any], frame: Any | None) -> Iterator[Any]:
        """Packets with complete stamps, up to where the file is damaged."""
        at = Fraction(0)
        try:
            for packet in with_stamps(packets, frame):
                at = _decoding_time(packet)
                yield packet
        except (FFmpegError, OSError) as error:
            name = shown(self._order.path if frame is not None else self._order.audio_path)
            self._warn(f"{name} is damaged after {format_time(at)} ({reason(error)}); what came before was copied")

    def _kept(self, packet: Any) -> bool:
        """Whether a moved packet still has something to say after second 0.

        MP4 and MOV hide what lies before second 0 by an edit list, so a packet that reaches over it is kept, and one
        before it, which lossy decoders need to settle. Elsewhere packets before it would push everything else back;
        those that were there before the move are the codec's own padding and stay.
        """
        tick = Fraction(packet.time_base)
        begin, length = packet.pts * tick, (packet.duration or 0) * tick
        whole = self._mov or self._order.shift >= 0
        heard = begin + length > tick / 2 if whole else begin >= -tick / 2
        self._num_kept += heard
        return heard or (self._mov and begin + 2 * length > 0)


def _decoding_time(packet: Any) -> Fraction:
    """Seconds at which a packet is decoded."""
    return packet.dts * Fraction(packet.time_base)
