"""Is somebody heard? Voice activity from mel powers alone: level over the noise, and the rhythm of syllables.

Knows mel powers of a stream; refuses to know faces. Music and steady noise are told from a voice by how the level of
the speech band rises and falls: syllables move it by ten decibels some four times a second.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d, percentile_filter, uniform_filter1d

from viseme.audio.features import NUM_MELS
from viseme.audio.mel_frames import Listener

__all__ = ["SPEECH_BANDS", "STEP_S", "VoiceReader", "mel_bands", "speech_level", "voice_log_odds"]

SPEECH_BANDS = slice(4, 31)
"""Mel bands between 250 and 4000 Hz."""
BLOCK_S = 5.0
FRAMES_PER_STEP = 4
STEP_S = 0.04
"""Seconds between steps of the voice; step `n` is the audio from `n` to `n + 1` times this."""


class VoiceReader:
    """Follows a `Listener` and keeps its mel bands every 40 ms, as half precision: 7 MB an hour."""

    def __init__(self, listener: Listener) -> None:
        self._listener = listener
        self._first: int | None = None
        self._next = 0
        self._bands: list[NDArray[np.float16]] = []
        self._rest = np.zeros((0, NUM_MELS), np.float32)

    def read_to(self, until: float) -> None:
        """Take in the audio up to `until` seconds, as far as there is any."""
        if self._first is None:
            begin, power = self._listener.window(-1e6, min(until, BLOCK_S))
            late = self._listener.start
            if not len(power) and late is not None and late < until:  # it begins long after the frame
                begin, power = self._listener.window(-1e6, min(until, late + BLOCK_S))
            if not len(power):
                return
            skip = (-begin) % FRAMES_PER_STEP
            self._first = (begin + skip) // FRAMES_PER_STEP
            self._next = begin + len(power)
            self._take(power[skip:])
        while self._next * 0.01 < until:
            low = self._next * 0.01
            begin, power = self._listener.window(low, min(low + BLOCK_S, until + 0.01))
            if not len(power):
                return
            assert begin == self._next, (begin, self._next)
            self._next = begin + len(power)
            self._take(power)

    def _take(self, power: NDArray[np.float32]) -> None:
        rows = np.concatenate([self._rest, power])
        whole = len(rows) // FRAMES_PER_STEP * FRAMES_PER_STEP
        self._bands.append(mel_bands(rows[:whole]))
        self._rest = rows[whole:]

    @property
    def position(self) -> float:
        """Seconds up to which the audio was taken in."""
        return self._next * 0.01

    def bands(self) -> tuple[int, NDArray[np.float16]]:
        """The number of the first 40 ms step and (V, 40) decibels of the mel bands; a step holds frames 4n..4n+3."""
        if self._first is None:
            return 0, np.zeros((0, NUM_MELS), np.float16)
        return self._first, np.concatenate(self._bands)


def mel_bands(power: NDArray[np.floating]) -> NDArray[np.float16]:
    """(V, 40) decibels every 40 ms from (4 V, 40) mel powers every 10 ms."""
    means = power.reshape(-1, FRAMES_PER_STEP, NUM_MELS).mean(1)
    return (10 * np.log10(means + 1e-10)).astype(np.float16)


def speech_level(bands_db: NDArray[np.floating]) -> NDArray[np.float64]:
    """(V,) decibels of the speech band from (V, 40) of the mel bands."""
    return 10 * np.log10((10 ** (bands_db[:, SPEECH_BANDS].astype(np.float64) / 10)).sum(1) + 1e-10)


def voice_log_odds(level_db: NDArray[np.floating]) -> NDArray[np.float32]:
    """Log-odds that somebody is heard, from the level of the speech band every 40 ms.

    Args:
        level_db: (V,) decibels, any constant added.

    Returns:
        (V,) above 0 = voice. Three terms: level over the quietest tenth of five seconds either way
        (or 40 dB under the loudest, after digital silence), level over the
        absolute floor, and how much the level moves within a second.
    """
    num = len(level_db)
    if num == 0:
        return np.zeros(0, np.float32)
    level = gaussian_filter1d(np.asarray(level_db, np.float64), 1.0, mode="nearest")
    reach = round(10 / STEP_S) + 1
    noise = percentile_filter(level, 10, size=min(reach, 2 * num - 1), mode="nearest")
    peak = percentile_filter(level, 90, size=min(reach, 2 * num - 1), mode="nearest")
    second = round(1 / STEP_S)
    mean = uniform_filter1d(level, second, mode="nearest")
    spread = np.sqrt(np.maximum(uniform_filter1d(level**2, second, mode="nearest") - mean**2, 0))
    over = level - np.clip(noise, peak - 40, peak - 6)
    odds = 0.35 * np.minimum(over - 9, 8) + 0.5 * np.clip(spread - 4, -4, 4)
    absolute = 0.5 * (level - FLOOR_DB)
    return np.minimum(odds, absolute).astype(np.float32)


FLOOR_DB = -22.0
"""Power of the speech band, in the unit of `mel_filters` over `power_spectrum`, under which nobody is heard."""
