"""The part of a coded packet that no container changes: without start codes, lengths and headers of transport."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

__all__ = ["comparable"]

START = re.compile(b"\0\0\1")
SLICES = {"h264": lambda unit: 1 <= unit[0] & 31 <= 5, "hevc": lambda unit: (unit[0] >> 1 & 63) < 32}
"""Codec -> whether a unit of the bit stream holds a part of the frame."""


def comparable(packet: Any) -> bytes:
    """Coded bytes of a packet as they are in every container.

    H.264 and HEVC: the slices, one after the other; AAC: without the header of ADTS; all others: everything.
    """
    data = bytes(packet)
    context = packet.stream.codec_context
    codec = "" if context is None else context.name
    if codec in SLICES:
        return b"".join(unit for unit in _units(data) if unit and SLICES[codec](unit)) or data
    if codec == "aac" and len(data) > 7 and data[0] == 0xFF and data[1] & 0xF6 == 0xF0:
        length = (data[3] & 3) << 11 | data[4] << 3 | data[5] >> 5
        if length == len(data):
            return data[7 if data[1] & 1 else 9 :]
    return data


def _units(data: bytes) -> Iterator[bytes]:
    """Units of an H.264 or HEVC packet, after start codes or after their lengths.

    Example:
        >>> list(_units(b"\\0\\0\\0\\1ab\\0\\0\\1c")) == list(_units(b"\\0\\0\\0\\2ab\\0\\0\\0\\1c")) == [b"ab", b"c"]
        True
    """
    if (data[:4] == b"\0\0\0\1" or data[:3] == b"\0\0\1") and not _lengths_fit(data):
        begins = [m.end() for m in START.finditer(data)]
        for begin, end in zip(begins, [*begins[1:], len(data) + 3]):
            yield data[begin : end - 3].rstrip(b"\0")
        return
    at = 0
    while at + 4 <= len(data):
        size = int.from_bytes(data[at : at + 4], "big")
        yield data[at + 4 : at + 4 + size].rstrip(b"\0")
        at += 4 + size


def _lengths_fit(data: bytes) -> bool:
    at = 0
    while at + 4 <= len(data):
        at += 4 + int.from_bytes(data[at : at + 4], "big")
    return at == len(data)
