"""Writing a video from frames and samples. Knows encoders; refuses to know where frames come from."""

from __future__ import annotations

import math
import os
from contextlib import ExitStack
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Any

import av
import numpy as np
from av.error import FFmpegError
from numpy.typing import NDArray

from viseme.core.errors import OutputError
from viseme.core.time import as_seconds
from viseme.media.containers import CONTAINERS, MOV_FAMILY
from viseme.media.files import BUFFER_SIZE, OutputFile, reason, replacing
from viseme.media.search import shown

__all__ = ["VideoWriter"]

AUDIO_CODECS = {"mov": "pcm_s16le", "matroska": "flac", "webm": "libopus", "avi": "pcm_s16le", "mpeg": "mp2"}
"""Muxer -> audio encoder; `aac` for the others."""

STILL_CODECS = {"webm": "libvpx-vp9", "mpeg": "mpeg1video", "avi": "mpeg4"}
"""Muxer -> frame encoder; `libx264` for the others, `mpeg4` where that is not built in."""

LOWEST_FALLBACK = "mpeg4"
FIXED_RATE = ("avi", "mpeg")
"""Muxers that cannot hold frames at uneven times."""


def muxer_for(out: str | os.PathLike[str]) -> str:
    """FFmpeg's muxer for a file name.

    Raises:
        OutputError: the extension is not one we write.
    """
    extension = Path(os.fsdecode(os.fspath(out))).suffix.lower()
    if extension not in CONTAINERS:
        raise OutputError(f"{shown(out)}: cannot tell the container from {extension or 'no extension'!r}; use .mkv")
    return CONTAINERS[extension]


def audio_encoder_of(muxer: str) -> str:
    """The audio encoder that a container's players expect."""
    return AUDIO_CODECS.get(muxer, "aac")


def lossless(codec: str) -> bool:
    """Whether audio codec keeps every sample."""
    return codec.startswith("pcm_") or codec in ("flac", "alac", "wavpack", "tta", "truehd", "mlp", "ape", "tak")


def holds_audio(muxer: str, codec: str) -> bool:
    """Whether readers find this audio again in the container.

    FFmpeg's own table lets a few pairs pass and then fails, or writes what no player plays.
    """
    if codec.startswith("pcm_"):
        return muxer not in ("mp4", "ipod", "3gp", "mpegts", "mpeg", "webm", "flv")
    if muxer in ("mpegts", "mpeg"):
        return not lossless(codec)
    return not (muxer in ("mov", "3gp") and codec in ("flac", "opus", "libopus", "vorbis"))


def has_encoder(name: str) -> bool:
    """Whether this FFmpeg can encode with it."""
    try:
        av.Codec(name, "w")
    except (FFmpegError, ValueError):
        return False
    return True


def open_output(file: OutputFile, muxer: str, *, any_tags: bool = False) -> Any:
    """A PyAV output container on an open file; MP4 and MOV get their index in front.

    Args:
        file: Where the bytes go.
        muxer: FFmpeg's name of the container.
        any_tags: In MP4 and MOV, write tags by name (QuickTime keys), not only the well-known ones.
    """
    flags = "+faststart" + "+use_metadata_tags" * any_tags
    options = {"movflags": flags, "movie_timescale": "48000"} if muxer in MOV_FAMILY else {}
    return av.open(file, "w", format=muxer, container_options=options, buffer_size=BUFFER_SIZE, io_open=file.again)


def encoder_delay(codec: str, rate: int, layout: str) -> int:
    """Samples of padding that an encoder puts in front of the audio."""
    context: Any = av.CodecContext.create(codec, "w")
    formats = av.Codec(codec, "w").audio_formats
    assert formats
    context.sample_rate, context.layout, context.format = rate, layout, formats[0]
    context.time_base = Fraction(1, rate)
    for position in range(0, 20 * 1024, 1024):
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), "fltp", "mono")
        frame.sample_rate, frame.time_base, frame.pts = rate, Fraction(1, rate), position
        for packet in context.encode(frame):
            return max(0, -round((packet.pts or 0) * Fraction(packet.time_base) * rate))
    return 0


