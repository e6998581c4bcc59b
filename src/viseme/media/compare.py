"""Compares a written file with its source: stream by stream, frame by frame, without decoding more than one frame."""

from __future__ import annotations

import hashlib
from array import array
from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

from av.error import FFmpegError
from av.stream import Disposition

from viseme.media.coded_bytes import comparable
from viseme.media.files import open_media
from viseme.media.info import decoded, video_stream
from viseme.media.stream_words import is_cover, mp4_tags, stream_words
from viseme.media.subtitles import Cue, cue_faults, read_cues

__all__ = ["Kept", "KeptStream", "compare_files"]

VOLATILE = (
    "encoder",
    "software",
    "major_brand",
    "minor_version",
    "compatible_brands",
    "duration",
    "vendor_id",
    "handler_name",
)
"""Tags that a muxer writes itself."""
VOLATILE_BEGINNINGS = ("_statistics", "bps", "number_of_", "uid", "generation_uid", "product_", "company_", "file_pack")
STYLED = ("ass", "ssa")
"""Subtitle codecs with a sheet of styles, which no other text codec has."""
CARRIED = ("title", "artist", "album", "comment", "date", "genre", "copyright", "timecode")
"""Tags that every container with tags has a place for."""
FRAME_SIDE_DATA = ("DISPLAYMATRIX", "MASTERING_DISPLAY_METADATA", "CONTENT_LIGHT_LEVEL", "STEREO3D", "SPHERICAL")
COLOUR_TAGS = ("width", "height", "color_range", "colorspace", "color_primaries", "color_trc")
LANGUAGES = {
    "alb": "sqi",
    "arm": "hye",
    "baq": "eus",
    "bur": "mya",
    "chi": "zho",
    "cze": "ces",
    "dut": "nld",
    "fre": "fra",
    "geo": "kat",
    "ger": "deu",
    "gre": "ell",
    "ice": "isl",
    "mac": "mkd",
    "mao": "mri",
    "may": "msa",
    "per": "fas",
    "rum": "ron",
    "slo": "slk",
    "tib": "bod",
    "wel": "cym",
}
"""The older of the two codes that some languages have -> the other."""
PLURALS = {"audio": "audio streams", "subtitle": "subtitles", "data": "data tracks", "attachment": "attached files"}


@dataclass(frozen=True, kw_only=True)
class KeptStream:
    """One stream of the source, and what became of it."""

    words: str
    """For people: "audio track 2 (eng, aac)"."""
    kind: str
    """"video", "audio", "subtitle", "data", "attachment" or "cover"."""
    status: str
    """"identical" (every packet), "moved" (identical, but plays at another time), "re-encoded", "converted" (text
    subtitles in the form of another container) or "lost"."""
    num_packets: int
    """Packets of the written stream that were compared; a packet of video is a frame."""
    num_cut: int = 0
    """Packets of the source that would have played before the beginning."""
    identical: bool = True
    """Whether every packet that was compared is the same in both files."""


@dataclass(frozen=True, kw_only=True)
class Kept:
    """What was compared between a source and a written file, and what differs."""

    num_frames: int
    """Frames of all videos, counted in both files; their coded bytes are the same."""
    streams: tuple[KeptStream, ...]
    num_chapters: int
    """Chapters with the same titles and times."""
    differences: tuple[str, ...] = ()
    """What is not as it was, in one line each."""

    @property
    def words(self) -> str:
        """For people: "116 frames identical, 3 audio streams, 2 subtitles, 12 chapters, cover"."""
        counts = Counter(s.kind for s in self.streams if s.status != "lost")
        parts = [f"{self.num_frames} frames identical"]
        for kind, plural in PLURALS.items():
            if counts[kind]:
                parts.append(f"{counts[kind]} {plural if counts[kind] > 1 else plural[:-1]}")
        if self.num_chapters:
            parts.append(f"{self.num_chapters} chapter" + "s" * (self.num_chapters > 1))
        return ", ".join([*parts, *(["cover"] if counts["cover"] else [])])


@dataclass
class _Stream:
    """What is compared of one stream."""

    index: int
    words: str
    kind: str
    codec: str
    tag: str
    language: str
    disposition: int
    tags: dict[str, str]
    name: str
    """What the file calls its handler: MP4 and QuickTime files keep the title there."""
    hashes: array[int] = field(default_factory=lambda: array("Q"))


@dataclass
class _Inventory:
    """What is compared of a file."""

    format: str
    streams: list[_Stream]
    first: Fraction
    """Seconds of the container's clock at which the first frame is shown."""
    chapters: list[tuple[float, str]]
    """Seconds from the first frame, and titles."""
    tags: dict[str, str]
    frame: dict[str, Any]

    def of(self, kind: str) -> list[_Stream]:
        return [s for s in self.streams if s.kind == kind]


