"""Moving audio inside a Matroska or WebM file: the time stamps of its blocks change, every other byte stays.

Attachments, tags, editions, chapters, cues and identifiers keep their places. What would begin before the beginning
becomes empty space.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import BinaryIO

from viseme.media.in_place import CopiedRange, Piece, Unsuitable

__all__ = ["LARGEST_SHIFT", "move_mkv_audio"]

LARGEST_SHIFT = Fraction(1, 2)
"""Seconds. Blocks keep their places; those much farther from their frames would be missed after a jump in a player."""

SEGMENT, CLUSTER, TIME, SIMPLE, GROUP, BLOCK = 0x18538067, 0x1F43B675, 0xE7, 0xA3, 0xA0, 0xA1
TRACKS, ENTRY, NUMBER, KIND = 0x1654AE6B, 0xAE, 0xD7, 0x83
INFO, SCALE, CHECKSUM, EMPTY = 0x1549A966, 0x2AD7B1, 0xBF, b"\xec"
AUDIO = 2
ENTERED = (SEGMENT, CLUSTER)
"""Elements that are stepped into; their ends do not matter, so they may have none."""


@dataclass(frozen=True)
class Element:
    """The head of one element."""

    kind: int
    start: int
    body: int
    """Where its content begins."""
    size: int | None
    """Bytes of its content; None = until something else begins."""

    @property
    def end(self) -> int:
        """One past the last byte."""
        assert self.size is not None
        return self.body + self.size


def move_mkv_audio(file: BinaryIO, audios: Collection[int], shift: Fraction) -> Iterator[Piece]:
    """The file with some audio tracks playing `shift` seconds later.

    Args:
        file: A Matroska or WebM file.
        audios: Which tracks, counted from 0 among the audio tracks.
        shift: Seconds; negative = earlier.

    Raises:
        Unsuitable: the file is damaged, or of a make that is not handled here.
    """
    end = file.seek(0, 2)
    at = done = 0
    ticks: int | None = None
    scale, now = 1_000_000, 0
    numbers: set[int] = set()
    while at < end:
        element = _element(file, at, end)
        if element.kind in ENTERED:
            at = element.body
            continue
        if element.size is None:
            raise Unsuitable("an element has no end")
        patch: tuple[int, bytes] | None = None
        if element.kind in (INFO, TRACKS, TIME):
            body = _read(file, element.body, element.size)
            if element.kind == INFO:
                scale = _info_scale(body)
            elif element.kind == TRACKS:
                numbers = _track_numbers(body, audios)
            else:
                now = int.from_bytes(body, "big")
        elif element.kind == CHECKSUM:
            patch = (at, EMPTY)
        elif element.kind in (SIMPLE, GROUP):
            if not numbers:
                raise Unsuitable("its tracks are described after its frames")
            ticks = round(shift * 1_000_000_000 / scale) if ticks is None else ticks
            patch = _moved_block(file, element, numbers, now, ticks)
        if patch is not None:
            yield CopiedRange(done, patch[0])
            yield patch[1]
            done = patch[0] + len(patch[1])
        at = element.end
    yield CopiedRange(done, end)


def _moved_block(file: BinaryIO, element: Element, numbers: set[int], now: int, ticks: int) -> tuple[int, bytes] | None:
    """(place, bytes to put there) for a block that moves; None for one of another track."""
    place = element.body
    if element.kind == GROUP:
        at = element.body
        while at < element.end:
            inner = _element(file, at, element.end)
            if inner.kind == BLOCK:
                place = inner.body
                break
            at = inner.end
        else:
            return None
    head = _read(file, place, 12)
    track, length = _number(head, 0)
    if track not in numbers:
        return None
    time = int.from_bytes(head[length : length + 2], "big", signed=True) + ticks
    if now + time < 0:
        return element.start, EMPTY
    if not -(1 << 15) <= time < 1 << 15:
        raise Unsuitable("its clusters are too long")
    return place + length, time.to_bytes(2, "big", signed=True)


def _info_scale(body: bytes) -> int:
    found = [c for k, c in _children(body) if k == SCALE]
    return int.from_bytes(found[0], "big") if found else 1_000_000


def _track_numbers(body: bytes, audios: Collection[int]) -> set[int]:
    """Track numbers of some audio tracks."""
    entries = [dict(_children(content)) for kind, content in _children(body) if kind == ENTRY]
    tracks = [int.from_bytes(e[NUMBER], "big") for e in entries if int.from_bytes(e.get(KIND, b""), "big") == AUDIO]
    if any(a >= len(tracks) for a in audios):
        raise Unsuitable("its tracks are not as expected")
    return {tracks[a] for a in audios}


def _children(body: bytes) -> Iterator[tuple[int, bytes]]:
    at = 0
    while at < len(body):
        kind, length = _number(body, at, keep_marker=True)
        size, more = _number(body, at + length)
        begin = at + length + more
        yield kind, body[begin : begin + size]
        at = begin + size


def _element(file: BinaryIO, at: int, end: int) -> Element:
    """The head of the element at a place.

    Raises:
        Unsuitable: nothing sensible lies there.
    """
    head = _read(file, at, 12)
    kind, length = _number(head, 0, keep_marker=True)
    size, more = _number(head, length)
    body = at + length + more
    if size == (1 << 7 * more) - 1:
        return Element(kind, at, body, None)
    if body + size > end:
        raise Unsuitable("the file is cut short")
    return Element(kind, at, body, size)


def _number(data: bytes, at: int, *, keep_marker: bool = False) -> tuple[int, int]:
    """(value, length in bytes) of a number of variable length."""
    if at >= len(data) or not data[at]:
        raise Unsuitable("it is damaged")
    length = 9 - data[at].bit_length()
    value = int.from_bytes(data[at : at + length], "big")
    return (value if keep_marker else value & (1 << 7 * length) - 1), length


def _read(file: BinaryIO, at: int, num: int) -> bytes:
    file.seek(at)
    return file.read(num)
