"""Moving audio tracks of a fragmented MP4 file: the decode time of their fragments, and nothing else."""

from __future__ import annotations

import struct
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import BinaryIO

from viseme.media.in_place import CopiedRange, Piece, Unsuitable
from viseme.media.mp4_boxes import Box, TopBox, parse_boxes

__all__ = ["has_fragments", "move_fragments"]


def has_fragments(boxes: list[TopBox], moov: Box) -> bool:
    """Whether samples lie in fragments instead of in the tables of the movie."""
    return any(b.kind == b"moof" for b in boxes) or moov.find(b"mvex") is not None


def move_fragments(
    file: BinaryIO, boxes: list[TopBox], moov: Box, scales: dict[int, int], moved: Collection[int], shift: Fraction
) -> list[Piece]:
    """The file with the fragments of some tracks `shift` seconds later.

    No fragment can begin before zero: as far as the moved ones are not late enough to come earlier, all others come
    later by the rest.

    Args:
        file: The source.
        boxes: Its outermost boxes.
        moov: The movie's box; it is only looked at.
        scales: Identifier of each track -> its ticks per second.
        moved: Tracks that move.
        shift: Seconds; negative = earlier.

    Raises:
        Unsuitable: a fragment states no time, or the movie holds samples itself.
    """
    for trak in moov.all(b"trak"):
        if struct.unpack_from(">I", trak.need(b"mdia", b"minf", b"stbl", b"stsz").body, 8)[0]:
            raise Unsuitable("samples lie both in the movie and in fragments")
    times = [time for box in boxes if box.kind in (b"moof", b"sidx") for time in _times(file, box)]
    if not any(time.track in moved for time in times):
        raise Unsuitable("its fragments state no time")
    earliest = min(Fraction(time.ticks, scales[time.track]) for time in times if time.track in moved)
    own = max(shift, -earliest)
    offsets = {track: own if track in moved else own - shift for track in scales}
    pieces: list[Piece] = []
    done = 0
    for time in times:
        ticks = time.ticks + round(offsets[time.track] * scales[time.track])
        try:
            data = struct.pack(time.kind, max(0, ticks))
        except struct.error as error:
            raise Unsuitable("a time does not fit into its field") from error
        pieces += [CopiedRange(done, time.place), data]
        done = time.place + len(data)
    return [*pieces, CopiedRange(done, boxes[-1].end)]


@dataclass(frozen=True)
class _Time:
    """A decode time that a file states."""

    track: int
    place: int
    """In the file."""
    kind: str
    """Number format."""
    ticks: int


def _times(file: BinaryIO, box: TopBox) -> Iterator[_Time]:
    """Decode times of a fragment, or of an index of fragments."""
    file.seek(box.start)
    data = file.read(box.size)
    found = _fragment_times(data) if box.kind == b"moof" else _index_times(data)
    for track, at, kind in found:
        yield _Time(track, box.start + at, kind, struct.unpack_from(kind, data, at)[0])


def _fragment_times(moof: bytes) -> Iterator[tuple[int, int, str]]:
    """(track, place in `moof`, number format) of each decode time."""
    box = parse_boxes(moof)[0][0]
    at = 16 if box.wide else 8
    for child in box.children or []:
        if child.kind == b"traf":
            yield _decode_time(child, at)
        at += len(child.to_bytes())


def _decode_time(traf: Box, start: int) -> tuple[int, int, str]:
    track = struct.unpack_from(">I", traf.need(b"tfhd").body, 4)[0]
    at = start + 8
    for child in traf.children or []:
        if child.kind == b"tfdt":
            return track, at + 12, ">Q" if child.body[0] else ">I"
        at += len(child.to_bytes())
    raise Unsuitable("a fragment states no time")


def _index_times(sidx: bytes) -> Iterator[tuple[int, int, str]]:
    """(track, place in `sidx`, number format) of the time at which a segment index begins."""
    wide = sidx[8]
    yield struct.unpack_from(">I", sidx, 12)[0], 20, ">Q" if wide else ">I"
