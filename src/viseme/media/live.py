"""Pictures and sound of a stream that can be read once, in the order in which they come. Knows no models.

`pictures` and `sound` open a file once each and may go back; here one reader serves both, and what came is gone.
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
from viseme.media.files import WarningSink, open_container
from viseme.media.info import decoded, frame_step, is_still, picture_stream, stamp
from viseme.media.frames import Picture, PictureConverter
from viseme.media.pipe import PipeReader
from viseme.media.audio import SoundBlock, SoundPlacer, choose_sound
from viseme.media.timing import PictureClock

__all__ = ["LiveMedia"]

JUMP = Fraction(10)
"""Seconds by which time stamps may leap before the stream counts as another one, and ends."""
HELD = Fraction(10)
"""Seconds of sound before the first picture that are kept at most."""
HINT = "a stream must be MPEG-TS, Matroska or another format that is read without going back (an MP4: fragmented)"


class LiveMedia:
    """An open stream: iterate over it once for `Picture` and `SoundBlock` (mono, 16 kHz) as they come.

    Zero is the first picture, as everywhere. A stream that is cut off ends like one that was finished.
    """

    def __init__(
        self,
        source: str | os.PathLike[str] | BinaryIO,
        *,
        max_side: int | None = None,
        audio_stream: int = 0,
        on_warning: Callable[[str], None] | None = None,
    ) -> None:
        """Open a stream and read up to its first picture.

        Args:
            source: "-" for standard input, a path, or an open binary file with a descriptor.
            max_side: The longer side of a picture is scaled down to at most this many pixels.
            audio_stream: Which sound stream, from 0.
            on_warning: Told, in one line each, of damage and odd time stamps.

        Raises:
            NoAudio, NoVideo: the stream has no (such) sound, or no moving picture.
            UnreadableMedia: there is nothing, it is no media, or needs to be read backwards.
        """
        self._pipe = PipeReader(source)
        self._warn = WarningSink(on_warning)
        self._container: Any = None
        self._counts: Counter[str] = Counter()
        try:
            self._open(max_side, audio_stream)
            self._items = self._read()
            self._head: list[Picture | SoundBlock] = []
            for item in self._items:
                self._head.append(item)
                if isinstance(item, Picture):
                    break
            else:
                raise UnreadableMedia(f"{self.name} ends before its first picture; {HINT}")
        except BaseException:
            self.close()
            raise

    @property
    def name(self) -> str:
        """For messages."""
        return self._pipe.name

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the pictures as displayed, before any scaling."""
        first = next(item for item in reversed(self._head) if isinstance(item, Picture))
        height, width = first.image.shape[:2]
        return round(width / first.scale), round(height / first.scale)

    def __iter__(self) -> Iterator[Picture | SoundBlock]:
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

    def _open(self, max_side: int | None, audio_stream: int) -> None:
        try:
            self._container = container = open_container(self._pipe, self.name, HINT)
        except UnreadableMedia:
            if self._pipe.num_bytes == 0:
                raise UnreadableMedia(f"{self.name} is empty (0 bytes); see what the program before it says") from None
            raise
        picture = picture_stream(container)
        if picture is None or is_still(container, picture):
            raise NoVideo(f"{self.name} has no moving picture; send pictures and sound in one stream")
        if picture.codec_context is None:
            raise UnreadableMedia(f"{self.name} has pictures in a codec that is not known here; convert it first")
        if not container.streams.audio:
            raise NoAudio(f"{self.name} has no sound; send pictures and sound in one stream")
        self._picture, self._sound = picture, choose_sound(container, self.name, audio_stream)
        self._convert = PictureConverter(picture, max_side)

    def _read(self) -> Iterator[Picture | SoundBlock]:
        clock, placer = PictureClock(frame_step(self._picture)), SoundPlacer(16000)
        origin: Fraction | None = None
        waiting: list[tuple[Fraction, NDArray[np.float32]]] = []
        num = 0
        for frame in self._frames():
            is_sound = isinstance(frame, av.AudioFrame)
            before = clock.last if not is_sound else None if placer.clock is None else placer.clock.now
            if self._leaps(stamp(frame), before):
                break
            if is_sound:
                waiting += placer.take(frame)
                self._note_gaps(placer)
            elif (at := clock.place(stamp(frame))) is not None:
                origin = at if origin is None else origin
                image, scale = self._convert(frame)
                yield Picture(index=num, time=at - origin, image=image, scale=scale, key=bool(frame.key_frame))
                num += 1
            if origin is not None:
                yield from (SoundBlock(start=at - origin, samples=s, rate=16000) for at, s in waiting)
                waiting.clear()
            while waiting and waiting[-1][0] - waiting[0][0] > HELD:
                self._warn(f"{self.name}: sound more than {float(HELD):.0f} s before the first picture was left out")
                del waiting[0]
        if origin is not None:
            yield from (SoundBlock(start=at - origin, samples=s, rate=16000) for at, s in placer.flush())
        self._counts["pictures without a time stamp"] += clock.num_missing
        self._counts["pictures with a time stamp out of order"] += clock.num_dropped
        for what, count in (+self._counts).items():
            self._warn(f"{self.name}: {count} {what} up to {format_time((clock.last or 0) - (origin or 0))}")

    def _frames(self) -> Iterator[Any]:
        """Decoded frames of both streams; a stream that breaks off ends."""
        packets = self._container.demux(self._picture, self._sound)
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

    def _note_gaps(self, placer: SoundPlacer) -> None:
        clock = placer.clock
        assert clock is not None
        for what, found in (("gaps in the sound, filled,", clock.gaps), ("repetitions, cut,", clock.overlaps)):
            if found:
                self._counts[what] += len(found)
                found.clear()
