"""Moving audio tracks inside an MP4 or QuickTime file: only the tables of those tracks change, all else is copied.

Edit lists say when a track plays. Players that ignore them should be right as well: samples that would play before
the beginning leave the tables, and PCM is cut or padded with silence to the sample.
"""

from __future__ import annotations

import struct
from collections.abc import Collection
from dataclasses import dataclass
from fractions import Fraction
from typing import BinaryIO

from viseme.media.in_place import CopiedRange, Piece, Unsuitable
from viseme.media.mp4_boxes import Box, SampleTable, TopBox, parse_boxes, top_boxes
from viseme.media.mp4_fragments import has_fragments, move_fragments

__all__ = ["move_mp4_tracks"]

FINEST = 48000
"""Ticks per second to which a coarser movie clock is refined where the shift needs it."""
CLOSE_ENOUGH = Fraction(1, 10_000)
"""Seconds of rounding that are left alone."""
PREROLL = {b"Opus": Fraction(8, 100)}
"""Seconds of compressed audio kept before the first sample that is heard, on which decoders settle; else a packet."""
ABSOLUTE = (b"iloc", b"saio")
"""Boxes with places in the file that are not followed here."""
PLAIN_TABLES = frozenset({b"stsd", b"stts", b"stsc", b"stsz", b"stco", b"co64", b"sbgp", b"sgpd"})
"""What an `stbl` may hold for samples to be taken away."""
PCM = {b"raw ": 0x80, b"alaw": 0xD5, b"ulaw": 0xFF} | dict.fromkeys(
    (b"sowt", b"twos", b"in24", b"in32", b"fl32", b"fl64", b"lpcm", b"ipcm", b"fpcm", b"NONE"), 0
)
"""Uncompressed audio -> the byte that is silence."""


@dataclass
class Edit:
    """One entry of an edit list."""

    duration: Fraction
    """Seconds of the movie."""
    media: int
    """Ticks of the track at which it begins; -1 = nothing is played."""
    rate: int = 0x10000


def move_mp4_tracks(file: BinaryIO, tracks: Collection[int], shift: Fraction) -> list[Piece]:
    """The file with some audio tracks playing `shift` seconds later (negative: earlier).

    Args:
        file: An MP4 or QuickTime file.
        tracks: Identifiers of the tracks.
        shift: Seconds.

    Raises:
        Unsuitable: the file is of a make that is not handled here, or no audio would be left.
    """
    boxes = top_boxes(file)
    found = [b for b in boxes if b.kind == b"moov"]
    if len(found) != 1:
        raise Unsuitable(f"{len(found)} moov boxes")
    place = found[0]
    file.seek(place.start)
    moov = parse_boxes(file.read(place.size))[0][0]
    movie = _Movie(moov)
    if has_fragments(boxes, moov):
        scales = {movie.track_id(t): read_clock(t.need(b"mdia", b"mdhd"))[0] for t in moov.all(b"trak")}
        return move_fragments(file, boxes, moov, scales, tracks, shift)
    movie.refine(shift)
    added = b""
    end = sum(b.size for b in boxes)
    for trak in moov.all(b"trak"):
        if movie.track_id(trak) in tracks:
            added += _Track(movie, trak).move(shift, end + 8 + len(added))
    movie.set_duration()
    return _laid_out(boxes, place, moov, added)


