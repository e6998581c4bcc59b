"""Results in plain words, for the terminal and the report."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from viseme.core.results import Reason, Verdict

__all__ = [
    "REASON_SENTENCES",
    "REASON_WORDS",
    "VERDICT_WORDS",
    "delay_words",
    "milliseconds",
    "percent",
    "short_time",
]

VERDICT_WORDS: Mapping[Verdict, str] = MappingProxyType(
    {
        Verdict.IN_SYNC: "in sync",
        Verdict.OUT_OF_SYNC: "out of sync",
        Verdict.CANNOT_TELL: "cannot tell",
    }
)

REASON_WORDS: Mapping[Reason, str] = MappingProxyType(
    {
        Reason.NO_AUDIO: "no audio",
        Reason.NO_VIDEO: "no video",
        Reason.NO_VOICE: "no voice",
        Reason.NO_FACE: "no face",
        Reason.TRACK_TOO_SHORT: "seen too briefly",
        Reason.FACE_TOO_SMALL: "face too small",
        Reason.OCCLUDED_OR_PROFILE: "covered or turned away",
        Reason.MOUTH_STATIC: "mouth does not move",
        Reason.FLAT_SCORES: "no delay stands out",
        Reason.PEAK_AT_EDGE: "best delay at the edge of the search",
        Reason.TWO_PEAKS: "two delays fit",
        Reason.DUBBING_SUSPECTED: "other words than the lips",
        Reason.BAD_TIMESTAMPS: "damaged time stamps",
        Reason.NO_OVERLAP: "audio and video never together",
        Reason.DELAY_JUMPS: "the delay jumps",
        Reason.BEYOND_SEARCH: "a delay beyond the search fits better",
        Reason.TOO_FEW_FRAMES: "too few frames a second",
    }
)
"""A few words each, for a table."""

REASON_SENTENCES: Mapping[Reason, str] = MappingProxyType(
    {
        Reason.NO_AUDIO: "The file has no audio to compare with the lips.",
        Reason.NO_VIDEO: "The file has no moving images to read lips from.",
        Reason.NO_VOICE: "Nobody was heard speaking: the audio is silence, music or noise.",
        Reason.NO_FACE: "No face was found in the video.",
        Reason.TRACK_TOO_SHORT: "The face is on screen too briefly to follow its lips.",
        Reason.FACE_TOO_SMALL: "The face is too small for its lips to be seen moving.",
        Reason.OCCLUDED_OR_PROFILE: "The face is turned away or its mouth is covered most of the time.",
        Reason.MOUTH_STATIC: "The mouth hardly moves: this person is not speaking.",
        Reason.FLAT_SCORES: "No delay fits clearly better than the others: there is too little speech, or the voice "
        "belongs to somebody else.",
        Reason.PEAK_AT_EDGE: "The best delay lies at the edge of what was searched; search wider with --max-delay.",
        Reason.TWO_PEAKS: "Two different delays fit almost equally well, as in repeated or rhythmic speech.",
        Reason.DUBBING_SUSPECTED: "The lips move, but not to this audio at any delay: dubbing or a voice-over.",
        Reason.BAD_TIMESTAMPS: "The file's time stamps are damaged, so video and audio cannot be placed in time.",
        Reason.NO_OVERLAP: "Video and audio do not play at the same time for long enough to be compared.",
        Reason.DELAY_JUMPS: "The delay is not one: it jumps within the file, and each piece has its own.",
        Reason.BEYOND_SEARCH: "A delay beyond the range that was asked for fits better, and not surely enough to be "
        "given; search there with --max-delay.",
        Reason.TOO_FEW_FRAMES: "There are too few frames a second to see lips move, as in a screen recording.",
    }
)
"""One sentence each, for somebody who meets the word for the first time."""


def milliseconds(seconds: float, *, signed: bool = True) -> str:
    """A delay as people say it.

    Example:
        >>> milliseconds(0.1204), milliseconds(-0.04), milliseconds(0.0001)
        ('+120 ms', '\N{MINUS SIGN}40 ms', '0 ms')
    """
    ms = round(seconds * 1000)
    sign = "" if ms == 0 or not signed else "+" if ms > 0 else "\N{MINUS SIGN}"
    return f"{sign}{abs(ms)} ms"


def percent(probability: float) -> str:
    """A probability in per cent; never a certainty.

    Example:
        >>> percent(0.954), percent(0.9999), percent(0.001), percent(0.0)
        ('95 %', '> 99 %', '< 1 %', '< 1 %')
    """
    if probability > 0.99:
        return "> 99 %"
    return "< 1 %" if probability < 0.01 else f"{100 * probability:.0f} %"


def delay_words(audio_delay: float | None, *, in_sync: bool = False) -> str:
    """What a delay means and what to do about it.

    Example:
        >>> delay_words(0.12)
        'The audio comes 120 ms after the video: shift it by \N{MINUS SIGN}120 ms.'
        >>> delay_words(-0.02, in_sync=True)
        'The audio comes 20 ms before the video, which viewers accept.'
    """
    if audio_delay is None:
        return "The delay cannot be told."
    if round(audio_delay * 1000) == 0:
        return "Audio and video are together."
    where = "after" if audio_delay > 0 else "before"
    what = f"The audio comes {milliseconds(abs(audio_delay), signed=False)} {where} the video"
    return f"{what}, which viewers accept." if in_sync else f"{what}: shift it by {milliseconds(-audio_delay)}."


def short_time(seconds: float) -> str:
    """A time for a label.

    Example:
        >>> short_time(62.46), short_time(3661.0)
        ('1:02.5', '1:01:01.0')
    """
    tenths = round(abs(seconds) * 10)
    minutes, rest = divmod(tenths, 600)
    hours, minutes = divmod(minutes, 60)
    sign = "\N{MINUS SIGN}" if seconds < 0 and tenths else ""
    head = f"{hours}:{minutes:02d}" if hours else f"{minutes}"
    return f"{sign}{head}:{rest // 10:02d}.{rest % 10}"
