"""A timeline as a CMX 3600 edit decision list: whole frames, the nearest where the audio moves by a fraction of one."""

from __future__ import annotations

import math
from fractions import Fraction
from itertools import count
from pathlib import Path

from viseme.core.timecode import format_timecode
from viseme.report.timeline.cut import Cut

__all__ = ["edl_timeline"]


def edl_timeline(cut: Cut) -> str:
    """The timeline as a CMX 3600 list. OpenTimelineIO's own writer leaves the audio out, so this one is ours."""

    lines = [f"TITLE: {_line(cut.video.stem)}", "FCM: DROP FRAME" if cut.drop else "FCM: NON-DROP FRAME"]
    numbers = count(1)

    def code(frame: int) -> str:
        return format_timecode(frame, cut.rate, drop=cut.drop)

    def event(reel: str, channel: str, source: Fraction | int, start: int, num_frames: int) -> None:
        begin, at = math.floor(source + Fraction(1, 2)), cut.start + start
        codes = [code(frame) for frame in (begin, begin + num_frames, at, at + num_frames)]
        lines.extend(["", f"{next(numbers):03d}  {reel:<8} {channel:<5} C        {' '.join(codes)}"])

    def name(file: Path) -> None:
        lines.extend([f"* FROM CLIP NAME:  {_line(file.name)}", f"* FROM CLIP: {file.as_uri()}"])

    event("AX", "V", cut.start, 0, cut.num_frames)
    name(cut.video)
    lines.extend(f"* LOC: {code(cut.start + m.start)} {m.colour:<7} {m.name}" for m in cut.markers)
    at = 0
    for c in cut.clips:
        if c.start > at:  # black: readers put a list's first event at its beginning
            event("BL", "A", 0, at, c.start - at)
        event("AX", "A", cut.audio_start + c.source, c.start, c.num_frames)
        name(cut.audio)
        at = c.start + c.num_frames
    return "\n".join(lines) + "\n"


def _line(text: str) -> str:
    return " ".join(text.split())