class _Movie:
    """The headers that share the movie's clock."""

    def __init__(self, moov: Box) -> None:
        self.moov = moov
        self._header = moov.need(b"mvhd")
        self.scale = read_clock(self._header)[0]

    @staticmethod
    def track_id(trak: Box) -> int:
        body = trak.need(b"tkhd").body
        return struct.unpack_from(">I", body, 20 if body[0] else 12)[0]

    def refine(self, shift: Fraction) -> None:
        """Count in finer ticks where `shift` is not a whole number of them."""
        ticks = shift * self.scale
        if abs(ticks - round(ticks)) <= CLOSE_ENOUGH * self.scale or self.scale >= FINEST:
            return
        times = -(-FINEST // self.scale)
        for trak in self.moov.all(b"trak"):
            write_track_duration(trak, read_track_duration(trak) * times)
            edits = read_edits(trak, self.scale)
            self.scale *= times
            if edits is not None:
                write_edits(trak, edits, self.scale)
            self.scale //= times
        scale, duration = read_clock(self._header)
        write_clock(self._header, scale * times, duration * times)
        self.scale *= times

    def set_duration(self) -> None:
        """The movie lasts as long as its longest track."""
        longest = max(read_track_duration(t) for t in self.moov.all(b"trak"))
        write_clock(self._header, self.scale, longest)


class _Track:
    """One track that moves."""

    def __init__(self, movie: _Movie, trak: Box) -> None:
        self._movie, self._trak = movie, trak
        self._header = trak.need(b"mdia", b"mdhd")
        self._scale = read_clock(self._header)[0]
        stbl = trak.need(b"mdia", b"minf", b"stbl")
        self._pcm = _pcm_frame(stbl)
        self._code = stbl.need(b"stsd").body[12:16]
        self._table = SampleTable.of(stbl, frame_bytes=None if self._pcm is None else self._pcm[0])
        self._plain = {c.kind for c in stbl.children or []} <= PLAIN_TABLES
        self._exact = self._pcm is not None and self._plain and all(t == 1 for _, t in self._table.durations)
        if self._exact and self._pcm is not None:
            self._exact = self._scale == self._pcm[1]

    def move(self, shift: Fraction, offset: int) -> bytes:
        """Change the tables; the bytes that must lie at `offset` (a box is written around them)."""
        whole = Fraction(self._table.duration, self._scale)
        edits = read_edits(self._trak, self._movie.scale)
        had_edits = edits is not None
        edits = edits or [Edit(whole, 0)]
        added = b""
        if shift < 0:
            edits = _earlier(edits, -shift, self._scale)
        elif shift > 0 and self._exact and len(edits) == 1 and edits[0].media >= 0:
            self._drop(edits, edits[0].media)
            num = round(shift * self._scale)
            assert self._pcm is not None
            payload = bytes([PCM[self._code]]) * (num * self._pcm[0])
            added = struct.pack(">I4s", len(payload) + 8, b"mdat") + payload
            self._table.prepend(num, offset)
            edits[0].duration += shift
        elif shift > 0:
            first = edits[0]
            edits = [Edit(first.duration + shift, -1), *edits[1:]] if first.media < 0 else [Edit(shift, -1), *edits]
        if not any(e.media >= 0 for e in edits):
            raise Unsuitable("no audio is left after the beginning")
        if shift < 0:
            begin = min(e.media for e in edits if e.media >= 0)
            self._drop(edits, begin - (0 if self._exact else self._preroll()))
        self._store(edits, had_edits)
        return added

    def _preroll(self) -> int:
        """Ticks kept before what is heard first."""
        packet = max((ticks for _, ticks in self._table.durations), default=0)
        return max(packet, round(PREROLL.get(self._code, 0) * self._scale))

    def _drop(self, edits: list[Edit], until: int) -> None:
        """Take samples before tick `until` out of the tables; the edits count from the new beginning."""
        if not self._plain or until <= 0 or (self._pcm is not None and not self._exact):
            return
        num, ticks = self._table.samples_until(until)
        if num:
            self._table.drop(num)
            for edit in edits:
                edit.media -= ticks if edit.media >= 0 else 0

    def _store(self, edits: list[Edit], had_edits: bool) -> None:
        self._table.store()
        write_clock(self._header, self._scale, self._table.duration)
        plain = len(edits) == 1 and edits[0].media == 0
        if had_edits or not plain:
            write_edits(self._trak, edits, self._movie.scale)
        write_track_duration(self._trak, round(sum(e.duration for e in edits) * self._movie.scale))


def _earlier(edits: list[Edit], cut: Fraction, scale: int) -> list[Edit]:
    """Edits without their first `cut` seconds."""
    rest = list(edits)
    while rest and cut > 0:
        first = rest.pop(0)
        if first.duration > cut:
            media = first.media if first.media < 0 else first.media + round(cut * scale)
            rest.insert(0, Edit(first.duration - cut, media, first.rate))
        cut -= min(cut, first.duration)
    return rest


def _pcm_frame(stbl: Box) -> tuple[int, int] | None:
    """(bytes of one sample of all channels, samples per second) of uncompressed audio; None of other audio."""
    stsd = stbl.need(b"stsd").body
    if struct.unpack_from(">I", stsd, 4)[0] != 1 or stsd[12:16] not in PCM:
        return None
    version, channels, bits = struct.unpack_from(">H", stsd, 24)[0], *struct.unpack_from(">HH", stsd, 32)
    rate = struct.unpack_from(">I", stsd, 40)[0] >> 16
    width = {b"in24": 3, b"in32": 4, b"fl32": 4, b"fl64": 8, b"alaw": 1, b"ulaw": 1}.get(stsd[12:16], bits // 8)
    size = channels * width
    if version == 1:
        size = struct.unpack_from(">I", stsd, 52)[0]
    elif version == 2:
        rate, channels = round(struct.unpack_from(">d", stsd, 48)[0]), struct.unpack_from(">I", stsd, 56)[0]
        size = struct.unpack_from(">I", stsd, 72)[0]
    stated = struct.unpack_from(">I", stbl.need(b"stsz").body, 4)[0]
    size = stated if stated > 1 else size
    return (size, rate) if size > 0 else None


def _laid_out(boxes: list[TopBox], place: TopBox, moov: Box, added: bytes) -> list[Piece]:
    """Pieces of the file with the changed `moov`, and every place in it corrected."""
    index = boxes.index(place)
    if added and boxes[-1].open_ended:
        raise Unsuitable("the last box has no end")
    after = boxes[index + 1] if index + 1 < len(boxes) else None
    is_last = all(b.kind != b"mdat" for b in boxes[index:])
    rest: list[Piece] = [CopiedRange(b.start, b.end) for b in boxes[index + 1 :]]
    front: list[Piece] = [CopiedRange(b.start, b.end) for b in boxes[:index]]
    new = moov.to_bytes()
    spare = place.size - len(new)
    end: list[Piece] = [added] if added else []
    if spare == 0:
        return [*front, new, *rest, *end]
    if is_last:  # nothing that is pointed at lies behind it but what was added
        return [*front, _following(moov, place.end, -spare), *rest, *end]
    filler = 0
    if after is not None and after.kind in (b"free", b"skip"):
        filler = after.size + spare
        rest = rest[1:]
    elif spare >= 8:
        filler = spare
    if filler >= 8:
        return [*front, new, struct.pack(">I4s", filler, b"free") + bytes(filler - 8), *rest, *end]
    if any(kind in new for kind in ABSOLUTE) or any(b.kind in (b"meta", b"sidx", b"mfra") for b in boxes):
        raise Unsuitable("its index cannot grow")
    grown = -(after.size if after is not None and after.kind in (b"free", b"skip") else 0) - spare
    return [*front, _following(moov, place.end, grown), *rest, *end]


def _following(moov: Box, behind: int, by: int) -> bytes:
    """`moov` with the places of all chunks corrected that lie behind a byte of the old file."""
    size = len(moov.to_bytes())
    for trak in moov.all(b"trak"):
        table = SampleTable.of(trak.need(b"mdia", b"minf", b"stbl"))
        table.offsets = table.offsets + by * (table.offsets >= behind)
        table.store_offsets()
    data = moov.to_bytes()
    if len(data) != size:
        raise Unsuitable("its index cannot grow")
    return data


def read_clock(box: Box) -> tuple[int, int]:
    """(ticks per second, duration in ticks) of an `mvhd` or `mdhd`."""
    return struct.unpack_from(">IQ", box.body, 20) if box.body[0] else struct.unpack_from(">II", box.body, 12)


def write_clock(box: Box, scale: int, duration: int) -> None:
    """The opposite of `read_clock`."""
    at, kind = (20, ">IQ") if box.body[0] else (12, ">II")
    box.body = _put(box.body, at, kind, scale, duration)


def read_track_duration(trak: Box) -> int:
    """Ticks of the movie that a track lasts."""
    body = trak.need(b"tkhd").body
    return struct.unpack_from(">Q", body, 28)[0] if body[0] else struct.unpack_from(">I", body, 20)[0]


def write_track_duration(trak: Box, ticks: int) -> None:
    """The opposite of `read_track_duration`."""
    box = trak.need(b"tkhd")
    box.body = _put(box.body, 28 if box.body[0] else 20, ">Q" if box.body[0] else ">I", ticks)


def read_edits(trak: Box, scale: int) -> list[Edit] | None:
    """The edit list of a track; None where it has none."""
    box = trak.find(b"edts", b"elst")
    if box is None:
        return None
    kind = ">Qqi" if box.body[0] else ">Iii"
    num = struct.unpack_from(">I", box.body, 4)[0]
    entries = [struct.unpack_from(kind, box.body, 8 + i * struct.calcsize(kind)) for i in range(num)]
    return [Edit(Fraction(ticks, scale), media, rate) for ticks, media, rate in entries] or None


def write_edits(trak: Box, edits: list[Edit], scale: int) -> None:
    """Give a track an edit list; ends, not lengths, are rounded to the movie's ticks."""
    at, rows = Fraction(0), []
    for edit in edits:
        ticks = round((at + edit.duration) * scale) - round(at * scale)
        rows.append((ticks, edit.media, edit.rate))
        at += edit.duration
    wide = any(ticks >= 1 << 32 or media >= 1 << 31 for ticks, media, _ in rows)
    body = struct.pack(">II", wide << 24, len(rows))
    body += b"".join(struct.pack(">Qqi" if wide else ">Iii", *row) for row in rows)
    edts = trak.find(b"edts")
    if edts is None:
        edts = Box(b"edts", children=[])
        assert trak.children is not None
        trak.children.insert(trak.children.index(trak.need(b"tkhd")) + 1, edts)
    old = edts.find(b"elst")
    if old is None:
        assert edts.children is not None
        edts.children.append(Box(b"elst", body))
    else:
        old.body = body


def _put(body: bytes, at: int, kind: str, *values: int) -> bytes:
    try:
        data = struct.pack(kind, *values)
    except struct.error as error:
        raise Unsuitable("a duration does not fit into its header") from error
    return body[:at] + data + body[at + len(data) :]
