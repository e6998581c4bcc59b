"""What a media file holds, found by decoding its first frame and samples. Nothing is believed from the name."""

from __future__ import annotations

import os
import struct
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
from av.error import FFmpegError
from av.stream import Disposition

from viseme.core.errors import UnreadableMedia
from viseme.media.files import open_media
from viseme.media.search import shown
from viseme.media.timing import Orientation, fitted_size, orientation

__all__ = ["AudioInfo", "MediaInfo", "VideoInfo", "probe"]

LOOK_AHEAD = 2000
"""Packets read to find where each stream begins."""


@dataclass(frozen=True, kw_only=True)
class VideoInfo:
    """The video stream."""

    width: int
    """Pixels as displayed: turned, and with square pixels."""
    height: int
    rotation: int
    """Degrees clockwise by which the stored frame is turned for display: 0, 90, 180 or 270."""
    rate: Fraction | None
    """Mean frames per second as the header says; the stamps, not this, are what is used."""
    codec: str
    start: Fraction
    """Seconds of the first frame from the origin: zero by definition."""
    is_still: bool
    """A photograph, not a video."""


@dataclass(frozen=True, kw_only=True)
class AudioInfo:
    """One audio stream."""

    index: int
    """Among the audio streams, from 0: what `stream=` takes."""
    codec: str
    rate: int
    """Samples per second."""
    channels: int
    start: Fraction
    """Seconds of its first sample from the origin; positive = audio begins after the frame."""
    language: str | None
    """As tagged ("eng", "pol", ...)."""


@dataclass(frozen=True, kw_only=True)
class MediaInfo:
    """What `probe` found."""

    path: Path
    format: str
    """FFmpeg's name of the container."""
    duration: Fraction | None
    """Seconds as the header says; None for a still or where it does not say."""
    origin: Fraction
    """Container-clock seconds of our zero: the first frame's presentation, or the first sample's without frame."""
    video: VideoInfo | None
    audio: tuple[AudioInfo, ...]
    timecode: str | None = None
    """Time code of the first frame, "10:00:00;00", as the video, a time code track or the container carries it."""


def stamp(item: Any) -> Fraction | None:
    """Container-clock seconds of a packet or frame: its pts, else its dts, else None."""
    ticks = item.pts if item.pts is not None else item.dts
    return None if ticks is None or item.time_base is None else ticks * Fraction(item.time_base)


def video_stream(container: Any) -> Any | None:
    """The first stream of frames that is not cover art; one whose codec is known goes before one whose is not."""
    covers = Disposition.attached_pic | Disposition.timed_thumbnails
    moving = [s for s in container.streams.video if not s.disposition & covers]
    return next((s for s in moving if s.codec_context is not None), next(iter(moving), None))


def is_still(container: Any, stream: Any) -> bool:
    """Whether the stream is a photograph."""
    return container.format.name.endswith("_pipe") or bool(stream.disposition & Disposition.still_image)


def display_matrix(frame: Any) -> tuple[int, ...] | None:
    """The nine numbers by which a decoded frame is turned for display, as the file has them; None where it is not."""
    for index in range(len(frame.side_data)):
        side = frame.side_data[index]
        if side.type.name == "DISPLAYMATRIX":
            return struct.unpack("=9i", bytes(side)[:36])
    return None


def frame_orientation(frame: Any) -> Orientation:
    """How a decoded frame is to be turned."""
    matrix = display_matrix(frame)
    return Orientation() if matrix is None else orientation(matrix)


def pixel_aspect(stream: Any) -> Fraction:
    """Width over height of one stored pixel; 1 where unknown."""
    ratio = stream.sample_aspect_ratio or stream.codec_context.sample_aspect_ratio
    return Fraction(ratio) if ratio else Fraction(1)


def frame_step(stream: Any) -> Fraction:
    """Seconds between frames at the stream's mean rate; 1/25 where unknown."""
    rate = stream.average_rate or stream.guessed_rate
    return 1 / Fraction(rate) if rate else Fraction(1, 25)


def decoded(packet: Any, problems: list[Exception]) -> list[Any]:
    """Frames of a packet; a damaged packet gives none and leaves its error in `problems`."""
    try:
        return packet.decode()
    except (FFmpegError, OSError) as error:
        problems.append(error)
        return []


