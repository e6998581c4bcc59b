"""Time stamps of packets that are copied: completed where they are missing, and moved. Knows no containers."""

from __future__ import annotations

import math
from collections.abc import Iterator
from fractions import Fraction
from typing import Any

__all__ = ["advance_stamps", "with_stamps"]

MOST_HELD = 256
"""Packets held back at the beginning until a decoding stamp is known."""

FINEST = 48000
"""Ticks per second that are fine enough for any shift."""


def advance_stamps(packet: Any, offset: Fraction) -> None:
    """Add seconds to a packet's stamps, in finer ticks where its own are too coarse for that (AVI: a frame)."""
    tick = Fraction(packet.time_base)
    finer = max(1, math.ceil(tick * FINEST)) if (offset / tick).denominator != 1 else 1
    ticks = round(offset / tick * finer)
    packet.pts, packet.dts = packet.pts * finer + ticks, packet.dts * finer + ticks
    packet.duration = (packet.duration or 0) * finer
    packet.time_base = tick / finer


def with_stamps(packets: Iterator[Any], frame: Any | None) -> Iterator[Any]:
    """Packets with both stamps; those without any are the empty ones at the end.

    Matroska stores no decoding stamps, and a demuxer that reconstructs them leaves out those of the first frames.
    They are counted back from the first known one, for which a few packets are held.
    """
    held: list[Any] = []
    waiting = frame is not None
    last: int | None = None
    for packet in packets:
        if packet.pts is None and packet.dts is None:
            continue
        if packet.pts is None:
            packet.pts = packet.dts
        if packet.dts is None and (frame is None or packet.stream.index != frame.index):
            packet.dts = packet.pts
        held.append(packet)
        if waiting and frame is not None and packet.stream.index == frame.index and packet.dts is not None:
            _count_back([p for p in held if p.dts is None], packet.dts, packet.duration)
            waiting = False
        if waiting and len(held) <= MOST_HELD:
            continue
        waiting = False
        for ready in held:
            if ready.dts is None:
                ready.dts = min(ready.pts, ready.pts if last is None else last + max(1, ready.duration or 1))
            if frame is not None and ready.stream.index == frame.index:
                last = ready.dts
            yield ready
        held = []
    for ready in held:
        ready.dts = ready.pts if ready.dts is None else ready.dts
        yield ready


def _count_back(packets: list[Any], dts: int, duration: int | None) -> None:
    """Give `packets` the decoding stamps that lead evenly up to `dts`."""
    for back, packet in enumerate(reversed(packets), 1):
        packet.dts = dts - back * max(1, duration or 1)
