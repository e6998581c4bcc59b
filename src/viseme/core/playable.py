"""Clips that every browser plays, carried in a page. Knows no files."""

from __future__ import annotations

import base64
from dataclasses import dataclass

__all__ = ["PlayableClip", "Playback"]


@dataclass(frozen=True, kw_only=True)
class PlayableClip:
    """A short excerpt of a file."""

    start: float
    """Seconds of the file where it begins."""
    duration: float
    """Seconds."""
    width: int
    """Pixels."""
    height: int
    mime: str
    """"video/mp4" or "video/webm"."""
    data: bytes

    @property
    def uri(self) -> str:
        """The clip as an address that needs no network."""
        return f"data:{self.mime};base64,{base64.b64encode(self.data).decode('ascii')}"


@dataclass(frozen=True, kw_only=True)
class Playback:
    """What a page plays of one file."""

    before: PlayableClip | None = None
    after: PlayableClip | None = None
    """The same seconds after a repair; None where nothing was written."""
    note: str = ""
    """Why there is no clip."""