class AudioEncoder:
    """Float samples -> packets of one audio stream of an output container.

    Containers that count audio from zero instead of stamping it (AVI) cannot say that an encoder put padding in
    front; there the padding replaces as much audio at the very beginning, so that the rest keeps its time.
    """

    def __init__(
        self, container: Any, codec: str, *, rate: int, layout: str, out_layout: str | None = None, bits: int = 16
    ) -> None:
        allowed = av.Codec(codec, "w").audio_rates
        self.rate = rate
        """Samples per second of what is written to it."""
        self._container, self._layout = container, layout
        out_rate = rate if not allowed or rate in allowed else min((r for r in allowed if r >= rate), default=48000)
        out_layout = out_layout or layout
        self.stream = container.add_stream(codec, rate=out_rate, layout=out_layout)
        if bits > 16 and codec in ("flac", "alac"):
            self.stream.format = "s32" if codec == "flac" else "s32p"
        if not lossless(codec):
            self.stream.bit_rate = 160_000 if out_rate < 32000 else 192_000
        counted = container.format.name == "avi"
        delay = encoder_delay(codec, out_rate, out_layout) if counted and not lossless(codec) else 0
        self._first = math.ceil(Fraction(delay * rate, out_rate)) if counted else None

    def write(self, samples: NDArray[np.float32], position: int) -> None:
        """Encode samples (channels, S), the first of which is sample number `position` (may be negative)."""
        if self._first is not None and position < self._first:
            samples, position = samples[:, self._first - position :], self._first
        if not samples.shape[1]:
            return
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples, np.float32), "fltp", self._layout)
        frame.sample_rate, frame.time_base, frame.pts = self.rate, Fraction(1, self.rate), position
        self._container.mux(self.stream.encode(frame))

    def flush(self) -> None:
        """Write what the encoder still holds."""
        self._container.mux(self.stream.encode(None))