def _firsts(container: Any, streams: list[Any], needed: Any | None) -> dict[int, Any]:
    """The first decoded frame of each stream, by stream index. Reads on past `LOOK_AHEAD` only for `needed`."""
    firsts: dict[int, Any] = {}
    problems: list[Exception] = []
    try:
        packets = container.demux(streams)
        for number, packet in enumerate(packets):
            if packet.stream.index not in firsts:
                for frame in decoded(packet, problems)[:1]:
                    firsts[packet.stream.index] = frame
            if len(firsts) == len(streams) or (number > LOOK_AHEAD and (needed is None or needed.index in firsts)):
                break
    except (FFmpegError, OSError) as error:
        problems.append(error)
    return firsts


def first_frame_time(path: str | os.PathLike[str]) -> Fraction | None:
    """Container-clock seconds of the first moving frame; None where there is none."""
    with open_media(path) as container:
        stream = video_stream(container)
        if stream is None or stream.codec_context is None or is_still(container, stream):
            return None
        frame = _firsts(container, [stream], stream).get(stream.index)
        return None if frame is None else (stamp(frame) or Fraction(0))


def probe(path: str | os.PathLike[str]) -> MediaInfo:
    """Look into a media file: its streams, sizes, rates, and where its zero time lies.

    Cover art is not a video stream; a photograph is one with `is_still`. Costs the decoding of one frame.

    Raises:
        UnreadableMedia: missing, a folder, empty, damaged before the first frame or sample, or not media at all.
    """
    with open_media(path) as container:
        video = video_stream(container)
        audios = list(container.streams.audio)
        usable = [s for s in (video, *audios) if s is not None and s.codec_context is not None]
        if video is None and not audios:
            raise UnreadableMedia(f"{shown(path)} holds neither video nor audio; give another file")
        firsts = _firsts(container, usable, video)
        if video is not None and video.index not in firsts:
            raise UnreadableMedia(f"{shown(path)} has a video stream, but no video in it can be decoded")
        if not firsts:
            raise UnreadableMedia(f"{shown(path)} has an audio stream, but nothing in it can be decoded")
        still = video is not None and is_still(container, video)
        zero = next(firsts[s.index] for s in usable if s.index in firsts)
        origin = stamp(zero) or Fraction(0)
        return MediaInfo(
            path=Path(os.fsdecode(os.fspath(path))),
            format=container.format.name,
            duration=None if still or container.duration is None else Fraction(container.duration, av.time_base),
            origin=origin,
            video=None if video is None else _video_info(video, firsts[video.index], still),
            audio=tuple(_audio_info(i, s, firsts.get(s.index), origin) for i, s in enumerate(audios)),
            timecode=_timecode(container, video),
        )


def _timecode(container: Any, video: Any | None) -> str | None:
    holders = [*([] if video is None else [video]), *container.streams.data, container]
    return next((h.metadata["timecode"] for h in holders if h.metadata.get("timecode")), None)


def _video_info(stream: Any, frame: Any, still: bool) -> VideoInfo:
    turn = frame_orientation(frame)
    width, height, _, _ = fitted_size(frame.width, frame.height, pixel_aspect(stream), None)
    if turn.sideways:
        width, height = height, width
    rate = stream.average_rate or stream.guessed_rate
    return VideoInfo(
        width=width,
        height=height,
        rotation=turn.degrees,
        rate=None if still or not rate else Fraction(rate),
        codec=stream.codec_context.name,
        start=Fraction(0),
        is_still=still,
    )


def _audio_info(index: int, stream: Any, frame: Any | None, origin: Fraction) -> AudioInfo:
    context = stream.codec_context
    start = stamp(frame) if frame is not None else None
    if start is None:
        start = (stream.start_time or 0) * Fraction(stream.time_base)
    return AudioInfo(
        index=index,
        codec="unknown" if context is None else context.name,
        rate=0 if context is None else context.sample_rate,
        channels=0 if context is None else context.channels,
        start=start - origin,
        language=stream.language if stream.language not in (None, "", "und") else None,
    )
