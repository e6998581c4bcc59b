"""Packets in file order on one clock: stamps that start over go on, a single wild stamp is ignored, leaps are counted.

Knows packets and their stamps; refuses to know frames and samples. Every reader of a file sees the same packets in the
same order, so that frames and audio that are read apart come to lie on the same clock.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from viseme.core.time import format_time

__all__ = ["LEAP_S", "StampRepair", "has_index", "packets_from", "read_packets"]

LEAP_S = 10.0
"""Seconds: a stamp that lies farther ahead of the one before is a leap. Nothing is put into a leap."""
BACK_S = 0.5
"""Seconds: a stamp that lies farther behind the one before means that the stamps start over."""
NEAR_S = 10.0
"""Seconds around the end of what came before within which another stream may join a part that has begun."""
SAME_S = 1.0
"""Seconds by which a packet after wild stamps may miss the one before them."""
MOST_WILD = 8
"""Packets in a row whose stamps may be wild."""
MOST_SKIPPED = 1000
"""Packets between two key frames that are kept at most while a wanted time is sought."""
MOST_HELD = 500
"""Packets of all streams that wait at most to learn whether a stamp is wild."""


@dataclass(slots=True)
class _Stream:
    last: float
    """Seconds, decoding stamp of the last packet as stored."""
    part: int
    """The part that it is in, from 0."""
    offset: Fraction
    """Seconds to add to its stamps."""


class StampRepair:
    """One clock for the streams of a file, told of every packet in file order.

    Example:
        >>> repair = StampRepair()
        >>> stored = [(0, 8.0), (1, 8.1), (0, 9.0), (1, 9.1), (0, 1.0), (1, 1.1), (0, 2.0)]
        >>> [float(at + repair.offset(stream, at, at, 1.0)) for stream, at in stored]
        [8.0, 8.1, 9.0, 9.1, 10.1, 10.2, 11.1]
    """

    def __init__(self) -> None:
        self._streams: dict[int, _Stream] = {}
        self._part, self._offset = 0, Fraction(0)
        self._end: float | None = None
        """Seconds after the last packet of all streams, on the repaired clock."""
        self.restarts: list[float] = []
        """Seconds, on the repaired clock, at which stamps start over."""
        self.leaps: list[tuple[float, float]] = []
        """Seconds before each leap on the repaired clock, and its length."""

    def offset(self, stream: int, dts: float, pts: float, duration: float) -> Fraction:
        """Seconds to add to the stamps of a packet of that stream."""
        known = self._streams.get(stream)
        if known is None:
            known = self._streams[stream] = _Stream(dts, self._part, self._offset)
        if dts - known.last < -BACK_S:
            self._go_back(known, pts)
        elif self._leaps(known, dts):
            assert self._end is not None
            self._note_leap(self._end, dts + float(known.offset) - self._end)
        known.last = dts
        end = pts + duration + float(known.offset)
        self._end = end if self._end is None else max(self._end, end)
        return known.offset

    def leaps_away(self, stream: int, dts: float) -> bool:
        """Whether the stamp of the next packet of that stream lies far from the one before."""
        known = self._streams.get(stream)
        return known is not None and (dts - known.last < -BACK_S or self._leaps(known, dts))

    def is_wild(self, stream: int, dts: float, following: float) -> bool:
        """Whether a stamp lies far away, and one that follows it goes on where the one before it was."""
        known = self._streams.get(stream)
        return known is not None and abs(following - known.last) < SAME_S < abs(following - dts)

    def _leaps(self, known: _Stream, dts: float) -> bool:
        """Whether a stamp lies far ahead of its stream and of all others: a slow stream of frames does not leap."""
        return self._end is not None and dts + float(known.offset) - self._end > LEAP_S < dts - known.last

    def _go_back(self, known: _Stream, pts: float) -> None:
        assert self._end is not None
        if known.part < self._part and abs(pts + float(self._offset) - self._end) <= NEAR_S:
            known.part, known.offset = self._part, self._offset
            return
        self._part += 1
        self._offset = Fraction(round((self._end - pts) * 90_000), 90_000)
        known.part, known.offset = self._part, self._offset
        self.restarts.append(self._end)

    def _note_leap(self, before: float, step: float) -> None:
        for at, length in self.leaps:
            if abs(at - before) <= NEAR_S and abs(length - step) <= NEAR_S:
                return  # the other stream has made it
        self.leaps.append((before, step))

    def restarts_near(self, at: float) -> bool:
        """Whether the stamps start over within two seconds of a time on the repaired clock."""
        return any(abs(at - restart) <= 2.0 for restart in self.restarts)

    def notes(self, origin: float) -> Iterator[str]:
        """What was met, a sentence each; `origin`: seconds of the first frame."""
        if self.restarts:
            times = "" if len(self.restarts) == 1 else f" {len(self.restarts)} times, first"
            where = format_time(Fraction(self.restarts[0] - origin).limit_denominator(1000))
            yield f"the time stamps start over{times} at {where}; each part was placed right after the one before"
        if self.leaps:
            before, length = self.leaps[0]
            more = f" and {len(self.leaps) - 1} more times" if len(self.leaps) > 1 else ""
            where = format_time(Fraction(before - origin).limit_denominator(1000))
            yield f"the time stamps leap by {length:.0f} s at {where}{more}; nothing was put into the gap"


def read_packets(container: Any, repair: StampRepair) -> Iterator[Any]:
    """The packets of all video and audio streams in file order, their stamps repaired.

    Args:
        container: An open PyAV input.
        repair: Told of every packet; one for each pass over the file.

    Raises:
        FFmpegError, OSError: the container breaks off.
    """
    packets = container.demux([s for s in container.streams if s.type in ("video", "audio")])
    held: deque[Any] = deque()
    """Begins with a packet whose stamp lies far away."""
    for packet in packets:
        if not held and not _far(packet, repair):
            yield _repaired(packet, repair)
            continue
        held.append(packet)
        while held and (judged := _judge(held, repair, final=False)):
            yield judged
            held.popleft()
    while held and (judged := _judge(held, repair, final=True)):
        yield judged
        held.popleft()


def has_index(container: Any) -> bool:
    """Whether seeking by stamps leads to the right place whatever the stamps: an MPEG stream has nothing but stamps."""
    return container.format.name not in ("mpegts", "mpeg")


def packets_from(packets: Iterator[Any], stream: Any, at: Fraction) -> Iterator[Any]:
    """Packets from `read_packets`, those of a stream only from the last key frame at or before a time on.

    Args:
        packets: From the front of the file.
        stream: The one that is decoded.
        at: Seconds of the container's clock.
    """
    held: list[Any] = []
    for packet in packets:
        if packet.stream.index != stream.index:
            yield packet
            continue
        time = None if packet.pts is None else packet.pts * packet.time_base
        if packet.is_keyframe and time is not None and time <= at:
            held = []
        held.append(packet)
        if (time is not None and time > at) or len(held) > MOST_SKIPPED or not packet.size:
            yield from held
            held = []
            if time is not None and time > at:
                break
    yield from held
    yield from packets


def _seconds(packet: Any, ticks: int) -> float:
    return float(ticks * packet.time_base)


def _ticks(packet: Any) -> int | None:
    return packet.dts if packet.dts is not None else packet.pts


def _far(packet: Any, repair: StampRepair) -> bool:
    ticks = _ticks(packet)
    return ticks is not None and repair.leaps_away(packet.stream.index, _seconds(packet, ticks))


def _judge(held: deque[Any], repair: StampRepair, *, final: bool) -> Any | None:
    """The first packet that waits, repaired; None where only what follows can tell whether its stamp is wild."""
    first = held[0]
    if not _far(first, repair):
        return _repaired(first, repair)
    index, ticks = first.stream.index, _ticks(first)
    assert ticks is not None
    later = [t for p in held if p.stream.index == index and (t := _ticks(p)) is not None][1:]
    if any(repair.is_wild(index, _seconds(first, ticks), _seconds(first, t)) for t in later[:MOST_WILD]):
        first.pts = first.dts = None
        return first
    known = final or len(later) >= MOST_WILD or len(held) >= MOST_HELD
    return _repaired(first, repair) if known else None


def _repaired(packet: Any, repair: StampRepair) -> Any:
    ticks = _ticks(packet)
    if ticks is None:
        return packet
    pts = packet.pts if packet.pts is not None else ticks
    length = _seconds(packet, packet.duration or 0)
    offset = repair.offset(packet.stream.index, _seconds(packet, ticks), _seconds(packet, pts), length)
    if offset:
        shift = round(offset / packet.time_base)
        packet.pts = None if packet.pts is None else packet.pts + shift
        packet.dts = None if packet.dts is None else packet.dts + shift
    return packet
