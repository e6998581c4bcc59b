"""Frames as a stream: real times, turned upright, scaled while they are converted. Knows no audio."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, TypeAlias

import av
import numpy as np
from av.error import FFmpegError
from av.video.reformatter import VideoReformatter
from numpy.typing import NDArray

from viseme.core.errors import NoVideo, UnreadableMedia
from viseme.core.time import as_seconds, format_time
from viseme.media.files import WarningSink, open_media
from viseme.media.info import (
    decoded,
    first_frame_time,
    frame_orientation,
    frame_step,
    is_still,
    pixel_aspect,
    stamp,
    video_stream,
)
from viseme.media.search import shown
from viseme.media.stamps import StampRepair, has_index, packets_from, read_packets
from viseme.media.timing import FrameClock, Orientation, fitted_size

__all__ = ["DecodedFrame", "Frame", "FrameConverter", "decoded_frames", "read_frames"]

SHORT_BY = Fraction(1, 2)
"""Seconds by which the last packet may miss the header's duration before the file is called cut short."""


DecodedFrame: TypeAlias = "tuple[Any, Any, Fraction]"
"""The stream, a decoded frame of it, and its exact seconds from the file's first frame."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Frame:
    """One decoded frame."""

    index: int
    """Counts the frames yielded, from 0."""
    time: Fraction
    """Exact seconds from the file's first frame."""
    image: NDArray[np.uint8]
    """(H, W, 3) RGB, contiguous, upright."""
    scale: float
    """Image width over the display width that `probe` tells; 1 = not scaled."""
    key: bool
    """A key frame of the stream."""


