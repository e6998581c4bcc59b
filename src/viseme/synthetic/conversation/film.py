"""Conversations as files: frames and audio in a container, and the truth as JSON beside it. Knows media and names."""

from __future__ import annotations

import json
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

from viseme.core.errors import ConfigError, OutputError
from viseme.core.time import Seconds
from viseme.media import VideoWriter
from viseme.media.files import refuse_output
from viseme.synthetic.conversation.drawing import draw
from viseme.synthetic.conversation.interface import Conversation
from viseme.synthetic.conversation.plan import plan_conversation
from viseme.synthetic.conversation.truth import FilmedConversation, face_tracks
from viseme.synthetic.phonemes import SAMPLE_RATE

__all__ = ["film_conversation", "synth_conversation"]


def film_conversation(
    path: Path | str,
    conversation: int | Conversation,
    *,
    truth: Path | str | None = None,
    antialias: int = 2,
    crf: int = 20,
    progress: Callable[[int, int], None] | None = None,
    **options: Any,
) -> FilmedConversation:
    """Film a conversation into `path` and write its truth as JSON beside it.

    Args:
        path: File name; its extension chooses the container.
        conversation: A seed, or a conversation from `plan_conversation` or `conversation_tracks`.
        truth: JSON file. Default: `path` with `.json` in place of its extension.
        antialias: Samples per pixel along each axis, 1 to 4.
        crf: Quality of the frames, lower is better.
        progress: Called with (frames done, frames in all).
        options: Of `plan_conversation`, with a seed.

    Raises:
        ConfigError: options beside a finished conversation, or one is out of its range.
        OutputError: a file cannot be written.
        As `plan_conversation`, with a seed.
    """
    if isinstance(conversation, Conversation):
        if options:
            raise ConfigError(f"a finished conversation takes no {', '.join(sorted(options))}; give a seed instead")
        talk = conversation
    else:
        talk = plan_conversation(conversation, **options)
    start = Fraction(talk.audio_start).limit_denominator(SAMPLE_RATE)
    with VideoWriter(
        path, width=talk.width, height=talk.height, rate=talk.rate, audio_rate=SAMPLE_RATE, crf=crf
    ) as video:
        sent = 0
        for index, frame in enumerate(draw(talk, antialias=antialias)):
            video.write(frame, Fraction(index) / talk.rate)
            last = index == len(talk.times) - 1
            until = len(talk.audio) if last else min(len(talk.audio), int((talk.times[index] + 1) * SAMPLE_RATE))
            if until > sent:  # interleave by the second
                video.write_audio(talk.audio[sent:until], start if sent == 0 else None)
                sent = until
            if progress is not None:
                progress(index + 1, len(talk.times))
    result = FilmedConversation(path=str(path), conversation=talk, tracks=tuple(face_tracks(talk)))
    beside = _beside(path) if truth is None else Path(truth)
    try:
        beside.write_text(json.dumps(result.to_json(), ensure_ascii=False) + "\n", encoding="utf-8")
    except OSError as error:
        raise OutputError(f"cannot write the truth to {beside}: {error.strerror}") from error
    return result


def _beside(path: Path | str) -> Path:
    return Path(path).with_suffix(".json")


def synth_conversation(
    out: Path,
    *,
    seed: int = 0,
    people: int | None = None,
    seconds: Seconds = 12.0,
    width: int = 1280,
    height: int = 720,
    fps: str = "25",
    audio_delay: Seconds = 0.0,
    still: bool = False,
    dubbing: float = 0.32,
    recorded: float = 0.55,
    crf: int = 20,
    truth: Path | None = None,
    overwrite: bool = False,
) -> FilmedConversation:
    """Film a conversation of synthetic people; who speaks when, and who only seems to, is known.

    Args:
        out: File to write; the extension chooses the container.
        seed: Chooses people, voices, words, turns, cameras and the room; from 1000000000 on, voices held out for
            tests.
        people: How many are in the scene, 1 to 6; None = 2 to 4, drawn.
        seconds: Length in seconds.
        width: Width of the frame in pixels, even.
        height: Height of the frame in pixels, even.
        fps: Frames a second; fractions such as 30000/1001 are exact.
        audio_delay: How much later than the lips the audio comes, in seconds.
        still: One camera that shows everybody, without cuts.
        dubbing: Chance that somebody is dubbed, 0 to 1.
        recorded: Share of recorded voices, 0 to 1 (docs/voices.md); 0 = espeak-ng alone. Where flite or festival is not
            installed, espeak-ng speaks in their place.
        crf: Quality of the video as x264 counts it, 0 to 51, lower is better.
        truth: JSON file for the truth; None = OUT with .json in place of its extension.
        overwrite: Replace files that exist.

    Raises:
        EspeakMissing: espeak-ng is not installed.
        ConfigError: a value is out of its range.
        OutputError: a file exists, or cannot be written.
    """
    try:
        rate = Fraction(fps)
    except (ValueError, ZeroDivisionError):
        raise ConfigError(f"{fps!r} is not a frame rate; write 25, 29.97 or 30000/1001") from None
    beside = _beside(out) if truth is None else truth
    for target in (out, beside):
        refuse_output(target, overwrite=overwrite)
    return film_conversation(
        out,
        seed,
        truth=beside,
        crf=crf,
        num_people=people,
        seconds=seconds,
        width=width,
        height=height,
        rate=rate,
        audio_delay=audio_delay,
        cuts=False if still else None,
        dubbing=dubbing,
        recorded=recorded,
        missing_voices="espeak",
    )
