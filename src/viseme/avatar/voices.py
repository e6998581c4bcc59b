"""A person's audio as other voices would say it, heard once and kept on disk. Knows samples, no networks."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from viseme.avatar.examples import TrainingClips, audio_of
from viseme.data.store import ClipStore
from viseme.sync.heard import AudioStream, HeardAudio, in_another_voice

__all__ = ["heard_windows"]

_VERSION = 1
"""Raise it when audio is heard in another way."""


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
