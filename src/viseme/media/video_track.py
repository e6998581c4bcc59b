"""The video of a file encoded again from changed frames, beside the packets that are copied.

Knows encoders and time stamps; refuses to know what was changed.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from itertools import chain
from typing import Any

from av.error import FFmpegError

from viseme.core.errors import OutputError
from viseme.core.time import format_time
from viseme.media.containers import MOV_FAMILY
from viseme.media.files import reason
from viseme.media.info import pixel_aspect
from viseme.media.planes import FramePlanes
from viseme.media.writer import FIXED_RATE, LOWEST_FALLBACK, STILL_CODECS, has_encoder

__all__ = ["VideoTrack", "encoder_of"]

RGB_SPACE, BT601_SPACE = 0, 6
"""Numbers of colour spaces in ITU-T H.273."""
TURNED = (*MOV_FAMILY, "matroska", "webm")
"""Muxers that say how frames are turned for display."""
SAME_TIME = Fraction(1, 1000)
"""Seconds by which a frame may miss its place in a container without time stamps."""


def encoder_of(muxer: str) -> str:
    """The frame encoder for a container: H.264 wherever it is at home and built in."""
    wanted = STILL_CODECS.get(muxer, "libx264")
    return wanted if has_encoder(wanted) else LOWEST_FALLBACK


class VideoTrack:
    """Frames -> packets of one stream of an output container, at their times."""

    def __init__(self, out: Any, source: Any, frames: Iterator[FramePlanes], *, start: Fraction, crf: int) -> None:
        """Add the stream: size, rate, pixel shape, turn and colour tags of the source.

        Args:
            out: PyAV's output container.
            source: The stream that the frames come from.
            frames: At least one, times rising.
            start: Seconds of the output at which time 0 of the frames lies.
            crf: Quality of libx264 and libvpx, lower is better.

        Raises:
            OutputError: the container or the encoder cannot hold the frames.
        """
        first = next(frames)
        self._frames, self._start = chain([first], frames), start
        self.num_frames = 0
        """Frames encoded so far."""
        codec = encoder_of(out.format.name)
        rate = Fraction(source.average_rate or source.guessed_rate or 25)
        self._fixed = 1 / rate if out.format.name in FIXED_RATE else None
        self._tick = self._fixed or _tick(source)
        picture = first.frame
        try:
            stream = out.add_stream(codec, rate=rate, options=_options(codec, crf))
            stream.width, stream.height, stream.pix_fmt = picture.width, picture.height, picture.format.name
            context = stream.codec_context
            context.time_base = self._tick
            if not stream.options:
                context.qmin, context.qmax = 2, 5
            for name in ("color_range", "colorspace", "color_primaries", "color_trc"):
                setattr(context, name, getattr(picture, name))
            if int(picture.colorspace) == RGB_SPACE:  # it was converted, as FFmpeg does where nothing is said: BT.601
                context.colorspace = BT601_SPACE
            stream.time_base = self._tick
            context.sample_aspect_ratio = pixel_aspect(source)
            _keep_turn(stream, first, out.format.name)
        except (ValueError, FFmpegError) as error:
            raise OutputError(f"{out.format.name} cannot hold these frames ({reason(error)}); use .mkv") from error
        self.stream = stream

    def packets(self) -> Iterator[Any]:
        """Encoded packets in the order of decoding, stamped for the output.

        Raises:
            OutputError: the container holds no frame at an uneven time.
        """
        last: int | None = None
        for planes in self._frames:
            at = planes.time + self._start
            ticks = round(at / self._tick)
            if self._fixed is not None and abs(ticks * self._tick - at) > SAME_TIME:
                raise OutputError(f"this container cannot hold a frame at {format_time(at)}; use .mkv or .mp4")
            if last is not None and ticks <= last:
                raise OutputError(f"two frames fall on one time stamp at {format_time(at)}; use .mkv or .mp4")
            frame, last = planes.frame, ticks
            frame.pts, frame.time_base, frame.pict_type = ticks, self._tick, 0
            self.num_frames += 1
            yield from self.stream.encode(frame)
        yield from self.stream.encode(None)


def _tick(source: Any) -> Fraction:
    """The source's own unit of time, or a part of it fine enough for frames that are added."""
    tick = Fraction(source.time_base)
    return tick if tick <= Fraction(1, 1000) else tick / -(-tick.numerator * 12000 // tick.denominator)


def _options(codec: str, crf: int) -> dict[str, str]:
    if codec == "libx264":
        return {"crf": str(crf), "preset": "fast"}
    if codec.startswith("libvpx"):
        speed = "0" if codec == "libvpx-vp9" else "4M"
        return {"crf": str(crf), "b": speed, "cpu-used": "5", "deadline": "realtime"}
    return {}


def _keep_turn(stream: Any, planes: FramePlanes, muxer: str) -> None:
    """Tell players how the stored frames are turned, as the source does."""
    if planes.display_matrix is None:
        return
    if muxer not in TURNED:
        raise OutputError(f"{muxer} cannot say that the video is turned; use .mp4 or .mkv")
    if not hasattr(stream, "set_display_matrix"):
        raise OutputError("the video is turned, which this PyAV cannot write; pip install --upgrade av")
    stream.set_display_matrix(planes.display_matrix)
