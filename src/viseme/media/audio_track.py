"""One audio stream decoded on an even grid and encoded again, for containers that cannot carry an offset."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from viseme.core.errors import OutputError
from viseme.media.audio import AudioReader, choose_audio, layout_name, planes
from viseme.media.files import WarningSink, open_media
from viseme.media.info import stamp
from viseme.media.retimed_piece import RetimedPiece
from viseme.media.retiming import retimed
from viseme.media.search import shown
from viseme.media.timing import AudioClock
from viseme.media.writer import AudioEncoder, has_encoder, holds_audio, lossless

__all__ = ["AudioTrack", "codec_family", "encoder_for"]

AHEAD = Fraction(1, 2)
"""Seconds by which encoded audio runs ahead of the frames, so that packets interleave."""

ENCODERS = {"mp3": "libmp3lame", "opus": "libopus", "vorbis": "libopus"}
"""Codec -> encoder where the names differ (Vorbis becomes Opus: FFmpeg's own Vorbis encoder is experimental)."""

FALLBACKS = {
    "webm": ("libopus",),
    "mpeg": ("mp2",),
    "avi": ("pcm_s16le", "libmp3lame"),
    "asf": ("wmav2",),
    "mxf": ("pcm_s16le",),
    "flv": ("aac",),
}
"""Muxer -> encoders to use where it cannot hold the source's codec."""


def codec_family(decoder: str) -> str:
    """A decoder's codec: `mp3float` -> `mp3`, `libopus` -> `opus`."""
    return decoder.removeprefix("lib").removesuffix("float").removesuffix("_fixed")


def encoder_for(decoder: str, container: Any) -> str:
    """The encoder nearest to a source's codec that the output container holds; lossless stays lossless if it can.

    Raises:
        OutputError: there is none.
    """
    family = codec_family(decoder)
    muxer = container.format.name
    keeps = ("flac", "alac") if lossless(family) else ()
    for name in (ENCODERS.get(family, family), *keeps, *FALLBACKS.get(muxer, ()), "aac", "mp2"):
        if has_encoder(name) and name in container.supported_codecs and holds_audio(muxer, name):
            return name
    raise OutputError(f"no audio encoder fits the container {muxer!r}; use .mkv")


def _timeline(path: Path, index: int, warn: WarningSink) -> Iterator[tuple[Fraction, Any, NDArray[np.float32]]]:
    """(container-clock seconds, frame that tells rate and layout, (channels, S) samples), without holes."""
    with open_media(path) as container:
        reader = AudioReader(container, choose_audio(container, path, index))
        clock: AudioClock | None = None
        for frame in reader:
            if clock is None:
                clock = AudioClock(frame.sample_rate)
            elif frame.sample_rate != clock.rate:
                raise OutputError(f"{shown(path)}: the audio changes its sample rate; convert it to one rate first")
            zeros, cut = clock.place(stamp(frame), frame.samples)
            at = clock.now - Fraction(zeros + frame.samples - cut, clock.rate)
            data = planes(frame)[:, cut:]
            for done in range(0, zeros, clock.rate):
                num = min(clock.rate, zeros - done)
                yield at + Fraction(done, clock.rate), frame, np.zeros((len(data), num), np.float32)
            yield at + Fraction(zeros, clock.rate), frame, data
        if clock is not None:
            reader.warn(shown(path), clock.now - (clock.start or 0), warn)


def _until(
    source: Iterator[tuple[Fraction, Any, NDArray[np.float32]]], end: Fraction
) -> Iterator[tuple[Fraction, Any, NDArray[np.float32]]]:
    """The samples before `end`, seconds on the source's clock."""
    for at, frame, samples in source:
        left = math.ceil((end - at) * frame.sample_rate)
        yield at, frame, samples[:, : max(0, left)]
        if left <= samples.shape[1]:
            return


class AudioTrack:
    """Feeds one shifted audio stream to an output container in step with the frames.

    Output second 0 is the container's zero: audio before it is cut, silence fills up to the first sample after it.
    """

    def __init__(
        self,
        container: Any,
        path: Path,
        index: int,
        shift: Fraction,
        warn: WarningSink,
        *,
        pieces: Sequence[RetimedPiece] = (),
        origin: Fraction = Fraction(0),
        codec: str | None = None,
        end: Fraction | None = None,
    ) -> None:
        """Begin to read.

        Args:
            container: The output.
            path: The source.
            index: Its audio stream.
            shift: Seconds to add to the source's container clock.
            warn: Told of damage and of losses.
            pieces: Where each piece of the audio lies, before `shift`.
            origin: Seconds of the first frame on the source's container clock.
            codec: The encoder; None = the one nearest to the source's codec.
            end: Seconds of the output at which the audio ends; None = where the source ends.
        """
        self._source: Any = _timeline(path, index, warn)
        if pieces:
            self._source = retimed(self._source, pieces, origin=origin)
        if end is not None:
            self._source = _until(self._source, end - shift)
        self._shift = shift
        self._held = next(self._source, None)
        if self._held is None:
            raise OutputError(f"{shown(path)}: nothing in audio stream {index} can be decoded")
        frame = self._held[1]
        with open_media(path) as look:
            source = choose_audio(look, path, index)
            decoder, bits = source.codec_context.name, frame.format.bits
            self.metadata = dict(source.metadata)
        chosen = codec is not None
        codec = codec or encoder_for(decoder, container)
        layout = layout_name(frame)
        narrow = frame.layout.nb_channels > 2 and codec in ("mp2", "libmp3lame", "wmav2")
        self._encoder = AudioEncoder(
            container, codec, rate=frame.sample_rate, layout=layout, out_layout="stereo" if narrow else None, bits=bits
        )
        self._encoder.stream.metadata.update(self.metadata)
        self._done = 0
        self.num_samples = 0
        """Samples of the source written so far."""
        if narrow:
            warn(f"{shown(path)}: {layout} audio was mixed to stereo, which is what {codec} holds")
        if lossless(codec_family(decoder)) and not lossless(codec) and not chosen:
            warn(f"{shown(path)}: the lossless audio was encoded as {codec}; use .mkv to keep it lossless")

    def advance(self, time: Fraction | None) -> None:
        """Encode up to a little after `time` seconds of the output; None = everything, and the end."""
        rate = self._encoder.rate
        while self._held is not None and (time is None or Fraction(self._done, rate) < time + AHEAD):
            at, _, samples = self._held
            position = math.floor((at + self._shift) * rate + Fraction(1, 2))
            if position < self._done:
                samples, position = samples[:, self._done - position :], self._done
            if samples.shape[1]:
                if self._done < position:
                    num = min(rate, position - self._done)
                    self._encoder.write(np.zeros((len(samples), num), np.float32), self._done)
                    self._done += num
                    continue
                self._encoder.write(samples, position)
                self.num_samples += samples.shape[1]
                self._done = position + samples.shape[1]
            self._held = next(self._source, None)
        if time is None:
            self._encoder.flush()

    def close(self) -> None:
        """Let go of the source."""
        self._source.close()
