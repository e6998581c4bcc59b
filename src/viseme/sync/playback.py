"""Clips to play in a report: the same seconds of a file before and after its repair. Knows answers as JSON objects."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from viseme.audio.voice_activity import voice_fraction
from viseme.core.errors import VisemeError
from viseme.core.playable import Playback
from viseme.media.playable import MOST_SECONDS, liveliest_start, playable_clip

__all__ = ["playback_of_check", "playback_of_repair"]


def playback_of_check(
    answer: Mapping[str, Any], *, audio: str | None = None, audio_stream: int | None = None
) -> Playback:
    """At most 10 s of a checked file, where the strongest face is seen and a voice is heard.

    Args:
        answer: As `CheckResult.to_json()` gives it.
        audio, audio_stream: As `check` was asked.
    """
    return _playback(answer["file"], None, answer, audio=audio, audio_stream=audio_stream)


def playback_of_repair(
    answer: Mapping[str, Any], *, audio: str | None = None, audio_stream: int | None = None
) -> Playback:
    """At most 10 s of a file and of its repair, the same seconds of both.

    Args:
        answer: As `FixResult.to_json()` gives it.
        audio, audio_stream: As `fix` was asked.
    """
    told = answer["measured"] or answer["remeasured"]
    return _playback(answer["file"], answer["out"], told, audio=audio, audio_stream=audio_stream)


def _playback(
    before: str, after: str | None, told: Mapping[str, Any], *, audio: str | None, audio_stream: int | None
) -> Playback:
    asked: dict[str, Any] = {"stream": audio_stream, "voice": voice_fraction}
    try:
        start, end = _seen(told)
        begin = max(0.0, (start + end - MOST_SECONDS) / 2)
        if audio is None and "no_audio" not in told["reasons"]:
            begin = liveliest_start(before, start, end, **asked)
        return Playback(
            before=playable_clip(before, start=begin, audio=audio, **asked),
            after=None if after is None else playable_clip(after, start=begin, **({} if audio else asked)),
        )
    except (VisemeError, OSError) as error:
        return Playback(note=f"no clip to play: {error}")


def _seen(told: Mapping[str, Any]) -> tuple[float, float]:
    """Seconds in which the face is seen that the answer rests on; the whole file where there is none."""
    used = [t for t in told["tracks"] if t["status"] == "used"]
    if used:
        strongest = max(used, key=lambda t: t["weight"])
        return max(0.0, strongest["start"]), max(0.0, strongest["end"])
    return 0.0, told["duration"] or 0.0
