"""Which container a file name means. Knows names; opens nothing, and loads no library."""

from __future__ import annotations

__all__ = ["CONTAINERS", "MOV_FAMILY"]

MOV_FAMILY = ("mp4", "mov", "ipod", "3gp")
"""Muxers of the MP4 and QuickTime family."""

CONTAINERS = {
    ".mp4": "mp4",
    ".m4v": "mp4",
    ".m4a": "ipod",
    ".mov": "mov",
    ".3gp": "3gp",
    ".mkv": "matroska",
    ".mka": "matroska",
    ".webm": "webm",
    ".avi": "avi",
    ".mpg": "mpeg",
    ".mpeg": "mpeg",
    ".ts": "mpegts",
    ".m2ts": "mpegts",
    ".mts": "mpegts",
    ".flv": "flv",
    ".nut": "nut",
    ".wmv": "asf",
    ".asf": "asf",
    ".mxf": "mxf",
}
"""Extension -> FFmpeg's muxer."""
