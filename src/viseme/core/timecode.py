"""Time code of frames: hours, minutes, seconds and frames, as cameras and editing programs count. Knows no files."""

from __future__ import annotations

import math
import re
from fractions import Fraction

__all__ = ["counts_drop_frames", "format_timecode", "timecode_frame"]

PATTERN = re.compile(r"(\d{1,2}):(\d{2}):(\d{2})([:;.,])(\d{2,3})")


def timecode_frame(text: str, rate: Fraction) -> int | None:
    """Number of the frame that a time code names; that of 00:00:00:00 is 0. None where the text is none at this rate.

    A semicolon, point or comma before the frames says drop-frame: at 29.97 frames a second, numbers 0 and 1 are left
    out in every minute but each tenth, so that the code keeps step with the clock.

    Args:
        text: "01:00:00:12" or "01:00:00;12".
        rate: Frames a second.

    Source:
        SMPTE ST 12-1, drop frame time code.

    Example:
        >>> ntsc = Fraction(30000, 1001)
        >>> [timecode_frame(text, ntsc) for text in ("00:01:00;02", "10:00:00;00", "10:00:00:00")]
        [1800, 1078920, 1080000]
    """
    match = PATTERN.fullmatch(text.strip())
    if match is None:
        return None
    hours, minutes, seconds, frames = (int(match[i]) for i in (1, 2, 3, 5))
    nominal = math.ceil(rate)
    if minutes > 59 or seconds > 59 or frames >= nominal:
        return None
    frame = ((hours * 60 + minutes) * 60 + seconds) * nominal + frames
    return frame - _left_out(hours * 60 + minutes, rate) if counts_drop_frames(text, rate) else frame


def counts_drop_frames(text: str | None, rate: Fraction) -> bool:
    """Whether a time code counts in drop-frame; only at 29.97 frames a second and its multiples can it."""
    match = PATTERN.fullmatch((text or "").strip())
    return match is not None and match[4] != ":" and _dropped(rate) > 0


def format_timecode(frame: int, rate: Fraction, *, drop: bool = False) -> str:
    """Time code of a frame; begins anew after 24 hours.

    Args:
        frame: Number of the frame, that of 00:00:00:00 being 0.
        rate: Frames a second.
        drop: Count in drop-frame, written with a semicolon.

    Example:
        >>> format_timecode(1800, Fraction(30000, 1001), drop=True), format_timecode(1800, Fraction(30000, 1001))
        ('00:01:00;02', '00:01:00:00')
    """
    nominal = math.ceil(rate)
    if drop:
        tens, rest = divmod(frame, nominal * 600 - 9 * _dropped(rate))
        minutes = 10 * tens + max(0, (rest - _dropped(rate)) // (nominal * 60 - _dropped(rate)))
        frame += _left_out(minutes, rate)
    seconds, frames = divmod(frame, nominal)
    clock = f"{seconds // 3600 % 24:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"
    return f"{clock}{';' if drop else ':'}{frames:02d}"


def _dropped(rate: Fraction) -> int:
    """Numbers left out in a minute: 2 at 29.97, 4 at 59.94, 0 where drop-frame is unknown."""
    nominal = math.ceil(rate)
    return nominal // 15 if nominal % 30 == 0 and rate * 1001 == nominal * 1000 else 0


def _left_out(minutes: int, rate: Fraction) -> int:
    """Numbers left out before a minute."""
    return _dropped(rate) * (minutes - minutes // 10)