class FrameConverter:
    """Decoded frame -> upright RGB, with swscale's tables kept between frames."""

    def __init__(self, stream: Any, max_side: int | None) -> None:
        self._aspect = pixel_aspect(stream)
        self._max_side = max_side
        self._scaler = VideoReformatter()
        self._angle: int | None = None
        self._turn = Orientation()

    def __call__(self, frame: Any) -> tuple[NDArray[np.uint8], float]:
        wide, _, width, height = fitted_size(frame.width, frame.height, self._aspect, self._max_side)
        method = "AREA" if width < frame.width else "BILINEAR"
        small = self._scaler.reformat(frame, width=width, height=height, format="rgb24", interpolation=method)
        image: Any = small.to_ndarray()
        if self._angle != frame.rotation:  # side data tie a frame to itself until the garbage collector comes
            self._angle, self._turn = frame.rotation, frame_orientation(frame)
        turn = self._turn
        if turn.mirrored:
            image = image[:, ::-1]
        if turn.degrees:
            image = np.rot90(image, -turn.degrees // 90)
        return np.ascontiguousarray(image), width / wide


def read_frames(
    path: str | os.PathLike[str],
    *,
    max_side: int | None = None,
    start: Fraction | float | None = None,
    end: Fraction | float | None = None,
    on_warning: Callable[[str], None] | None = None,
) -> Iterator[Frame]:
    """Decode frames one after the other; memory does not grow with the length of the file.

    Args:
        max_side: The longer side is scaled down to at most this many pixels; never up.
        start: Seconds from the first frame; earlier frames are left out. None = from the first.
        end: Seconds; frames at or after it are left out. None = to the last.
        on_warning: Told, in one line each, of missing or backward stamps, damage and a missing end.

    Yields:
        Frames in display order, times strictly increasing; where stamps start over (files that were joined) they go on
        after what came before. A photograph yields one frame.

    Raises:
        NoVideo: audio only (cover art does not count).
        UnreadableMedia: not media, or damaged before the first frame.
        ValueError: `max_side < 1`.
    """
    if max_side is not None and max_side < 1:
        raise ValueError(f"max_side must be at least 1, got {max_side}")
    first = None if start is None else as_seconds(start)
    last = None if end is None else as_seconds(end)
    return _converted(
        decoded_frames(path, first, last, WarningSink(on_warning), seek=first is not None and first > 0), max_side
    )


def _converted(frames: Iterator[DecodedFrame], max_side: int | None) -> Iterator[Frame]:
    convert: FrameConverter | None = None
    for num, (stream, frame, time) in enumerate(frames):
        if convert is None:
            convert = FrameConverter(stream, max_side)
        image, scale = convert(frame)
        yield Frame(index=num, time=time, image=image, scale=scale, key=bool(frame.key_frame))


def decoded_frames(
    path: str | os.PathLike[str],
    start: Fraction | None,
    end: Fraction | None,
    warn: WarningSink,
    *,
    seek: bool = False,
) -> Iterator[DecodedFrame]:
    """Frames as PyAV decodes them, with their times; what `read_frames` and `read_planes` hand on.

    Args:
        path: A media file.
        start: As `read_frames`.
        end: As `read_frames`.
        warn: Told of missing or backward stamps, damage and a missing end.
        seek: Whether the index may be used to reach `start`.
    """
    name = shown(path)
    with open_media(path) as container:
        stream = video_stream(container)
        if stream is None:
            raise NoVideo(f"{name} has no video stream; give a video file")
        if stream.codec_context is None:
            raise UnreadableMedia(f"{name} has frames in a codec that is not known here; convert it first")
        stream.thread_type = "AUTO"
        origin = None
        sought = seek
        if seek and start is not None and not is_still(container, stream):
            origin = first_frame_time(path)
            seek = origin is not None and has_index(container) and _seek(container, stream, origin + start)
        clock = FrameClock(frame_step(stream))
        problems: list[Exception] = []
        num_problems_before = 0
        reach, num_packets = Fraction(0), 0
        repair = StampRepair()
        packets = read_packets(container, repair)
        if sought and not seek and origin is not None and start is not None:
            packets = packets_from(packets, stream, origin + start)
        finished = False
        while not finished:
            try:
                packet = next(packets, None)
            except (FFmpegError, OSError) as error:
                problems.append(error)
                break
            if packet is None:
                break
            if packet.pts is not None:
                reach = max(reach, (packet.pts + (packet.duration or 0)) * Fraction(packet.time_base))
            if packet.stream.index != stream.index:
                continue
            num_packets += 1
            for frame in decoded(packet, problems):
                at = clock.place(stamp(frame))
                if at is None:
                    continue
                origin = at if origin is None else origin
                if seek and start is not None and at > origin + start:  # the index led too far: read from the front
                    yield from decoded_frames(path, start, end, warn)
                    return
                seek = False
                num_problems_before = len(problems)
                time = at - origin
                if start is not None and time < start:
                    continue
                if end is not None and time >= end:
                    finished = True
                    break
                yield stream, frame, time
        if seek and clock.last is None:  # the wanted time lies past the end, or the index is wrong
            yield from decoded_frames(path, start, end, warn)
            return
        if clock.last is None or origin is None:
            detail = f" ({problems[0]})" if problems else ""
            raise UnreadableMedia(f"{name} is damaged before its first frame{detail}; copy or record it again")
        for note in repair.notes(float(origin)):
            warn(f"{name}: {note}")
        at = clock.last - origin
        if len(problems) > num_problems_before:
            warn(f"{name} is damaged after {format_time(at)}; the frames before were used")
        if num_problems_before:
            warn(f"{name}: {num_problems_before} damaged packets were skipped")
        missing = 0 if sought else stream.frames - num_packets
        if not finished and not problems and _cut_short(container, reach, missing * clock.step):
            warn(f"{name} is cut short, damaged after {format_time(at)}; the frames before were used")
        if clock.num_missing:
            warn(f"{name}: {clock.num_missing} frames without a time stamp were placed by the frame rate")
        if clock.num_dropped:
            warn(f"{name}: {clock.num_dropped} frames with a time stamp out of order were dropped")


def _seek(container: Any, stream: Any, at: Fraction) -> bool:
    """Go to a key frame before `at` (container-clock seconds); False where the container cannot."""
    try:
        container.seek(int(at / Fraction(stream.time_base)), stream=stream, backward=True)
    except (FFmpegError, OSError):
        return False
    return True


def _cut_short(container: Any, reach: Fraction, missing: Fraction) -> bool:
    """Whether packets ended well before the duration in the header (formats that state it exactly), or whether
    frames for `missing` seconds that the header promises never came."""
    family = container.format.name.split(",")[0]
    if container.duration is None or family not in ("mov", "matroska", "avi"):
        return False
    begin = Fraction(container.start_time or 0, av.time_base)
    short = begin + Fraction(container.duration, av.time_base) - reach
    return short > SHORT_BY or (family == "avi" and missing > SHORT_BY)
