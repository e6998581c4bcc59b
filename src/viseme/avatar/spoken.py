"""What is said: the audible stream of a file as samples, or a text said by a voice and kept in a file meanwhile.

Knows audio; refuses to know faces.
"""

from __future__ import annotations

import os
import tempfile
import wave
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from viseme.audio.clock import RATE
from viseme.audio.voice_activity import voice_fraction
from viseme.core.errors import NoAudio
from viseme.media.audio import join_blocks, read_audio
from viseme.media.audio_choice import choose_audible
from viseme.media.search import shown

__all__ = ["Spoken", "heard", "spoken"]

Warn = Callable[[str], None]


@dataclass(frozen=True, kw_only=True, eq=False)
class Spoken:
    """What is said."""

    path: Path
    stream: int
    samples: NDArray[np.float32]
    """(S,) mono at 16 kHz."""
    start: float
    """Seconds of the first one in the file."""


def heard(audio: Path, stream: int | None, warn: Warn, *, name: str | None = None) -> Spoken:
    """The audio of a file.

    Args:
        audio: The file.
        stream: Which audio stream of it; None = the one that holds a voice.
        warn: Told which one that is where there are several, and that nobody speaks.
        name: What the file is called in messages.

    Raises:
        NoAudio: there is none.
        MediaError: the file cannot be read, or there is no such stream.
    """
    told = name or shown(audio)
    silent = f"{told} has no audio; give a file with speech"
    try:
        choice = choose_audible(audio, stream=stream, voice=voice_fraction)
    except NoAudio:
        raise NoAudio(silent) from None
    if choice.note:
        warn(choice.note)
    blocks = list(read_audio(audio, rate=RATE, stream=choice.stream, channel=choice.channel, on_warning=warn))
    if not sum(len(block.samples) for block in blocks):
        raise NoAudio(silent)
    samples, start = join_blocks(blocks)
    if not voice_fraction(samples):
        warn(f"no speech was found in {told}: the mouth stays closed")
    return Spoken(path=audio, stream=choice.stream, samples=samples, start=float(start))


@contextmanager
def spoken(
    audio: str | os.PathLike[str] | None, text: str | None, voice: str, stream: int | None, warn: Warn
) -> Iterator[Spoken]:
    """The audio, or the text said by a voice.

    Raises:
        NoAudio: there is none.
    """
    if audio is not None:
        yield heard(Path(os.fsdecode(os.fspath(audio))), stream, warn)
        return
    with tempfile.TemporaryDirectory(prefix="viseme-dub-") as folder:
        path = Path(folder) / "speech.wav"
        _write_speech(path, text or "", voice)
        yield heard(path, None, warn, name="the text")


def _write_speech(path: Path, text: str, voice: str) -> None:
    from viseme.synthetic.phonemes import SAMPLE_RATE
    from viseme.synthetic.speech import speak

    speech = speak(text, voice=voice)
    with wave.open(os.fspath(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(SAMPLE_RATE)
        file.writeframes((np.clip(speech.samples, -1, 1) * 32767).astype("<i2").tobytes())
