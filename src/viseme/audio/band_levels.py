"""Levels of the mel bands every 40 ms: what is kept of the audio to tell voices by, 7 MB an hour.

Knows mel powers on the clock of audio frames; refuses to know faces. Step `n` is the audio frames 4 n to 4 n + 3, the
seconds from 0.04 n to 0.04 (n + 1).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from viseme.audio.clock import FRAME_S
from viseme.audio.features import NUM_MELS

__all__ = ["FRAMES_PER_STEP", "STEP_S", "BandLevels", "band_levels", "in_one"]

FRAMES_PER_STEP = 4
"""Audio frames of one step."""
STEP_S = FRAMES_PER_STEP * FRAME_S
"""Seconds from one step to the next."""
BLOCK_S = 5.0
"""Seconds taken in at a time."""
NOTHING_DB = -100.0
"""Decibels where there is no audio: those of no power at all."""


def band_levels(first: int, power: NDArray[np.floating]) -> tuple[int, NDArray[np.float16]]:
    """Mean levels of the mel bands over whole steps.

    Args:
        first: Number of the first audio frame.
        power: (A, 40) mel powers.

    Returns:
        The number of the first step that lies wholly within the frames, and (V, 40) decibels.
    """
    skip = (-first) % FRAMES_PER_STEP
    whole = max(0, len(power) - skip) // FRAMES_PER_STEP * FRAMES_PER_STEP
    means = power[skip : skip + whole].reshape(-1, FRAMES_PER_STEP, power.shape[1]).mean(1)
    return (first + skip) // FRAMES_PER_STEP, (10 * np.log10(means + 1e-10)).astype(np.float16)


class _Frames(Protocol):
    """What is read from; `viseme.audio.mel_frames.MelFrames` is one."""

    start: float | None

    def window(self, start: float, end: float) -> tuple[int, NDArray[np.float32]]: ...

    def next_after(self, time: float) -> float | None: ...


class BandLevels:
    """Reads `MelFrames` in order and keeps the levels of their mel bands, in half precision; nothing where the audio
    breaks off."""

    def __init__(self, frames: _Frames) -> None:
        self._frames = frames
        self._begun = False
        self._next = 0
        """Number of the next audio frame."""
        self._levels: list[tuple[int, NDArray[np.float16]]] = []
        """Number of the first step, and decibels."""
        self._rest = np.zeros((0, NUM_MELS), np.float32)
        """Powers of frames that do not fill a step yet."""

    @property
    def position(self) -> float:
        """Seconds up to which the audio was taken in."""
        return self._next * FRAME_S

    def read_to(self, until: float) -> None:
        """Take in the audio up to `until` seconds, as far as there is any."""
        if not self._begun:
            begin, power = self._frames.window(-1e6, min(until, BLOCK_S))
            late = self._frames.start
            if not len(power) and late is not None and late < until:  # it begins long after the video
                begin, power = self._frames.window(-1e6, min(until, late + BLOCK_S))
            if not len(power):
                return
            self._begun, self._next = True, begin
            self._take(power)
        while self.position < until:
            begin, power = self._frames.window(self.position, min(self.position + BLOCK_S, until + FRAME_S))
            if not len(power):
                later = self._frames.next_after(self.position)
                if later is None or later >= until:
                    return
                self._next, self._rest = round(later / FRAME_S), self._rest[:0]
                continue
            assert begin == self._next, (begin, self._next)
            self._take(power)

    def _take(self, power: NDArray[np.float32]) -> None:
        """Take in the frames that follow."""
        begin, rows = self._next - len(self._rest), np.concatenate([self._rest, power])
        self._next += len(power)
        first, levels = band_levels(begin, rows)
        self._rest = rows
        if len(levels):
            self._levels.append((first, levels))
            self._rest = rows[(first + len(levels)) * FRAMES_PER_STEP - begin :]

    def stretches(self) -> list[tuple[int, NDArray[np.float16]]]:
        """The number of the first step and (V, 40) decibels of the mel bands, of all stretches so far between which
        the audio breaks off."""
        joined: list[tuple[int, list[NDArray[np.float16]]]] = []
        end = None
        for first, levels in self._levels:
            if first != end:
                joined.append((first, []))
            joined[-1][1].append(levels)
            end = first + len(levels)
        return [(first, np.concatenate(parts)) for first, parts in joined]

    def steps(self) -> tuple[int, NDArray[np.float16]]:
        """The number of the first step and (V, 40) decibels of the mel bands of all steps so far."""
        return in_one(self.stretches())


def in_one(stretches: Sequence[tuple[int, NDArray[np.float16]]]) -> tuple[int, NDArray[np.float16]]:
    """Stretches in order as one: the number of its first step and (V, 40) decibels; `NOTHING_DB` between them."""
    if not stretches:
        return 0, np.zeros((0, NUM_MELS), np.float16)
    first, (last, end) = stretches[0][0], stretches[-1]
    if len(stretches) == 1:
        return stretches[0]
    whole = np.full((last + len(end) - first, NUM_MELS), NOTHING_DB, np.float16)
    for at, levels in stretches:
        whole[at - first : at - first + len(levels)] = levels
    return first, whole