def compare_files(
    source: Path,
    out: Path,
    *,
    moved: Collection[int],
    replaced: bool = False,
    encoded: bool = False,
    lost: Collection[int] = (),
    converted: Collection[int] = (),
    with_chapters: bool = True,
) -> Kept:
    """Compare two files.

    Args:
        source: Before.
        out: After.
        moved: Audio streams that play at another time, counted among the audio streams of `source`.
        replaced: The audio of `out` comes from elsewhere and is not compared.
        encoded: The moved audio was encoded again.
        lost: Streams of `source` (by index) that are known not to be in `out`.
        converted: Text subtitles of `source` (by index) that have another form in `out`.
        with_chapters: Whether `out` is expected to have chapters.
    """
    raw = _format(source) == _format(out)
    before, after = _inventory(source, raw=raw), _inventory(out, raw=raw)
    streams, differences = [], []
    for kind in ("video", "audio", "subtitle", "data", "attachment", "cover"):
        if kind == "audio" and replaced:
            continue
        rest = iter(after.of(kind))
        for number, old in enumerate(before.of(kind)):
            new = None if old.index in lost else next(rest, None)
            if new is None:
                streams.append(KeptStream(words=old.words, kind=kind, status="lost", num_packets=0, identical=False))
                if old.index not in lost:
                    differences.append(f"{old.words} is missing")
                continue
            if old.index in converted:
                late = after.first - before.first
                kept, wrong = _compare_cues(old, new, source, out, late)
            else:
                moves = kind == "audio" and number in moved
                same = before.format == after.format
                kept, wrong = _compare_stream(old, new, moves=moves, encoded=encoded, same=same)
            streams.append(kept)
            differences += wrong
    chapters, wrong = _compare_chapters(before, after) if with_chapters else (0, [])
    return Kept(
        num_frames=sum(s.num_packets for s in streams if s.kind == "video"),
        streams=tuple(streams),
        num_chapters=chapters,
        differences=(*differences, *wrong, *_compare_tags(before, after), *_compare_frames(before, after)),
    )


def _compare_stream(
    old: _Stream, new: _Stream, *, moves: bool, encoded: bool, same: bool
) -> tuple[KeptStream, list[str]]:
    """What became of one stream, and what is wrong with it."""
    wrong: list[str] = []
    identical = True
    status, cut = "moved" if moves else "identical", 0
    if moves and encoded:
        status = "re-encoded"
    elif old.hashes != new.hashes:
        cut = max(0, len(old.hashes) - len(new.hashes)) if moves else 0
        if not moves or (old.hashes[cut:] != new.hashes and not old.codec.startswith("pcm_")):
            identical = False
            wrong.append(_content_words(old, new))
    if same and old.tag != new.tag and (old.kind == "video" or status == "identical") and old.kind != "subtitle":
        wrong.append(f"the codec tag of {old.words} changed from {old.tag} to {new.tag or 'none'}")
    if same and old.disposition != new.disposition:
        wrong.append(f"the flags (default, forced, ...) of {old.words} changed")
    wrong += _compare_stream_tags(old, new, same=same)
    kept = KeptStream(
        words=old.words, kind=old.kind, status=status, num_packets=len(new.hashes), num_cut=cut, identical=identical
    )
    return kept, wrong


def _compare_stream_tags(old: _Stream, new: _Stream, *, same: bool) -> Iterator[str]:
    if old.language != new.language:
        yield f"the language of {old.words} changed from {old.language} to {new.language}"
    for key, value in old.tags.items():
        if (same or key in CARRIED) and value != new.tags.get(key, new.name if key == "title" else None):
            yield f"the tag {key!r} of {old.words} was not kept"


def _compare_cues(old: _Stream, new: _Stream, source: Path, out: Path, late: Fraction) -> tuple[KeptStream, list[str]]:
    """What became of text subtitles in another form; `late`: seconds from the source's clock to that of the output."""
    after = _cues(out, new)
    faults = cue_faults(_cues(source, old, one_at_a_time=new.codec == "mov_text"), after, late)
    if old.codec in STYLED and "styles" not in faults:
        faults.append("styles")
    wrong = [f"{old.words} became {new.codec}, which does not keep all its {fault}" for fault in faults]
    wrong += [f"the flag {flag!r} of {old.words} was not kept" for flag in _flags_lost(old, new)]
    wrong += _compare_stream_tags(old, new, same=False)
    kept = KeptStream(words=old.words, kind=old.kind, status="converted", num_packets=len(after), identical=not wrong)
    return kept, wrong


def _cues(path: Path, stream: _Stream, *, one_at_a_time: bool = False) -> list[Cue]:
    return read_cues(path, stream.index, one_at_a_time=one_at_a_time)[0]


