"""The boxes (atoms) of MP4 and QuickTime files: a tree that is read, changed and written back.

Knows sizes, nesting and the tables of samples; refuses to know audio. A box that is not understood stays as it is.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from viseme.media.in_place import Unsuitable

__all__ = ["Box", "SampleTable", "TopBox", "parse_boxes", "top_boxes"]

NESTED = frozenset({b"moov", b"trak", b"mdia", b"minf", b"stbl", b"edts", b"mvex", b"moof", b"traf"})
"""Boxes that are opened; all others are bytes."""


@dataclass
class Box:
    """One box: either `children` (and a `tail` of bytes after them) or a `body`."""

    kind: bytes
    body: bytes = b""
    children: list[Box] | None = None
    tail: bytes = b""
    """Bytes after the last child: QuickTime may end a list with four zeros."""
    wide: bool = False
    """The size is written with 64 bits."""

    def find(self, *path: bytes) -> Box | None:
        """The first box below this one along `path`."""
        box: Box | None = self
        for kind in path:
            box = next((c for c in (box.children or [] if box else []) if c.kind == kind), None)
        return box

    def need(self, *path: bytes) -> Box:
        """`find`, of a box that every such file has.

        Raises:
            Unsuitable: it is missing.
        """
        box = self.find(*path)
        if box is None:
            raise Unsuitable(f"there is no {b'/'.join(path).decode('latin-1')} box")
        return box

    def all(self, kind: bytes) -> list[Box]:
        """Children of one kind."""
        return [c for c in self.children or [] if c.kind == kind]

    def to_bytes(self) -> bytes:
        """As written in a file."""
        body = self.body if self.children is None else b"".join(c.to_bytes() for c in self.children) + self.tail
        if self.wide or len(body) + 8 >= 1 << 32:
            return struct.pack(">I4sQ", 1, self.kind, len(body) + 16) + body
        return struct.pack(">I4s", len(body) + 8, self.kind) + body


def parse_boxes(data: bytes) -> tuple[list[Box], bytes]:
    """All boxes of a list, and the bytes after the last.

    Example:
        >>> boxes, tail = parse_boxes(Box(b"free", b"12").to_bytes() + bytes(4))
        >>> boxes[0].kind, boxes[0].body, tail
        (b'free', b'12', b'\\x00\\x00\\x00\\x00')
    """
    boxes, at = [], 0
    while len(data) - at >= 8:
        size, kind = struct.unpack_from(">I4s", data, at)
        head = 8
        if size == 1 and len(data) - at >= 16:
            size, head = struct.unpack_from(">Q", data, at + 8)[0], 16
        size = size or len(data) - at
        if size < head or at + size > len(data):
            break
        body = data[at + head : at + size]
        box = Box(kind, body, wide=head == 16)
        if kind in NESTED:
            box.children, box.tail = parse_boxes(body)
            box.body = b""
        boxes.append(box)
        at += size
    return boxes, data[at:]


@dataclass(frozen=True)
class TopBox:
    """Where a box of the outermost level lies."""

    kind: bytes
    start: int
    size: int
    open_ended: bool = False
    """Its size is not written: it reaches to the end of the file."""

    @property
    def end(self) -> int:
        """One past the last byte."""
        return self.start + self.size


def top_boxes(file: BinaryIO) -> list[TopBox]:
    """The outermost boxes of a file.

    Raises:
        Unsuitable: the file is cut short, or does not consist of boxes.
    """
    end = file.seek(0, 2)
    return list(_top_boxes(file, end))


def _top_boxes(file: BinaryIO, end: int) -> Iterator[TopBox]:
    at = 0
    while at < end:
        file.seek(at)
        head = file.read(16)
        if len(head) < 8:
            raise Unsuitable("bytes follow the last box")
        size, kind = struct.unpack_from(">I4s", head)
        if size == 1 and len(head) == 16:
            size = struct.unpack_from(">Q", head, 8)[0]
        opened = size == 0
        size = size or end - at
        if size < 8 or at + size > end:
            raise Unsuitable("a box is cut short")
        yield TopBox(kind, at, size, opened)
        at += size


@dataclass
class SampleTable:
    """Where and how long the samples of one track are; samples can be taken away or put in front."""

    box: Box
    """`stbl`."""
    sizes: NDArray[np.int64] | int
    """(N,) bytes of each sample, or of all."""
    chunk_counts: NDArray[np.int64]
    """(C,) samples of each chunk."""
    chunk_kinds: NDArray[np.int64]
    """(C,) sample description of each chunk."""
    offsets: NDArray[np.int64]
    """(C,) where each chunk begins in the file."""
    durations: list[tuple[int, int]] = field(default_factory=list)
    """Runs of (samples, ticks of each)."""

    @classmethod
    def of(cls, box: Box, *, frame_bytes: int | None = None) -> SampleTable:
        """Read the tables of an `stbl`.

        Args:
            box: The `stbl`.
            frame_bytes: Bytes of one sample where the file's own number is not to be believed (QuickTime PCM).

        Raises:
            Unsuitable: a table is missing, or of a kind that is not known here.
        """
        stsz = box.need(b"stsz").body
        size, count = struct.unpack_from(">II", stsz, 4)
        sizes = size if size else np.frombuffer(stsz, ">u4", count, 12).astype(np.int64)
        chunks = box.find(b"stco")
        kind = ">u4" if chunks is not None else ">u8"
        body = (chunks or box.need(b"co64")).body
        offsets = np.frombuffer(body, kind, struct.unpack_from(">I", body, 4)[0], 8).astype(np.int64)
        stsc = box.need(b"stsc").body
        runs = np.frombuffer(stsc, ">u4", 3 * struct.unpack_from(">I", stsc, 4)[0], 8).reshape(-1, 3).astype(np.int64)
        lengths = np.diff(np.append(runs[:, 0], len(offsets) + 1))
        counts, kinds = np.repeat(runs[:, 1], lengths), np.repeat(runs[:, 2], lengths)
        stts = box.need(b"stts").body
        times = struct.unpack_from(f">{2 * struct.unpack_from('>I', stts, 4)[0]}I", stts, 8)
        table = cls(box, frame_bytes or sizes, counts, kinds, offsets, list(zip(times[::2], times[1::2])))
        if len(counts) != len(offsets) or table.num_samples != count:
            raise Unsuitable("the tables of samples do not agree")
        return table

    @property
    def num_samples(self) -> int:
        """Samples of the track."""
        return int(self.chunk_counts.sum())

    @property
    def duration(self) -> int:
        """Ticks of all samples."""
        return sum(num * ticks for num, ticks in self.durations)

    def samples_until(self, tick: int) -> tuple[int, int]:
        """Samples that end at `tick` or before, and the ticks they last."""
        num = last = 0
        for count, ticks in self.durations:
            fits = count if not ticks else min(count, (tick - last) // ticks)
            num, last = num + fits, last + fits * ticks
            if fits < count:
                break
        return num, last

    def drop(self, num: int) -> None:
        """Take the first `num` samples away; their bytes stay where they are, unused."""
        rest = num
        while self.durations and rest:
            count, ticks = self.durations.pop(0)
            if count > rest:
                self.durations.insert(0, (count - rest, ticks))
            rest -= min(rest, count)
        ends = np.cumsum(self.chunk_counts)
        gone = int(np.searchsorted(ends, num, side="right"))
        inside = num - (int(ends[gone - 1]) if gone else 0)
        self.chunk_counts, self.chunk_kinds = self.chunk_counts[gone:].copy(), self.chunk_kinds[gone:]
        self.offsets = self.offsets[gone:].copy()
        if inside:
            skipped = inside * self.sizes if isinstance(self.sizes, int) else int(self.sizes[num - inside : num].sum())
            self.chunk_counts[0] -= inside
            self.offsets[0] += skipped
        if not isinstance(self.sizes, int):
            self.sizes = self.sizes[num:]
        for group in self.box.all(b"sbgp"):
            group.body = _shorter_groups(group.body, num)

    def prepend(self, num: int, offset: int) -> None:
        """Put `num` samples of one tick and equal size in front, which lie in one chunk at `offset`."""
        assert isinstance(self.sizes, int)
        self.chunk_counts = np.insert(self.chunk_counts, 0, num)
        self.chunk_kinds = np.insert(self.chunk_kinds, 0, self.chunk_kinds[0])
        self.offsets = np.insert(self.offsets, 0, offset)
        first = self.durations[0]
        self.durations[:1] = [(first[0] + num, 1)] if first[1] == 1 else [(num, 1), first]

    def store(self) -> None:
        """Write the tables back into the `stbl`; the size that the file states for PCM samples is kept.

        Raises:
            Unsuitable: an offset does not fit into the 32 bits that the file has for it.
        """
        head = self.box.need(b"stsz").body[:8]
        if isinstance(self.sizes, int):
            self.box.need(b"stsz").body = head + struct.pack(">I", self.num_samples)
        else:
            self.box.need(b"stsz").body = head + struct.pack(">I", len(self.sizes)) + self.sizes.astype(">u4").tobytes()
        flat = [v for pair in self.durations for v in pair]
        self.box.need(b"stts").body = struct.pack(f">II{len(flat)}I", 0, len(self.durations), *flat)
        pairs = np.stack([self.chunk_counts, self.chunk_kinds], axis=1)
        firsts = np.flatnonzero(np.any(np.diff(pairs, axis=0, prepend=-1), axis=1))
        runs = np.column_stack([firsts + 1, pairs[firsts]]).astype(">u4")
        self.box.need(b"stsc").body = struct.pack(">II", 0, len(runs)) + runs.tobytes()
        self.store_offsets()

    def store_offsets(self) -> None:
        """Write only the places of the chunks.

        Raises:
            Unsuitable: as `store`.
        """
        narrow = self.box.find(b"stco")
        if narrow is not None and len(self.offsets) and int(self.offsets.max()) >= 1 << 32:
            narrow.kind = b"co64"
            narrow = None
        box = narrow or self.box.need(b"co64")
        kind = ">u4" if narrow is not None else ">u8"
        box.body = struct.pack(">II", 0, len(self.offsets)) + self.offsets.astype(kind).tobytes()


def _shorter_groups(body: bytes, num: int) -> bytes:
    """A table of runs of samples (`sbgp`) without its first `num` samples."""
    at = 12 if body[0] else 8
    count = struct.unpack_from(">I", body, at)[0]
    runs = [struct.unpack_from(">II", body, at + 4 + 8 * i) for i in range(count)]
    rest: list[tuple[int, int]] = []
    for length, group in runs:
        gone = min(num, length)
        num -= gone
        if length > gone:
            rest.append((length - gone, group))
    return body[:at] + struct.pack(">I", len(rest)) + b"".join(struct.pack(">II", *run) for run in rest)
