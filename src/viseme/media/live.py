"""Frames and audio of a stream that can be read once, in the order in which they come. Knows no models.

`frames` and `audio` open a file once each and may go back; here one reader serves both, and what came is gone.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator
from fractions import Fraction
from typing import Any, BinaryIO

import av
import numpy as np
from av.error import FFmpegError
from numpy.typing import NDArray

from viseme.core.errors import NoAudio, NoVideo, UnreadableMedia
from viseme.core.time import format_time
from viseme.media.audio import AudioBlock, AudioPlacer, choose_audio
from viseme.media.audio_choice import likeliest_audio
from viseme.media.files import WarningSink, open_container
from viseme.media.frames import Frame, FrameConverter
from viseme.media.info import decoded, frame_step, is_still, stamp, video_stream
from viseme.media.pipe import PipeReader
from viseme.media.timing import FrameClock

__all__ = ["LiveMedia"]

JUMP = Fraction(10)
"""Seconds by which time stamps may leap before the stream counts as another one, and ends."""
HELD = Fraction(10)
"""Seconds of audio before the first frame that are kept at most."""
HINT = "a stream must be MPEG-TS, Matroska or another format that is read without going back (an MP4: fragmented)"


class LiveMedia:
    """An open stream: iterate over it once for `Frame` and `AudioBlock` (mono, 16 kHz) as they come.

    Zero is the first frame, as everywhere. A stream that is cut off ends like one that was finished.
    """

    def __init__(
        self,
        source: str | os.PathLike[str] | BinaryIO,
        *,
        max_side: int | None = None,
        audio_stream: int | None = None,
        on_warning: Callable[[str], None] | None = None,
    ) -> None:
        """Open a stream and read up to its first frame.

        Args:
            source: "-" for standard input, a path, or an open binary file with a descriptor.
            max_side: The longer side of a frame is scaled down to at most this many pixels.
            audio_stream: Which audio stream, from 0; None = the one that the source marks as default.
            on_warning: Told, in one line each, of damage and odd time stamps.

        Raises:
            NoAudio, NoVideo: the stream has no (such) audio, or no moving frame.
            UnreadableMedia: there is nothing, it is no media, or needs to be read backwards.
        """
        self._pipe = PipeReader(source)
        self._warn = WarningSink(on_warning)
        self._container: Any = None
        self._counts: Counter[str] = Counter()
        try:
            self._open(max_side, audio_stream)
            self._items = self._read()
            self._head: list[Frame | AudioBlock] = []
            for item in self._items:
                self._head.append(item)
                if isinstance(item, Frame):
                    break
            else:
                raise UnreadableMedia(f"{self.name} ends before its first frame; {HINT}")
        except BaseException:
            self.close()
            raise

    @property
    def name(self) -> str:
        """For messages."""
        return self._pipe.name

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the frames as displayed, before any scaling."""
        first = next(item for item in reversed(self._head) if isinstance(item, Frame))
        height, width = first.image.shape[:2]
        return round(width / first.scale), round(height / first.scale)

    def __iter__(self) -> Iterator[Frame | AudioBlock]:
        yield from self._head
        yield from self._items

    def stop(self) -> None:
        """End the stream for whoever iterates, in another thread."""
        self._pipe.stop()

    def close(self) -> None:
        """Let go of the source; nobody may be iterating any more."""
        self._pipe.stop()
        if self._container is not None:
            self._container.close()
        self._pipe.close()

    def _open(self, max_side: int | None, audio_stream: int | None) -> None:
        try:
            self._container = container = open_container(self._pipe, self.name, HINT)
        except UnreadableMedia:
            if self._pipe.num_bytes == 0:
                raise UnreadableMedia(f"{self.name} is empty (0 bytes); see what the program before it says") from None
            raise
        frame = video_stream(container)
        if frame is None or is_still(container, frame):
            raise NoVideo(f"{self.name} has no moving frame; send frames and audio in one stream")
        if frame.codec_context is None:
            raise UnreadableMedia(f"{self.name} has frames in a codec that is not known here; convert it first")
        if not container.streams.audio:
            raise NoAudio(f"{self.name} has no audio; send frames and audio in one stream")
        self._frame, self._audio = frame, choose_audio(container, self.name, likeliest_audio(container, audio_stream))
        self._convert = FrameConverter(frame, max_side)

    def _read(self) -> Iterator[Frame | AudioBlock]:
        clock, placer = FrameClock(frame_step(self._frame)), AudioPlacer(16000)
        origin: Fraction | None = None
        waiting: list[tuple[Fraction, NDArray[np.float32]]] = []
        num = 0
        for frame in self._frames():
            is_audio = isinstance(frame, av.AudioFrame)
            before = clock.last if not is_audio else None if placer.clock is None else placer.clock.now
            if self._leaps(stamp(frame), before):
                break
            if is_audio:
                waiting += placer.take(frame)
                self._note_gaps(placer)
            elif (at := clock.place(stamp(frame))) is not None:
                origin = at if origin is None else origin
                image, scale = self._convert(frame)
                yield Frame(index=num, time=at - origin, image=image, scale=scale, key=bool(frame.key_frame))
                num += 1
            if origin is not None:
                yield from (AudioBlock(start=at - origin, samples=s, rate=16000) for at, s in waiting)
                waiting.clear()
            while waiting and waiting[-1][0] - waiting[0][0] > HELD:
                self._warn(f"{self.name}: audio more than {float(HELD):.0f} s before the first frame was left out")
                del waiting[0]
        if origin is not None:
            yield from (AudioBlock(start=at - origin, samples=s, rate=16000) for at, s in placer.flush())
        self._counts["frames without a time stamp"] += clock.num_missing
        self._counts["frames with a time stamp out of order"] += clock.num_dropped
        for what, count in (+self._counts).items():
            self._warn(f"{self.name}: {count} {what} up to {format_time((clock.last or 0) - (origin or 0))}")

    def _frames(self) -> Iterator[Any]:
        """Decoded frames of both streams; a stream that breaks off ends."""
        packets = self._container.demux(self._frame, self._audio)
        problems: list[Exception] = []
        while True:
            try:
                packet = next(packets, None)
            except (FFmpegError, OSError):
                self._counts["break in the middle of a packet"] += 1
                return
            if packet is None:
                return
            yield from decoded(packet, problems)
            if problems:
                self._counts[f"damaged packets of {packet.stream.type}"] += len(problems)
                problems.clear()

    def _leaps(self, at: Fraction | None, before: Fraction | None) -> bool:
        if at is None or before is None or abs(at - before) <= JUMP:
            return False
        self._warn(f"{self.name}: the time stamps leap by {float(at - before):+.0f} s; what follows was not read")
        return True

    def _note_gaps(self, placer: AudioPlacer) -> None:
        clock = placer.clock
        assert clock is not None
        for what, found in (("gaps in the audio, filled,", clock.gaps), ("repetitions, cut,", clock.overlaps)):
            if found:
                self._counts[what] += len(found)
                found.clear()
