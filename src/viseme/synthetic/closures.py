"""When the mouth closes and opens again for stops and nasals, found on the audio.

Engines report one instant of a stop where lips need two. Knows audio and phoneme times; refuses to know engines. Looked
at on the waveform and the spectrogram the instants of espeak-ng are exact (no constant bias), but they mean different
things: a voiceless stop, and any stop after a pause, is reported at its *release*, with the closure hidden in the
silence before; a voiced stop or a nasal after a voiced sound is reported at its *closure*, with the release hidden
before the next phoneme. Engines of recorded voices report where the audio changes: closure and release together.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.signal import butter, sosfilt

from viseme.synthetic.phonemes import NASALS, STOPS, Phoneme

__all__ = ["with_closures", "with_releases"]

STEP_S = 0.002
"""Resolution of the level, seconds."""
MIN_SILENCE_S = 0.008
"""Silence before a stop that is its closure."""
MAX_CLOSURE_S = 0.16
LEAST_CLOSURE_S = 0.015
STEEP_DB = 4.0
"""Rise of the level over four steps that counts as a release."""


def with_closures(audio: NDArray[np.float32], rate: int, phonemes: Sequence[Phoneme]) -> tuple[Phoneme, ...]:
    """Phonemes of espeak-ng, or of a hand-made table, with `closure` filled in for stops and nasals.

    Args:
        audio: (S,) in [-1, 1].
        rate: Samples a second.
        phonemes: In order.
    """
    step = max(1, round(rate * STEP_S))
    num = len(audio) // step
    if num < 2:
        return tuple(phonemes)
    silent = np.abs(audio[: num * step]).reshape(num, step).max(axis=1) < 10 ** (-48 / 20)
    # Voice bar and nasal murmur live below 400 Hz; the release is where everything above comes back.
    level_db = _level_db(audio, rate, step, above=400)
    result = []
    for index, phoneme in enumerate(phonemes):
        if phoneme.name[0] not in STOPS and phoneme.name[0] not in NASALS:
            result.append(phoneme)
            continue
        before = phonemes[index - 1] if index else None
        after = phonemes[index + 1] if index + 1 < len(phonemes) else None
        closure = _closure(phoneme, before, silent, level_db, step / rate)
        if phoneme.name[0] in NASALS and (after is None or after.start - phoneme.end > 0.03):
            closure = (closure[0], phoneme.end)  # before a pause the mouth stays closed
        result.append(replace(phoneme, closure=closure))
    return tuple(result)


def _closure(
    phoneme: Phoneme, before: Phoneme | None, silent: NDArray[np.bool_], level_db: NDArray[np.float64], step_s: float
) -> tuple[float, float]:
    """Contact and release of a stop or nasal, seconds."""
    start = min(int(phoneme.start / step_s), len(silent) - 1)
    first = start
    while first > 0 and silent[first - 1]:
        first -= 1
    silence = (start - first) * step_s
    nasal = phoneme.name[0] in NASALS
    if silence >= MIN_SILENCE_S and not nasal:
        # Reported at its release: the closure is the silence before, or its last part after a pause.
        contact = max(first * step_s, phoneme.start - MAX_CLOSURE_S)
        if before is None or phoneme.start - before.end > MAX_CLOSURE_S:
            contact = max(contact, phoneme.start - 0.09)
        return contact, phoneme.start
    last = min(int(np.ceil(phoneme.end / step_s)), len(level_db) - 3)
    steepest = _steepest(level_db, start + round(0.008 / step_s), last)
    release = phoneme.end if steepest is None else float(steepest * step_s)
    contact = first * step_s if silence < 0.05 else phoneme.start
    return contact, max(release, contact + LEAST_CLOSURE_S)


def with_releases(audio: NDArray[np.float32], rate: int, phonemes: Sequence[Phoneme]) -> list[Phoneme]:
    """Phonemes of a recorded voice with `closure` filled in: from the phone's start to the steepest rise of what lies
    above voice bar and murmur.

    Args:
        audio: (S,) in [-1, 1].
        rate: Samples a second.
        phonemes: In order.
    """
    step = max(1, round(rate * STEP_S))
    num = len(audio) // step
    if num < 8:
        return list(phonemes)
    level_db = _level_db(audio, rate, step, above=500)
    result = []
    for index, phoneme in enumerate(phonemes):
        letter = phoneme.name[0]
        if letter in NASALS:
            result.append(replace(phoneme, closure=(phoneme.start, phoneme.end)))
        elif letter in STOPS:
            paused = index + 1 == len(phonemes) or phonemes[index + 1].start - phoneme.end > 0.03
            first = int((phoneme.start + min(0.015, 0.3 * (phoneme.end - phoneme.start))) * rate / step) + 2
            last = min(int((phoneme.end + (0.0 if paused else 0.012)) * rate / step), num - 3)
            steepest = _steepest(level_db, first, last)
            release = phoneme.end if steepest is None else float(steepest * step / rate)
            result.append(replace(phoneme, closure=(phoneme.start, max(release, phoneme.start + LEAST_CLOSURE_S))))
        else:
            result.append(phoneme)
    return result


def _level_db(audio: NDArray[np.float32], rate: int, step: int, *, above: int) -> NDArray[np.float64]:
    """Level of what lies above some hertz, in steps of `step` samples, over three steps."""
    num = len(audio) // step
    heard = np.asarray(sosfilt(_high_pass(above, rate), audio))
    power = np.convolve(np.square(heard[: num * step]).reshape(num, step).mean(axis=1), np.ones(3) / 3, "same")
    return 10 * np.log10(power + 1e-7)


@lru_cache(maxsize=8)
def _high_pass(hertz: int, rate: int) -> NDArray[np.float64]:
    """Second-order sections; designing them takes longer than filtering a sentence."""
    return np.asarray(butter(2, hertz, "highpass", fs=rate, output="sos"))


def _steepest(level_db: NDArray[np.float64], first: int, last: int) -> int | None:
    """The step at which the level rises most, or None where it hardly rises."""
    search = np.arange(first, last)
    if len(search) < 3:
        return None
    rise = level_db[search + 2] - level_db[search - 2]
    best = int(np.argmax(rise))
    return int(search[best]) if rise[best] >= STEEP_DB else None
