"""What a timeline holds, whatever format writes it: one video, its audio moved into place, and markers.

Cuts lie on whole frames. Where the audio is taken from need not.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

from viseme.core.errors import OutputError
from viseme.core.results import CheckResult, DelayEstimate, Reason
from viseme.core.speakers import SpeakersResult
from viseme.core.time import as_seconds
from viseme.core.timecode import counts_drop_frames, timecode_frame
from viseme.report.speakers import turns
from viseme.report.words import REASON_SENTENCES, REASON_WORDS

__all__ = ["AudioClip", "Cut", "Marker", "frame_rate_of"]

COLOURS = ("GREEN", "CYAN", "MAGENTA", "YELLOW", "BLUE", "ORANGE", "PINK", "PURPLE")
WARNING_COLOUR = "RED"
OFFSCREEN_COLOUR = "WHITE"
USUAL_RATE = Fraction(25)
"""Frames per second where a result does not know its own."""


def frame_rate_of(mean: float | None) -> Fraction:
    """The exact rate that a mean one stands for; 25 where there is none.

    Example:
        >>> frame_rate_of(29.970029), frame_rate_of(25.0), frame_rate_of(23.976), frame_rate_of(12.5)
        (Fraction(30000, 1001), Fraction(25, 1), Fraction(24000, 1001), Fraction(25, 2))
    """
    if not mean:
        return USUAL_RATE
    whole = round(mean)
    for rate in (Fraction(whole), Fraction(whole * 1000, 1001)):
        if rate and abs(mean / rate - 1) < 2e-4:
            return rate
    return Fraction(mean).limit_denominator(1001)


@dataclass(frozen=True, kw_only=True)
class Marker:
    """A named stretch of the video."""

    start: int
    """Frames."""
    num_frames: int
    name: str
    comment: str
    colour: str


@dataclass(frozen=True, kw_only=True)
class AudioClip:
    """A stretch of audio on the timeline."""

    start: int
    """Frames of the timeline."""
    num_frames: int
    source: Fraction
    """Frames into the audio file, where the clip begins; may lie between two."""
    delay: Fraction
    """Seconds that were taken out."""


@dataclass(frozen=True, kw_only=True)
class Cut:
    """What every format writes."""

    video: Path
    audio: Path
    rate: Fraction
    num_frames: int
    clips: tuple[AudioClip, ...]
    markers: tuple[Marker, ...]
    start: int = 0
    """Time code of the first frame as a number of frames; the timeline begins there too."""
    audio_start: int = 0
    """The same of the audio file: 0 where that is another one."""
    drop: bool = False
    """Whether the time code of the file counts in drop-frame."""
    size: tuple[int, int] | None = None
    """Width and height of a frame, pixels."""

    @classmethod
    def of(cls, result: CheckResult | SpeakersResult, audio: str | None) -> Cut:
        estimate = result.estimate if isinstance(result, CheckResult) else result.delay
        reasons = () if estimate is None else estimate.reasons
        if Reason.NO_VIDEO in reasons or not result.duration:
            raise OutputError(f"{result.file} has no video or no known duration, so there is no timeline to write")
        rate = frame_rate_of(result.frame_rate)
        num_frames = max(1, round(as_seconds(result.duration) * rate))
        markers = [] if estimate is None or estimate.audio_delay is not None else [_why(estimate, num_frames)]
        if isinstance(result, SpeakersResult):
            markers += _turns(result, rate, num_frames)
            delays = [(0, as_seconds(result.delay_taken_out))]
        else:
            delays = _delays(result.estimate, rate)
        start = (timecode_frame(result.timecode, rate) if result.timecode else None) or 0
        return cls(
            video=Path(result.file).absolute(),
            audio=Path(audio or result.file).absolute(),
            rate=rate,
            num_frames=num_frames,
            clips=() if Reason.NO_AUDIO in reasons else _moved(delays, rate, num_frames),
            markers=tuple(markers),
            start=start,
            audio_start=0 if audio else start,
            drop=counts_drop_frames(result.timecode, rate),
            size=(result.width, result.height) if result.width and result.height else None,
        )


def _delays(estimate: DelayEstimate, rate: Fraction) -> list[tuple[int, Fraction]]:
    """(First frame, seconds of delay) of every stretch; the first begins with the file."""
    starts = [0, *(round(as_seconds(p.start) * rate) for p in estimate.pieces[1:])]
    delays = [p.audio_delay for p in estimate.pieces] or [estimate.audio_delay or 0.0]
    return [(start, as_seconds(delay)) for start, delay in zip(starts, delays)]


def _moved(delays: Sequence[tuple[int, Fraction]], rate: Fraction, num_frames: int) -> tuple[AudioClip, ...]:
    """The audio of every stretch from where it was recorded; nothing from before its beginning or after its end."""
    clips = []
    for (start, delay), (end, _) in pairwise([*delays, (num_frames, Fraction(0))]):
        slip = delay * rate
        first = max(start, math.ceil(-slip))
        last = min(end, math.floor(num_frames - slip))
        if last > first:
            clips.append(AudioClip(start=first, num_frames=last - first, source=first + slip, delay=delay))
    return tuple(clips)


def _why(estimate: DelayEstimate, num_frames: int) -> Marker:
    words = ", ".join(REASON_WORDS[r] for r in estimate.reasons) or "cannot tell"
    comment = " ".join(REASON_SENTENCES[r] for r in estimate.reasons)
    name = f"audio not moved: {words}"
    return Marker(start=0, num_frames=num_frames, name=name, comment=comment, colour=WARNING_COLOUR)


def _turns(result: SpeakersResult, rate: Fraction, num_frames: int) -> list[Marker]:
    markers = []
    people: dict[str, str] = {}
    for begin, stop, who in turns(result):
        start = min(max(0, round(as_seconds(begin) * rate)), num_frames - 1)
        end = min(max(start + 1, round(as_seconds(stop) * rate)), num_frames)
        if who == "offscreen":
            name, colour, comment = "voice offscreen", OFFSCREEN_COLOUR, "Nobody in view is speaking."
        else:
            name, comment = f"{who} speaks", ""
            colour = people.setdefault(who, COLOURS[len(people) % len(COLOURS)])
        markers.append(Marker(start=start, num_frames=end - start, name=name, comment=comment, colour=colour))
    return markers
