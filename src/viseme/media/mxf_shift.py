"""Moving PCM audio inside an MXF file: the samples move within the places they have, every other byte stays.

Frames, timecode, data tracks and the index keep their places, so nothing that counts bytes has to change. D-10 (IMX)
files hold eight channels of AES3 words in every element, whatever is used of them (SMPTE 331M).
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import BinaryIO

import numpy as np

from viseme.media.in_place import CopiedRange, Piece, Unsuitable

__all__ = ["SoundPlaces", "move_mxf_samples", "sound_places"]

LABEL = b"\x06\x0e\x2b\x34"
MOST_HEAD = 29
"""Bytes of a key, the longest length and a count of samples."""
SOUND = bytes.fromhex("060e2b34010201000d01030116")
"""First bytes of the key of generic sound, the version (byte 7) as zero."""
D10_SOUND = bytes.fromhex("060e2b34010201000d01030106")
"""The same of the sound of D-10."""
D10_HEAD = 4
"""Bytes before the samples of a D-10 element; two of them count its samples."""
D10_SILENCE = b"".join(bytes((channel, 0, 0, 0)) for channel in range(8))
"""A silent sample of all channels in D-10: the lowest bits of a word say which channel it is of."""
AES3_SAMPLE = 0x0FFFFFF0
"""Bits of an AES3 word that are audio."""


@dataclass
class SoundPlaces:
    """Where the samples of one sound track lie."""

    starts: list[int] = field(default_factory=list)
    """Places in the file, in order."""
    sizes: list[int] = field(default_factory=list)
    """Bytes at each."""
    silence: bytes = b"\0"
    """What is repeated where there is no audio."""

    @property
    def is_d10(self) -> bool:
        """Whether its samples are AES3 words of eight channels."""
        return self.silence == D10_SILENCE

    def is_silent(self, samples: bytes) -> bool:
        """Whether samples of the track are all zero."""
        return not (np.frombuffer(samples, "<u4") & AES3_SAMPLE).any() if self.is_d10 else not any(samples)

    def holds(self, place: int) -> bool:
        """Whether a byte of the file, at which an element or its samples begin, belongs to the track."""
        index = bisect_right(self.starts, place + MOST_HEAD) - 1
        return index >= 0 and self.starts[index] - MOST_HEAD <= place < self.starts[index] + self.sizes[index]

    def last_bytes(self, file: BinaryIO, num: int) -> Iterator[bytes]:
        """The last `num` bytes of its samples, from the last element back."""
        for start, size in zip(reversed(self.starts), reversed(self.sizes)):
            if num <= 0:
                return
            file.seek(start + max(0, size - num))
            yield file.read(min(num, size))
            num -= size


def sound_places(file: BinaryIO) -> dict[bytes, SoundPlaces]:
    """Every generic sound track of an MXF file, by the key of its elements.

    Raises:
        Unsuitable: the file does not consist of keys, lengths and values to its end.
    """
    end = file.seek(0, 2)
    at = 0
    found: dict[bytes, SoundPlaces] = {}
    while at < end:
        file.seek(at)
        head = file.read(25)
        if len(head) < 17 or head[:4] != LABEL:
            raise Unsuitable("bytes lie between its elements")
        num = head[16] & 0x7F if head[16] & 0x80 else 0
        length = int.from_bytes(head[17 : 17 + num], "big") if num else head[16]
        value = at + 17 + num
        if num > 8 or value + length > end:
            raise Unsuitable("an element is cut short")
        kind = head[:7] + b"\0" + head[8:13]
        if kind == SOUND:
            places = found.setdefault(head[:16], SoundPlaces())
            places.starts.append(value)
            places.sizes.append(length)
        elif kind == D10_SOUND:
            places = found.setdefault(head[:16], SoundPlaces(silence=D10_SILENCE))
            places.starts.append(value + D10_HEAD)
            places.sizes.append(_d10_size(file, value, length))
        at = value + length
    return found


def _d10_size(file: BinaryIO, value: int, length: int) -> int:
    """Bytes of the samples of a D-10 element, as its own count says."""
    file.seek(value)
    size = int.from_bytes(file.read(D10_HEAD)[1:3], "little") * len(D10_SILENCE)
    if D10_HEAD + size > length:
        raise Unsuitable("an element has fewer samples than it says")
    return size


def move_mxf_samples(file: BinaryIO, moves: list[tuple[SoundPlaces, int]]) -> Iterator[Piece]:
    """The file with the samples of some tracks moved; silence comes in at one end, samples leave at the other.

    Args:
        file: The MXF file.
        moves: Places of a track's samples, and the bytes by which they move; positive = later.
    """
    end = file.seek(0, 2)
    slots = sorted((start, size, index) for index, (p, _) in enumerate(moves) for start, size in zip(p.starts, p.sizes))
    tracks = [_Concatenation(places) for places, _ in moves]
    done = [0] * len(moves)
    at = 0
    for start, size, index in slots:
        yield CopiedRange(at, start)
        yield from tracks[index].between(done[index] - moves[index][1], size)
        done[index] += size
        at = start + size
    yield CopiedRange(at, end)


class _Concatenation:
    """The samples of a track as if they lay side by side."""

    def __init__(self, places: SoundPlaces) -> None:
        self._places = places
        self._silence = places.silence
        self._firsts = [0]
        for size in places.sizes:
            self._firsts.append(self._firsts[-1] + size)

    def between(self, start: int, num: int) -> Iterator[Piece]:
        """`num` bytes from byte `start` on; silence before the first and after the last."""
        total = self._firsts[-1]
        before = min(num, max(0, -start))
        if before:
            yield self._silence * (before // len(self._silence))
        low, high = max(0, start), min(start + num, total)
        while low < high:
            index = bisect_right(self._firsts, low) - 1
            while self._firsts[index + 1] <= low:
                index += 1
            here = min(high, self._firsts[index + 1])
            place = self._places.starts[index] + low - self._firsts[index]
            yield CopiedRange(place, place + here - low)
            low = here
        behind = num - before - max(0, high - max(0, start))
        if behind:
            yield self._silence * (behind // len(self._silence))
