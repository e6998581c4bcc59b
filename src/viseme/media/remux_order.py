"""What a repair does to which file, resolved against the files. Knows times and paths; opens nothing."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from viseme.media.retimed_piece import RetimedPiece

__all__ = ["Order"]


@dataclass(frozen=True, kw_only=True)
class Order:
    """What to do, resolved against the files."""

    path: Path
    out: Path
    shift: Fraction
    audio_path: Path
    """The file whose audio is used."""
    replaced: bool
    """The audio comes from another file."""
    chosen: tuple[int, ...]
    """Audio streams of `audio_path` that move."""
    zero: Fraction
    """Container-clock seconds of the source that become second 0 of the output."""
    audio_zero: Fraction
    """Seconds to add to the audio file's clock (before `shift`) to get seconds of the output."""
    frame: Fraction
    """Output seconds of the first frame."""
    pieces: tuple[RetimedPiece, ...] = ()
    """Instead of `shift`: where each piece of the audio lies."""
    audio_codec: str | None = None
    """Encoder of the audio that moves; None = the one nearest to its codec."""
    audio_end: Fraction | None = None
    """Output seconds at which the audio that moves ends; None = where it ends by itself."""
