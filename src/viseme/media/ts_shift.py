"""Moving audio inside an MPEG transport stream: the presentation times of its packets change, and nothing else.

Programs, subtitles, data, packet identifiers and clocks stay bit for bit, and so do jumps of the time stamps.
"""

from __future__ import annotations

import struct
from collections.abc import Collection, Iterator
from fractions import Fraction
from typing import BinaryIO

from viseme.media.in_place import Piece, Unsuitable

__all__ = ["move_ts_audio"]

CLOCK = 90_000
"""Ticks per second of a presentation time."""
WRAP = 1 << 33
SYNC = 0x47
WITHOUT_TIMES = (0xBC, 0xBE, 0xBF, 0xF0, 0xF1, 0xF2, 0xF8, 0xFF)
"""Kinds of packets without a header for times."""
NUM_BLOCK = 4096
"""Packets read at once."""
NUM_PROBED = 5
"""Packets that must begin where expected for a packet size to be believed."""


def move_ts_audio(file: BinaryIO, pids: Collection[int], shift: Fraction) -> Iterator[Piece]:
    """The stream with the audio of some packet identifiers playing `shift` seconds later.

    No time can lie before zero: as far as the audio is not late enough to come earlier, all else comes later.

    Args:
        file: An MPEG transport stream, with or without the time codes of AVCHD and Blu-ray.
        pids: Packet identifiers of the audio.
        shift: Seconds; negative = earlier.

    Raises:
        Unsuitable: it is not such a stream, or what must change is scrambled.
    """
    ticks = round(shift * CLOCK)
    rest = max(0, -ticks - _earliest(file, pids)) if ticks < 0 else 0
    for data, begins in _blocks(file):
        for at in begins:
            moved = ticks + rest if _pid(data, at) in pids else rest
            if moved and data[at + 1] & 0x40:
                for place in _times(data, at):
                    data[place : place + 5] = _stamped(bytes(data[place : place + 5]), moved)
            if rest:
                for place in _clocks(data, at):
                    clock = struct.unpack_from(">IH", data, place)
                    base = ((clock[0] << 1 | clock[1] >> 15) + rest) % WRAP
                    struct.pack_into(">IH", data, place, base >> 1, (base & 1) << 15 | clock[1] & 0x7FFF)
        yield bytes(data)


def _earliest(file: BinaryIO, pids: Collection[int]) -> int:
    """The smallest time stamp of some packet identifiers, ticks."""
    times = (
        _time(bytes(data[place : place + 5]))
        for data, begins in _blocks(file)
        for at in begins
        if data[at + 1] & 0x40 and _pid(data, at) in pids
        for place in _times(data, at)
    )
    return min(times, default=0)


def _blocks(file: BinaryIO) -> Iterator[tuple[bytearray, range]]:
    """The file in blocks of whole packets, and where their sync bytes are."""
    file.seek(0)
    size, skip = _packet_size(file.read(1 << 14))
    file.seek(0)
    carry = b""
    while block := carry + file.read(size * NUM_BLOCK):
        whole = len(block) - len(block) % size
        carry = block[whole:]
        data = bytearray(block[:whole] or block)
        begins = range(skip, whole, size)
        if any(data[at] != SYNC for at in begins):
            raise Unsuitable("packets are damaged")
        yield data, begins
        if not whole:
            return


def _packet_size(data: bytes) -> tuple[int, int]:
    """(bytes from packet to packet, bytes before the sync byte)."""
    for size, skip in ((188, 0), (192, 4), (204, 0)):
        begins = [skip + i * size for i in range(NUM_PROBED) if skip + i * size < len(data)]
        if all(data[b] == SYNC for b in begins) and begins:
            return size, skip
    raise Unsuitable("it does not begin with a packet")


def _pid(data: bytearray, at: int) -> int:
    return (data[at + 1] & 0x1F) << 8 | data[at + 2]


def _times(data: bytearray, start: int) -> Iterator[int]:
    """Places of the time stamps in the header with which a packet begins, if it does."""
    at = start + 4
    if data[start + 3] & 0x20:
        at += 1 + data[at]
    if not data[start + 3] & 0x10 or at + 9 > start + 188:
        return
    if data[start + 3] & 0xC0:
        raise Unsuitable("it is scrambled")
    if data[at : at + 3] != b"\0\0\1" or data[at + 3] in WITHOUT_TIMES or data[at + 6] & 0xC0 != 0x80:
        return
    num = {2: 1, 3: 2}.get(data[at + 7] >> 6, 0)
    if at + 9 + 5 * num > start + 188:
        raise Unsuitable("a header is split between packets")
    yield from range(at + 9, at + 9 + 5 * num, 5)


def _clocks(data: bytearray, start: int) -> Iterator[int]:
    """Places of the clock references of a packet."""
    if data[start + 3] & 0x20 and data[start + 4] >= 7:
        num = (data[start + 5] >> 4 & 1) + (data[start + 5] >> 3 & 1)
        yield from range(start + 6, start + 6 + 6 * num, 6)


def _time(field: bytes) -> int:
    """Ticks of a time stamp of 33 bits in 5 bytes."""
    first, middle, last = struct.unpack(">BHH", field)
    return ((first >> 1) & 7) << 30 | (middle >> 1) << 15 | last >> 1


def _stamped(field: bytes, ticks: int) -> bytes:
    r"""A time stamp, `ticks` later.

    Example:
        >>> _stamped(_stamped(b"\x21\x00\x01\x00\x01", -1), 1).hex()
        '2100010001'
    """
    time = (_time(field) + ticks) % WRAP
    first = field[0] & 0xF1 | time >> 30 << 1
    return struct.pack(">BHH", first, (time >> 15 & 0x7FFF) << 1 | 1, (time & 0x7FFF) << 1 | 1)
