"""Results as a timeline that editing programs open: the video, its audio moved into place, and markers.

Cuts lie on whole frames of the timeline. Where the audio is taken from need not: OpenTimelineIO keeps fractions of a
frame, an EDL has none and gets the nearest frame.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import count, pairwise
from pathlib import Path
from typing import Any

from viseme.core.errors import OutputError
from viseme.core.extras import import_part
from viseme.core.results import CheckResult, DelayEstimate, Reason
from viseme.core.speakers import SpeakersResult
from viseme.core.time import as_seconds
from viseme.report.files import refuse_unwritable, replacing_text
from viseme.report.speakers import turns
from viseme.report.words import REASON_SENTENCES, REASON_WORDS

__all__ = ["frame_rate_of", "refuse_timeline", "write_timeline"]

COLOURS = ("GREEN", "CYAN", "MAGENTA", "YELLOW", "BLUE", "ORANGE", "PINK", "PURPLE")
WARNING_COLOUR = "RED"
OFFSCREEN_COLOUR = "WHITE"
USUAL_RATE = Fraction(25)
"""Frames per second where a result does not know its own."""


def refuse_timeline(path: str | Path) -> None:
    """Find out before the work that a timeline could not be written afterwards.

    Raises:
        OutputError: the name ends in neither .otio nor .edl, or the folder is missing or read-only.
        MissingExtra: .otio without the package opentimelineio.
    """
    path = Path(path)
    kind = path.suffix.lower()
    if kind == ".fcpxml":
        raise OutputError(f"{path} cannot be written: FCPXML is not supported; write .otio or .edl")
    if kind not in (".otio", ".edl"):
        raise OutputError(f"{path} is no timeline that can be written; end its name in .otio or .edl")
    refuse_unwritable(path)
    if kind == ".otio":
        import_part("opentimelineio")


def write_timeline(path: str | Path, result: CheckResult | SpeakersResult, *, audio: str | None = None) -> None:
    """Write the file of a result as a timeline: its video on V1, its audio moved by -audio_delay on A1, and markers.

    Where the delay jumps, every piece is an audio clip of its own. Where it cannot be told, the audio stays and a
    marker says why. Speakers are markers on the video, one a turn, with the person's name.

    Args:
        path: Ends in .otio (OpenTimelineIO) or .edl (CMX 3600).
        result: Of `viseme.check` or `viseme.find_speakers`.
        audio: The file that the audio was taken from, where that is another one.

    Raises:
        OutputError: not such a name, not writable, or the file has no video or no known duration.
        MissingExtra: .otio without the package opentimelineio.
    """
    path = Path(path)
    refuse_timeline(path)
    cut = _Cut.of(result, audio)
    text = _otio(cut) if path.suffix.lower() == ".otio" else _edl(cut)
    with replacing_text(path) as out:
        out.write(text)


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
class _Marker:
    start: int
    """Frames."""
    num_frames: int
    name: str
    comment: str
    colour: str


@dataclass(frozen=True, kw_only=True)
class _AudioClip:
    start: int
    """Frames of the timeline."""
    num_frames: int
    source: Fraction
    """Frames into the audio file, where the clip begins; may lie between two."""
    delay: Fraction
    """Seconds that were taken out."""


@dataclass(frozen=True, kw_only=True)
class _Cut:
    """What every format writes."""

    video: Path
    audio: Path
    rate: Fraction
    num_frames: int
    clips: tuple[_AudioClip, ...]
    markers: tuple[_Marker, ...]

    @classmethod
    def of(cls, result: CheckResult | SpeakersResult, audio: str | None) -> _Cut:
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
        return cls(
            video=Path(result.file).absolute(),
            audio=Path(audio or result.file).absolute(),
            rate=rate,
            num_frames=num_frames,
            clips=() if Reason.NO_AUDIO in reasons else _moved(delays, rate, num_frames),
            markers=tuple(markers),
        )


def _delays(estimate: DelayEstimate, rate: Fraction) -> list[tuple[int, Fraction]]:
    """(First frame, seconds of delay) of every stretch; the first begins with the file."""
    starts = [0, *(round(as_seconds(p.start) * rate) for p in estimate.pieces[1:])]
    delays = [p.audio_delay for p in estimate.pieces] or [estimate.audio_delay or 0.0]
    return [(start, as_seconds(delay)) for start, delay in zip(starts, delays)]


def _moved(delays: Sequence[tuple[int, Fraction]], rate: Fraction, num_frames: int) -> tuple[_AudioClip, ...]:
    """The audio of every stretch from where it was recorded; nothing from before its beginning or after its end."""
    clips = []
    for (start, delay), (end, _) in pairwise([*delays, (num_frames, Fraction(0))]):
        slip = delay * rate
        first = max(start, math.ceil(-slip))
        last = min(end, math.floor(num_frames - slip))
        if last > first:
            clips.append(_AudioClip(start=first, num_frames=last - first, source=first + slip, delay=delay))
    return tuple(clips)


def _why(estimate: DelayEstimate, num_frames: int) -> _Marker:
    words = ", ".join(REASON_WORDS[r] for r in estimate.reasons) or "cannot tell"
    comment = " ".join(REASON_SENTENCES[r] for r in estimate.reasons)
    name = f"audio not moved: {words}"
    return _Marker(start=0, num_frames=num_frames, name=name, comment=comment, colour=WARNING_COLOUR)


def _turns(result: SpeakersResult, rate: Fraction, num_frames: int) -> list[_Marker]:
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
        markers.append(_Marker(start=start, num_frames=end - start, name=name, comment=comment, colour=colour))
    return markers


def _otio(cut: _Cut) -> str:
    """The timeline as OpenTimelineIO writes it."""
    otio = import_part("opentimelineio")

    def span(start: Fraction | int, num_frames: int) -> Any:
        rate, time = float(cut.rate), otio.opentime.RationalTime
        return otio.opentime.TimeRange(time(float(start), rate), time(num_frames, rate))

    def clip(file: Path, start: Fraction | int, num_frames: int, metadata: dict[str, Any]) -> Any:
        reference = otio.schema.ExternalReference(file.as_uri(), span(0, cut.num_frames))
        return otio.schema.Clip(file.name, reference, span(start, num_frames), {"viseme": metadata})

    video = otio.schema.Track("V1", kind=otio.schema.TrackKind.Video)
    whole = clip(cut.video, 0, cut.num_frames, {})
    for m in cut.markers:
        marker = otio.schema.Marker(m.name, span(m.start, m.num_frames), m.colour)
        marker.comment = m.comment
        whole.markers.append(marker)
    video.append(whole)
    timeline = otio.schema.Timeline(cut.video.stem, global_start_time=otio.opentime.RationalTime(0, float(cut.rate)))
    timeline.tracks.append(video)
    if cut.clips:
        audio = otio.schema.Track("A1", kind=otio.schema.TrackKind.Audio)
        at = 0
        for c in cut.clips:
            if c.start > at:
                audio.append(otio.schema.Gap(source_range=span(0, c.start - at)))
            audio.append(clip(cut.audio, c.source, c.num_frames, {"audio_delay": float(c.delay)}))
            at = c.start + c.num_frames
        timeline.tracks.append(audio)
    return timeline.to_json_string(indent=4) + "\n"


def _edl(cut: _Cut) -> str:
    """The timeline as a CMX 3600 list. OpenTimelineIO's own writer leaves the audio out, so this one is ours."""

    lines = [f"TITLE: {_line(cut.video.stem)}", "FCM: NON-DROP FRAME"]
    numbers = count(1)

    def event(reel: str, channel: str, source: Fraction | int, start: int, num_frames: int) -> None:
        begin = math.floor(source + Fraction(1, 2))
        codes = [_timecode(frame, cut.rate) for frame in (begin, begin + num_frames, start, start + num_frames)]
        lines.extend(["", f"{next(numbers):03d}  {reel:<8} {channel:<5} C        {' '.join(codes)}"])

    def name(file: Path) -> None:
        lines.extend([f"* FROM CLIP NAME:  {_line(file.name)}", f"* FROM CLIP: {file.as_uri()}"])

    event("AX", "V", 0, 0, cut.num_frames)
    name(cut.video)
    lines.extend(f"* LOC: {_timecode(m.start, cut.rate)} {m.colour:<7} {m.name}" for m in cut.markers)
    at = 0
    for c in cut.clips:
        if c.start > at:  # black: readers put a list's first event at its beginning
            event("BL", "A", 0, at, c.start - at)
        event("AX", "A", c.source, c.start, c.num_frames)
        name(cut.audio)
        at = c.start + c.num_frames
    return "\n".join(lines) + "\n"


def _timecode(frame: int, rate: Fraction) -> str:
    """Frames as non-drop time code."""
    seconds, frames = divmod(frame, math.ceil(rate))
    return f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}:{frames:02d}"


def _line(text: str) -> str:
    return " ".join(text.split())
