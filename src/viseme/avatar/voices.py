"""A person's audio as other voices would say it, heard once and kept on disk. Knows samples; refuses to know networks.

Resampling moves pitch, formants and pace together, which is how voices of larger and smaller people differ most.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from viseme.avatar.examples import TrainingClips, audio_of
from viseme.avatar.heard import AudioStream, HeardAudio
from viseme.data.store import ClipStore

__all__ = ["heard_windows", "in_another_voice"]

_VERSION = 1
"""Raise it when audio is heard in another way."""


def in_another_voice(
    samples: NDArray[np.floating], factor: float, noise_db: float, rng: np.random.Generator
) -> NDArray[np.float32]:
    """The same words higher and faster, or lower and slower, with noise.

    Args:
        samples: (S,).
        factor: On pitch and formants; time runs as many times faster.
        noise_db: Decibels of the audio over the noise.
        rng: Of the noise.

    Returns:
        (S / factor,): what was at second t is at t / factor.
    """
    num = max(1, round(len(samples) / factor))
    moved = np.interp(np.arange(num) * factor, np.arange(len(samples)), samples)
    level = float(np.sqrt(np.mean(np.square(moved)))) * 10 ** (-noise_db / 20)
    return (moved + rng.normal(0, 1, num) * level).astype(np.float32)


def heard_windows(
    clips: TrainingClips,
    streams: Sequence[AudioStream],
    voices: Sequence[tuple[float, float]],
    work: Path,
    name: str,
    on_progress: Callable[[int, int], None],
) -> ClipStore:
    """Windows of embedded audio of all frames, in several voices.

    Args:
        clips: Of the person.
        streams: Networks of the audio stream.
        voices: Factor and noise of each version, see `in_another_voice`.
        work: Where they are kept.
        name: Of the weights that hear.
        on_progress: Told clips done and in all.

    Returns:
        A store of (T, STEPS, D) float16 arrays: key = number of the clip, names = numbers of the voices.
    """
    asked = hashlib.sha256(repr((_VERSION, name, tuple(voices))).encode()).hexdigest()[:8]
    store = ClipStore(work / f"heard-{asked}")
    for number in range(len(clips)):
        if str(number) not in store:
            store.write({str(number): _of_clip(clips, number, streams, voices)}, {})
        on_progress(number + 1, len(clips))
    store.refresh()
    return store


def _of_clip(
    clips: TrainingClips, number: int, streams: Sequence[AudioStream], voices: Sequence[tuple[float, float]]
) -> dict[str, NDArray[np.float16]]:
    samples, start = audio_of(clips, number)
    times = np.asarray(clips.read(number, "times")[0], np.float64)
    out = {}
    for voice, (factor, noise_db) in enumerate(voices):
        rng = np.random.default_rng([number, voice])
        heard = HeardAudio(streams, in_another_voice(samples, factor, noise_db, rng), 0.0)
        out[str(voice)] = heard.at((times - start) / factor).astype(np.float16)
    return out
