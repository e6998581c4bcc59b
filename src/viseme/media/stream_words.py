"""What people call a stream: "the timecode track", "audio track 2 (eng)", "the cover image", "font.ttf"."""

from __future__ import annotations

import os
from typing import Any

from av.stream import Disposition

from viseme.media.in_place import Unsuitable
from viseme.media.mp4_boxes import parse_boxes, top_boxes
from viseme.media.search import shown

__all__ = ["is_cover", "mp4_tags", "stream_words"]

TAG_WORDS = {
    "tmcd": "the timecode track",
    "gpmd": "the GoPro telemetry track",
    "mebx": "the timed metadata track",
    "camm": "the camera motion track",
    "rtmd": "the camera's real-time metadata track",
    "fdsc": "the GoPro data track",
    "text": "the chapter text track",
    "c608": "the closed caption track",
    "c708": "the closed caption track",
}
CODEC_WORDS = {
    "klv": "the KLV metadata track",
    "scte_35": "the SCTE-35 cue track",
    "timed_id3": "the ID3 metadata track",
    "epg": "the programme guide",
    "dvb_teletext": "the teletext track",
    "smpte_436m_anc": "the ancillary data track",
}
KINDS = {"video": "video track", "audio": "audio track", "subtitle": "subtitle track", "data": "data track"}


def is_cover(stream: Any) -> bool:
    """Whether a stream of frames is a still image that belongs to the file, not its video."""
    return stream.type == "video" and bool(
        stream.disposition & (Disposition.attached_pic | Disposition.timed_thumbnails)
    )


def mp4_tags(path: str | os.PathLike[str]) -> dict[int, str]:
    """Track identifier -> code of what it holds, of an MP4 or QuickTime file; empty of others."""
    try:
        with open(path, "rb") as file:
            place = next(b for b in top_boxes(file) if b.kind == b"moov")
            file.seek(place.start)
            moov = parse_boxes(file.read(place.size))[0][0]
        tags: dict[int, str] = {}
        for trak in moov.all(b"trak"):
            head = trak.need(b"tkhd").body
            at = 20 if head[0] else 12
            stsd = trak.need(b"mdia", b"minf", b"stbl", b"stsd").body
            tags[int.from_bytes(head[at : at + 4], "big")] = stsd[12:16].decode("latin-1")
        return tags
    except (Unsuitable, StopIteration, OSError):
        return {}


def stream_words(stream: Any, *, tag: str = "") -> str:
    """A stream in words.

    Args:
        stream: Of an opened container.
        tag: The code by which the file calls its content, where it is known.
    """
    if is_cover(stream):
        return "the cover image"
    if stream.type == "attachment":
        return f"the attached file {shown(stream.metadata.get('filename', ''))}".rstrip()
    codec = "" if stream.codec_context is None else stream.codec_context.name
    codec = codec or getattr(stream, "name", None) or ""
    if stream.type in ("data", "subtitle") and (words := CODEC_WORDS.get(codec) or TAG_WORDS.get(tag)):
        return words
    same = [s for s in stream.container.streams if s.type == stream.type and not is_cover(s)]
    language = stream.metadata.get("language", "und")
    details = [d for d in ("" if language == "und" else language, codec or tag) if d]
    number = [s.index for s in same].index(stream.index) + 1
    kind = KINDS.get(stream.type, "track")
    return f"{kind} {number}" + (f" ({', '.join(shown(d) for d in details)})" if details else "")
