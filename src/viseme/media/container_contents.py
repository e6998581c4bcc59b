"""What each container holds, and by which name: codecs, chapters, covers, languages. Knows tables; copies nothing."""

from __future__ import annotations

from typing import Any

from viseme.media.audio_track import codec_family
from viseme.media.containers import MOV_FAMILY
from viseme.media.writer import holds_audio

__all__ = ["IMAGE_KINDS", "KEPT_TAGS", "QUICKTIME_LANGUAGES", "WITH_CHAPTERS", "fits"]

WITH_CHAPTERS = (*MOV_FAMILY, "matroska", "webm", "nut", "asf")
"""Muxers that write chapters."""

QUICKTIME_LANGUAGES = {
    "sqi": "alb",
    "hye": "arm",
    "eus": "baq",
    "mya": "bur",
    "zho": "chi",
    "cze": "ces",
    "nld": "dut",
    "fre": "fra",
    "kat": "geo",
    "deu": "ger",
    "ell": "gre",
    "isl": "ice",
    "mkd": "mac",
    "msa": "may",
    "fas": "per",
    "rum": "ron",
    "slo": "slk",
    "bod": "tib",
    "cym": "wel",
}
"""Codes of languages that QuickTime files have another code for."""

IMAGE_KINDS = {"mjpeg": ("jpg", "image/jpeg"), "png": ("png", "image/png"), "bmp": ("bmp", "image/bmp")}
"""Codec of a cover -> extension and kind of the file that it is."""

KEPT_TAGS = ("hvc1", "hev1", "dvh1", "dvhe", "avc1", "avc3", "apch", "apcn", "apcs", "apco", "ap4h", "ap4x")
"""Names by which QuickTime files tell variants of one codec apart."""


SUBTITLES = {
    "webm": ("webvtt",),
    "mpegts": ("dvb_subtitle", "dvbsub", "dvb_teletext", "arib_caption"),
    **dict.fromkeys(("mpeg", "avi", "asf", "flv", "mxf"), ("",)),
    **dict.fromkeys(MOV_FAMILY, ("mov_text",)),
}
"""Muxer -> the only subtitle codecs it holds."""


def fits(stream: Any, source: str, muxer: str) -> bool:
    """What FFmpeg's own table of containers and codecs lets pass and then fails at."""
    codec = "" if stream.codec_context is None else stream.codec_context.name
    if stream.type == "attachment":
        return muxer == "matroska"
    if stream.type == "subtitle":
        return codec in SUBTITLES.get(muxer, (codec,))
    if muxer == "avi" and codec in ("h264", "hevc"):  # AVI wants start codes and cannot order B frames
        return source in ("avi", "mpegts", "mpeg")
    return bool(codec) and (stream.type != "audio" or holds_audio(muxer, codec_family(codec)))
