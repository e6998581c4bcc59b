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
NUM_BLOCK = 4096
"""Packets read at once."""
NUM_PROBED = 5
"""Packets that must begin where expected for a packet size to be believed."""


def move_ts_audio(file: BinaryIO, pids: Collection[int], shift: Fraction) -> Iterator[Piece]:
    """The stream with the audio of some packet identifiers playing `shift` seconds later.

    Args:
        file: An MPEG transport stream, with or without the time codes of AVCHD and Blu-ray.
        pids: Packet identifiers of the audio.
        shift: Seconds; negative = earlier.

    Raises:
        Unsuitable: it is not such a stream, or what must change is scrambled.
    """
    file.seek(0)
    size, skip = _packet_size(file.read(1 << 14))
    ticks = round(shift * CLOCK)
    file.seek(0)
    carry = b""
    while True:
        block = carry + file.read(size * NUM_BLOCK)
        whole = len(block) - len(block) % size
        if not whole:
            if block:
                yield block
            return
        carry = block[whole:]
        data = bytearray(block[:whole])
        for at in range(skip, whole, size):
            if data[at] != SYNC:
                raise Unsuitable("packets are damaged")
            if data[at + 1] & 0x40 and ((data[at + 1] & 0x1F) << 8 | data[at + 2]) in pids:
                _move_packet(data, at, at + 188, ticks)
        yield bytes(data)


def _packet_size(data: bytes) -> tuple[int, int]:
    """(bytes from packet to packet, bytes before the sync byte)."""
    for size, skip in ((188, 0), (192, 4), (204, 0)):
        begins = [skip + i * size for i in range(NUM_PROBED) if skip + i * size < len(data)]
        if all(data[b] == SYNC for b in begins) and begins:
            return size, skip
    raise Unsuitable("it does not begin with a packet")


def _move_packet(data: bytearray, start: int, end: int, ticks: int) -> None:
    """Change the times in the header with which a packet begins."""
    if data[start + 3] & 0xC0:
        raise Unsuitable("the audio is scrambled")
    at = start + 4
    if data[start + 3] & 0x20:
        at += 1 + data[at]
    if not data[start + 3] & 0x10 or data[at : at + 3] != b"\0\0\1":
        return
    if end - at < 19:
        raise Unsuitable("a header is split between packets")
    flags = data[at + 7] >> 6
    for number in range({2: 1, 3: 2}.get(flags, 0)):
        place = at + 9 + 5 * number
        data[place : place + 5] = _stamped(bytes(data[place : place + 5]), ticks)


def _stamped(field: bytes, ticks: int) -> bytes:
    """A time stamp of 33 bits in 5 bytes, `ticks` later.

    Example:
        >>> _stamped(_stamped(b"\\x21\\x00\\x01\\x00\\x01", -1), 1).hex()
        '2100010001'
    """
    first, middle, last = struct.unpack(">BHH", field)
    time = (((first >> 1) & 7) << 30 | (middle >> 1) << 15 | last >> 1) + ticks
    time %= WRAP
    first = first & 0xF1 | (time >> 30) << 1
    return struct.pack(">BHH", first, (time >> 15 & 0x7FFF) << 1 | 1, (time & 0x7FFF) << 1 | 1)