def _flags_lost(old: _Stream, new: _Stream) -> Iterator[str]:
    for flag in (Disposition.default, Disposition.forced, Disposition.hearing_impaired):
        if old.disposition & flag and not new.disposition & flag:
            yield str(flag.name).replace("_", " ")


def _content_words(old: _Stream, new: _Stream) -> str:
    unit = "frames" if old.kind == "video" else "packets"
    if len(old.hashes) != len(new.hashes):
        return f"{old.words} has {len(new.hashes)} {unit} instead of {len(old.hashes)}"
    return f"{old.words} has other {unit} than before"


def _compare_chapters(before: _Inventory, after: _Inventory) -> tuple[int, list[str]]:
    same = sum(a[1] == b[1] and abs(a[0] - b[0]) < 0.05 for a, b in zip(before.chapters, after.chapters))
    num = len(before.chapters)
    return same, [] if same == num else [f"{num - same} of {num} chapters were not kept"]


def _compare_tags(before: _Inventory, after: _Inventory) -> Iterator[str]:
    same = before.format == after.format
    for key, value in before.tags.items():
        anywhere = {after.tags.get(key), *(s.tags.get(key) for s in after.streams if key == "timecode")}
        if (same or key in CARRIED) and value not in anywhere:
            yield f"the tag {key!r} was not kept"


def _compare_frames(before: _Inventory, after: _Inventory) -> Iterator[str]:
    for key, value in before.frame.items():
        if after.frame.get(key) != value:
            yield f"the {key.lower().replace('_', ' ')} of the video was not kept"


def _format(path: Path) -> str:
    with open_media(path) as box:
        return box.format.name


def _inventory(path: Path, *, raw: bool) -> _Inventory:
    """Read a file once to its end; what is damaged ends it. `raw`: compare packets as they are in this container."""
    tags = mp4_tags(path)
    with open_media(path) as box:
        streams = {s.index: _stream(s, tags.get(s.id, "")) for s in box.streams if s.type != "unknown"}
        chapters = [(float(c["start"] * c["time_base"]), c["metadata"].get("title", "")) for c in box.chapters()]
        found = _Inventory(box.format.name, list(streams.values()), Fraction(0), chapters, _steady(box.metadata), {})
        frames = video_stream(box)
        first: Fraction | None = None
        try:
            for packet in box.demux():
                if packet.size and packet.stream.index in streams:
                    streams[packet.stream.index].hashes.append(_hash(packet if raw else comparable(packet)))
                    if packet.stream is frames and packet.pts is not None:
                        at = packet.pts * Fraction(packet.time_base)
                        first = at if first is None else min(first, at)
        except (FFmpegError, OSError):
            pass  # told by the writer, which met the same damage
    found.first = first or Fraction(0)
    found.chapters = [(start - float(found.first), title) for start, title in found.chapters]
    found.frame = _first_frame(path)
    return found


def _stream(stream: Any, tag: str) -> _Stream:
    kind = "cover" if is_cover(stream) else stream.type
    tags = _steady(stream.metadata)
    language = stream.metadata.get("language", "und")
    found = _Stream(
        index=stream.index,
        words=stream_words(stream, tag=tag),
        kind=kind,
        codec="" if stream.codec_context is None else stream.codec_context.name,
        tag=tag,
        language=LANGUAGES.get(language) or language,
        name=stream.metadata.get("handler_name", ""),
        disposition=int(stream.disposition),
        tags={k: v for k, v in tags.items() if k not in ("language", "filename", "mimetype") or kind == "attachment"},
    )
    if kind == "attachment":
        found.hashes.append(_hash(stream.data))
    return found


def _hash(data: Any) -> int:
    return int.from_bytes(hashlib.blake2b(data, digest_size=8).digest(), "big")


def _steady(tags: dict[str, str]) -> dict[str, str]:
    """Tags that a muxer does not write itself, with keys in small letters."""
    lower = {k.lower(): v for k, v in tags.items()}
    return {k: v for k, v in lower.items() if k not in VOLATILE and not k.startswith(VOLATILE_BEGINNINGS)}


def _first_frame(path: Path) -> dict[str, Any]:
    """Size, colour tags and side data of the first frame."""
    with open_media(path) as box:
        stream = video_stream(box)
        if stream is None or stream.codec_context is None:
            return {}
        try:
            frame = next(f for packet in box.demux(stream) for f in decoded(packet, []))
        except (StopIteration, FFmpegError, OSError):
            return {}
        facts: dict[str, Any] = {key: int(getattr(frame, key)) for key in COLOUR_TAGS if hasattr(frame, key)}
        for index in range(len(frame.side_data)):
            side = frame.side_data[index]
            if side.type.name in FRAME_SIDE_DATA:
                facts[side.type.name] = bytes(side)
        return facts