class VideoWriter:
    """Writes a video; the file appears when the block ends well and not at all when it does not.

    Example:
        >>> import tempfile
        >>> folder = tempfile.TemporaryDirectory()
        >>> with VideoWriter(f"{folder.name}/a.mp4", width=64, height=48, rate=Fraction(25)) as video:
        ...     for _ in range(5):
        ...         video.write(np.zeros((48, 64, 3), np.uint8))
        >>> video.num_frames
        5
        >>> folder.cleanup()
    """

    def __init__(
        self,
        out: str | os.PathLike[str],
        *,
        width: int,
        height: int,
        rate: Fraction | int,
        audio_rate: int | None = None,
        codec: str | None = None,
        audio_codec: str | None = None,
        crf: int | None = None,
    ) -> None:
        """Describe the file; nothing is touched before the `with` block.

        Args:
            out: Name; the extension chooses the container (mp4, mov, mkv, webm, avi, mpg, ts, ...).
            width: Pixels, even.
            height: Pixels, even.
            rate: Frames per second.
            audio_rate: Samples per second of the audio; None = no audio.
            codec: Frame encoder. None = `libx264`, or `mpeg4` where FFmpeg lacks it (`self.codec` tells), and what
                the container wants for webm, mpg and avi.
            audio_codec: Audio encoder. None = by container: aac, flac in mkv, PCM in mov, opus in webm, ...
            crf: Quality of libx264 and libvpx-vp9, lower is better. None = 18.

        Raises:
            OutputError: unknown extension, or the encoder does not exist here.
            ValueError: odd or non-positive sizes or rates.
        """
        if width < 2 or height < 2 or width % 2 or height % 2:
            raise ValueError(f"width and height must be even and positive, got {width} x {height}")
        if rate <= 0 or (audio_rate is not None and audio_rate <= 0):
            raise ValueError(f"rates must be positive, got {rate} and {audio_rate}")
        self.muxer = muxer_for(out)
        """FFmpeg's name of the container written."""
        wanted = STILL_CODECS.get(self.muxer, "libx264")
        self.codec = codec or (wanted if has_encoder(wanted) else LOWEST_FALLBACK)
        """The frame encoder really used."""
        self.audio_codec = audio_codec or audio_encoder_of(self.muxer)
        """The audio encoder used if there is audio."""
        for name in (self.codec, *([self.audio_codec] if audio_rate else [])):
            if not has_encoder(name):
                raise OutputError(f"{shown(out)}: this FFmpeg has no encoder {name!r}; name another codec")
        self.num_frames = 0
        """Frames written so far."""
        self._out, self._width, self._height, self._rate = out, width, height, Fraction(rate)
        self._audio_rate, self._crf = audio_rate, 18 if crf is None else crf
        self._last: int | None = None
        self._audio_end: int | None = None
        self._stack = ExitStack()

    def __enter__(self) -> VideoWriter:
        try:
            file = self._stack.enter_context(replacing(self._out))
            self._container = self._stack.enter_context(open_output(file, self.muxer))
            fixed = self.muxer in FIXED_RATE
            finer = 1 if fixed else max(1, 12000 // self._rate.numerator)
            self._tick = Fraction(1, self._rate.numerator * finer) * (self._rate.denominator if fixed else 1)
            options = {"crf": str(self._crf)} if self.codec in ("libx264", "libvpx-vp9", "libvpx") else {}
            if self.codec.startswith("libvpx"):
                options |= {"b": "0" if self.codec == "libvpx-vp9" else "4M", "cpu-used": "5", "deadline": "realtime"}
            if self.codec == "libx264":
                options["x264-params"] = "force-cfr=1"  # the stream's own header states `rate`, not the ticks
            stream = self._container.add_stream(self.codec, rate=self._rate, options=options)
            stream.width, stream.height = self._width, self._height
            stream.pix_fmt = "yuv420p"
            stream.codec_context.time_base = self._tick
            if not options:
                stream.codec_context.qmin, stream.codec_context.qmax = 2, 5
            self._stream = stream
            self._audio = None
            if self._audio_rate is not None:
                self._audio = AudioEncoder(self._container, self.audio_codec, rate=self._audio_rate, layout="mono")
        except BaseException as error:
            if not self._stack.__exit__(type(error), error, error.__traceback__):
                raise self._named(error) from error
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None:
            self._stack.__exit__(kind, error, trace)
            return
        with self._stack:
            try:
                self._container.mux(self._stream.encode(None))
                if self._audio is not None:
                    self._audio.flush()
                self._container.close()
            except FFmpegError as problem:
                raise self._named(problem) from problem

    def _named(self, error: BaseException) -> BaseException:
        if isinstance(error, FFmpegError):
            return OutputError(f"{shown(self._out)} cannot be encoded: {reason(error)}")
        return error

    def write(self, image: NDArray[np.uint8], time: Fraction | float | None = None) -> None:
        """Append one frame.

        Args:
            image: (H, W, 3) RGB uint8 of the declared size.
            time: Seconds from the first frame; None = one frame period after the frame before.

        Raises:
            ValueError: another size, a time not after the one before, or an uneven time in AVI or MPG.
        """
        if image.shape != (self._height, self._width, 3) or image.dtype != np.uint8:
            raise ValueError(f"expected uint8 of shape ({self._height}, {self._width}, 3), got {image.shape}")
        period = 1 / self._rate
        if time is None:
            ticks = 0 if self._last is None else self._last + round(period / self._tick)
        else:
            ticks = round(as_seconds(time) / self._tick)
            if self.muxer in FIXED_RATE and abs(ticks * self._tick - as_seconds(time)) > Fraction(1, 1000):
                raise ValueError(f"{self.muxer} cannot hold a frame at {float(time):.4f} s; use .mkv or .mp4")
        if self._last is not None and ticks <= self._last:
            raise ValueError(f"frame times must increase; {float(ticks * self._tick):.4f} s does not")
        frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(image), "rgb24")
        frame.pts, frame.time_base = ticks, self._tick
        self._container.mux(self._stream.encode(frame))
        self._last = ticks
        self.num_frames += 1

    def write_audio(self, samples: NDArray[np.float32], start: Fraction | float | None = None) -> None:
        """Append mono audio.

        Args:
            samples: (S,) float32 in [-1, 1] at `audio_rate`.
            start: Seconds of the first sample; a hole after the audio before is filled with zeros. None = no hole.
                Audio before zero is kept where the container can (mkv, ts), cut by it elsewhere (mp4, mov).

        Raises:
            ValueError: no `audio_rate` was given, or `start` lies before the end of the audio so far.
        """
        if self._audio is None:
            raise ValueError("this video was opened without audio; give audio_rate")
        at = (self._audio_end or 0) if start is None else round(as_seconds(start) * self._audio.rate)
        if self._audio_end is not None:
            if at < self._audio_end:
                raise ValueError(f"audio at {float(at / self._audio.rate):.4f} s is already written")
            for begin in range(self._audio_end, at, self._audio.rate):
                self._audio.write(np.zeros((1, min(self._audio.rate, at - begin)), np.float32), begin)
        self._audio.write(np.asarray(samples, np.float32).reshape(1, -1), at)
        self._audio_end = at + len(samples)
