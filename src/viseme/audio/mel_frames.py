"""Audio as a moving window of mel powers on an absolute 10 ms grid, in constant memory.

Knows samples with start times; refuses to know files and faces. Frame `n` is centred on `n / 100 + 0.005` seconds of
the clip's clock, so that the embeddings of the audio stream, which lie one and a half frames after the first frame
they start from, fall on whole multiples of 10 ms.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable
from fractions import Fraction
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from viseme.audio.features import HOP, NUM_MELS, RATE, WINDOW, mel_filters, power_spectrum

__all__ = ["AudioLike", "Listener", "voiced"]

FRAME = 0.01
OFFSET = 0.005


class AudioLike(Protocol):
    """A block of audio; `viseme.media.AudioBlock` is one."""

    @property
    def start(self) -> Fraction:
        """Seconds of the first sample on the clip's clock."""
        ...

    @property
    def samples(self) -> NDArray[np.float32]:
        """(S,) mono at 16 kHz, full scale 1."""
        ...


class Listener:
    """Mel powers of a stream of audio blocks, computed once and forgotten when no longer needed."""

    def __init__(self, blocks: Iterable[AudioLike] | None) -> None:
        """`blocks` are read as they are asked for; None = they are handed over with `hear` as they come."""
        self._blocks = None if blocks is None else iter(blocks)
        self._pending = np.zeros(0, np.float32)
        self._pending_at = 0
        """Sample number, on a clock where sample 0 is at time zero of the clip, of the first pending sample."""
        self._started = False
        self._ended = False
        self._mels: deque[NDArray[np.float32]] = deque()
        self._first = 0
        self._next = 0
        self.level_times: list[float] = []
        """Seconds of the entries of `levels`: one every 50 ms."""
        self.levels: list[float] = []
        """Decibels below full scale."""
        self.start: float | None = None
        """Seconds of the first sample; None before anything was read."""
        self.end: float | None = None
        """Seconds after the last sample; None while more may come."""
        self.loud_frames = 0
        """Frames that may hold a voice, see `voiced`."""
        self.num_frames = 0

    def _read(self) -> bool:
        """Take in one block; False at the end of the audio, or where blocks are handed over."""
        return self._blocks is not None and self.hear(next(self._blocks, None))

    def hear(self, block: AudioLike | None) -> bool:
        """Take in the next block; None = the audio has ended, which is answered with False."""
        if block is None:
            if not self._ended:
                self._ended = True
                if self._started:
                    self.end = (self._pending_at + len(self._pending)) / RATE
                    self._compute(final=True)
            return False
        if not self._started:
            self._started = True
            self.start = float(block.start)
            self._pending_at = round(block.start * RATE)
            self._first = self._next = math.ceil((self._pending_at / RATE - OFFSET) / FRAME - 1e-9)
        self._pending = np.concatenate([self._pending, block.samples])
        self._compute(final=False)
        return True

    def _compute(self, *, final: bool) -> None:
        centre = round((self._next * FRAME + OFFSET) * RATE)
        last = self._pending_at + len(self._pending) - (0 if final else WINDOW // 2)
        num = max(0, (last - centre - 1) // HOP + 1)
        if num == 0:
            return
        begin = centre - self._pending_at - WINDOW // 2
        need = begin + (num - 1) * HOP + WINDOW
        samples = np.pad(self._pending, (max(0, -begin), max(0, need - len(self._pending))))
        power = power_spectrum(samples[max(0, begin) :], centred=False)[:num]
        self._mels.append(power @ mel_filters(NUM_MELS))
        self._note(power)
        self._next += num
        keep = begin + num * HOP
        if keep > 0:
            self._pending = self._pending[keep:].copy()
            self._pending_at += keep

    def _note(self, power: NDArray[np.float32]) -> None:
        energy = power.sum(1)
        self.num_frames += len(power)
        self.loud_frames += int(voiced(power).sum())
        for at in range((-self._next) % 5, len(power), 5):
            self.level_times.append((self._next + at) * FRAME + OFFSET)
            self.levels.append(float(10 * np.log10(energy[at : at + 5].mean() * 2 / (FFT_GAIN * WINDOW) + 1e-10)))

    @property
    def position(self) -> float:
        """Seconds up to which frames are there."""
        return self._next * FRAME

    def window(self, start: float, end: float) -> tuple[int, NDArray[np.float32]]:
        """Mel powers of the frames whose centres lie in [start, end).

        Returns:
            The number of the first frame and (A, 40) powers; fewer frames where the audio begins later, ends earlier,
            or was forgotten.
        """
        low, high = math.ceil((start - OFFSET) / FRAME - 1e-9), math.ceil((end - OFFSET) / FRAME - 1e-9)
        while self._next < high and self._read():
            pass
        if self._mels:
            joined = np.concatenate(self._mels) if len(self._mels) > 1 else self._mels[0]
            self._mels = deque([joined])
            low, high = max(low, self._first), min(high, self._next)
            return low, joined[max(0, low - self._first) : max(0, high - self._first)]
        return low, np.zeros((0, NUM_MELS), np.float32)

    def forget(self, before: float) -> None:
        """Drop frames centred before `before` seconds."""
        cut = math.ceil((before - OFFSET) / FRAME)
        if self._mels and cut > self._first + 3000:
            joined = np.concatenate(self._mels)
            self._mels = deque([joined[cut - self._first :].copy()])
            self._first = min(cut, self._next)

    def drain(self) -> None:
        """Read to the end of the audio, for its level curve, keeping nothing else."""
        while self._read():
            self.forget(self._next * FRAME - 1)


FFT_GAIN = 512 * 0.375
"""Power gain of FFT and Hann window per unit of mean square, over the window's length."""


def voiced(power: NDArray[np.floating]) -> NDArray[np.bool_]:
    """(A,) frames loud enough in the band of speech (150-4000 Hz) to hold a voice: above -60 dB of full scale."""
    band = power[:, 5:129].sum(1)
    return band > 1e-6 * FFT_GAIN * WINDOW / 2
