"""Is somebody heard? Voice activity from mel powers alone: level over the noise, and the rhythm of syllables.

Knows mel powers of a stream; refuses to know faces. Music and steady noise are told from a voice by how the level of
the speech band rises and falls: syllables move it by ten decibels some four times a second.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d, percentile_filter, uniform_filter1d

from viseme.speakers.interface import STEP_S
from viseme.sync.listening import Listener

__all__ = ["SPEECH_BANDS", "VoiceReader", "voice_log_odds"]

SPEECH_BANDS = slice(4, 31)
"""Mel bands between 250 and 4000 Hz."""
BLOCK_S = 5.0
FRAMES_PER_STEP = 4


class VoiceReader:
    """Follows a `Listener` and keeps two numbers for every 40 ms: 8 bytes, 700 kB an hour."""

    def __init__(self, listener: Listener) -> None:
        self._listener = listener
        self._first: int | None = None
        self._next = 0
        self._levels: list[NDArray[np.float32]] = []
        self._rest = np.zeros((0, 0), np.float32)

    def read_to(self, until: float) -> None:
        """Take in the sound up to `until` seconds, as far as there is any."""
        if self._first is None:
            begin, power = self._listener.window(-1e6, min(until, self._start() + BLOCK_S))
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

    def _start(self) -> float:
        return 0.0 if self._listener.start is None else self._listener.start

    def _take(self, power: NDArray[np.float32]) -> None:
        rows = np.concatenate([self._rest, power]) if self._rest.size else power
        whole = len(rows) // FRAMES_PER_STEP * FRAMES_PER_STEP
        band = rows[:whole, SPEECH_BANDS].sum(1).reshape(-1, FRAMES_PER_STEP).mean(1)
        self._levels.append((10 * np.log10(band + 1e-10)).astype(np.float32))
        self._rest = rows[whole:]

    @property
    def position(self) -> float:
        """Seconds up to which the sound was taken in."""
        return self._next * 0.01

    def levels(self) -> tuple[int, NDArray[np.float32]]:
        """The number of the first 40 ms step and (V,) decibels of the speech band; the step holds frames 4n..4n+3."""
        if self._first is None:
            return 0, np.zeros(0, np.float32)
        return self._first, np.concatenate(self._levels)


def voice_log_odds(level_db: NDArray[np.floating]) -> NDArray[np.float32]:
    """Log-odds that somebody is heard, from the level of the speech band every 40 ms.

    Args:
        level_db: (V,) decibels, any constant added.

    Returns:
        (V,) above 0 = voice. Three terms: level over the quietest tenth of five seconds either way, level over the
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
    over = level - np.minimum(noise, peak - 6)
    odds = 0.35 * np.minimum(over - 9, 8) + 0.5 * np.clip(spread - 4, -4, 4)
    absolute = 0.5 * (level - FLOOR_DB)
    return np.minimum(odds, absolute).astype(np.float32)


FLOOR_DB = -22.0
"""Power of the speech band, in the unit of `mel_filters` over `power_spectrum`, under which nobody is heard."""
