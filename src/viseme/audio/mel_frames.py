"""Mel powers of a stream of audio, or of a whole array, on the clock of audio frames (`viseme.audio.clock`).

Knows samples with start times; refuses to know files and faces. Each frame is computed once, and memory is constant
where frames are forgotten that are no longer needed. The embeddings of the audio stream lie one and a half frames
after the first frame they are made from, so on whole multiples of 10 ms.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from viseme.audio.clock import FRAME_S, HOP, RATE, WINDOW, centre_sample, first_frame, frame_centre
from viseme.audio.features import FFT, NUM_MELS, mel_filters, power_spectrum
from viseme.audio.voice_activity import voiced

__all__ = ["AudioLike", "AudioPiece", "MelFrames"]

LEVEL_FRAMES = 5
"""Frames of one entry of `MelFrames.levels`."""
BREAK = RATE
"""Samples between two blocks from which the audio is taken to break off: nothing is put between them."""
KEEP_FRAMES = 3000
"""Frames by which `MelFrames.forget` waits, so that what is kept is not copied at each call."""


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


@dataclass(frozen=True, eq=False)
class AudioPiece:
    """Samples with their place on the clip's clock: the plainest `AudioLike`."""

    start: Fraction
    """Seconds of the first sample."""
    samples: NDArray[np.float32]
    """(S,) mono at 16 kHz, full scale 1."""


class MelFrames:
    """Mel powers of audio that is read block by block.

    Example:
        >>> click = np.zeros(16000, np.float32)
        >>> click[6480] = 1  # at .405 s, the middle of frame 40
        >>> first, power = MelFrames.of_samples(click).window(0.3, 0.5)
        >>> first, first + int(power.sum(1).argmax())
        (30, 40)
    """

    def __init__(self, blocks: Iterable[AudioLike] | None) -> None:
        """Read nothing yet.

        Args:
            blocks: In order, each beginning where the one before ends or more than a second later; read as they are
                asked for. None = they are handed over with `take`.
        """
        self._blocks = None if blocks is None else iter(blocks)
        self._pending = np.zeros(0, np.float32)
        """Samples that frames to come are made from."""
        self._pending_at = 0
        """Number of the first of them; sample 0 lies at time zero of the clip."""
        self._started = False
        self._ended = False
        self._before: list[tuple[int, NDArray[np.float32]]] = []
        """Number of the first frame and powers of every stretch before the audio last broke off."""
        self._kept: list[NDArray[np.float32]] = []
        """Powers of the frames from `_first` up to `_next`."""
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
        self.num_voiced = 0
        """Frames loud enough to hold a voice, see `voiced`."""
        self.num_frames = 0
        """Frames computed, forgotten ones too."""

    @classmethod
    def of_samples(cls, samples: NDArray[np.floating], start: float | Fraction = 0) -> MelFrames:
        """The frames of a whole array.

        Args:
            samples: (S,) mono at 16 kHz, full scale 1.
            start: Seconds of the first sample; taken to the nearest sample.
        """
        return cls([AudioPiece(Fraction(round(start * RATE), RATE), np.asarray(samples, np.float32))])

    @property
    def voiced_fraction(self) -> float:
        """Frames loud enough to hold a voice over all that were computed."""
        return self.num_voiced / max(self.num_frames, 1)

    @property
    def position(self) -> float:
        """Seconds up to which frames are computed."""
        return self._next * FRAME_S

    def take(self, block: AudioLike | None) -> bool:
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
            self._first = self._next = first_frame(Fraction(self._pending_at, RATE))
        elif (at := round(block.start * RATE)) - self._pending_at - len(self._pending) > BREAK:
            self._break_off(at)
        self._pending = np.concatenate([self._pending, block.samples])
        self._compute(final=False)
        return True

    def window(self, start: float, end: float) -> tuple[int, NDArray[np.float32]]:
        """Mel powers of the frames that are centred in [start, end) seconds.

        Returns:
            The number of the first frame and (A, 40) powers; fewer frames where the audio begins later, ends earlier,
            or was forgotten. Where it breaks off in between, zeros.
        """
        low, high = first_frame(start), first_frame(end)
        while self._next < high and self._read():
            pass
        parts = [(f, p) for f, p in (*self._before, (self._first, self._joined())) if f < high and f + len(p) > low]
        if not parts:
            return low, np.zeros((0, NUM_MELS), np.float32)
        low, high = max(low, parts[0][0]), min(high, parts[-1][0] + len(parts[-1][1]))
        if len(parts) == 1:
            return low, parts[0][1][low - parts[0][0] : high - parts[0][0]]
        power = np.zeros((high - low, NUM_MELS), np.float32)
        for first, rows in parts:
            inside = rows[max(0, low - first) : high - first]
            power[max(0, first - low) :][: len(inside)] = inside
        return low, power

    def next_after(self, time: float) -> float | None:
        """Seconds at which the audio goes on at or after a time; None where none follows."""
        number = first_frame(time)
        while self._next <= number and self._read():
            pass
        stretches = [(first, len(power)) for first, power in (*self._before, (self._first, self._joined()))]
        following = [max(first, number) for first, num in stretches if first + num > number]
        return min(following) * FRAME_S if following else None

    def forget(self, before: float) -> None:
        """Frames centred before `before` seconds are not asked for again."""
        cut = min(first_frame(before), self._next)
        self._before = [(first, power) for first, power in self._before if first + len(power) > cut]
        if cut > self._first + KEEP_FRAMES:
            self._kept = [self._joined()[cut - self._first :].copy()]
            self._first = cut

    def read_to_end(self) -> None:
        """Read the rest of the audio for `levels` and `num_voiced`, keeping no frames."""
        while self._read():
            self.forget(self.position - 1)

    def _break_off(self, at: int) -> None:
        """The audio goes on at sample `at`, long after the last one."""
        self._compute(final=True)
        self._before.append((self._first, self._joined()))
        self._kept, self._pending, self._pending_at = [], np.zeros(0, np.float32), at
        self._first = self._next = first_frame(Fraction(at, RATE))

    def _read(self) -> bool:
        """Take in one block; False at the end of the audio, or where blocks are handed over."""
        return self._blocks is not None and self.take(next(self._blocks, None))

    def _joined(self) -> NDArray[np.float32]:
        """(A, 40) all frames that are kept."""
        if len(self._kept) > 1:
            self._kept = [np.concatenate(self._kept)]
        return self._kept[0] if self._kept else np.zeros((0, NUM_MELS), np.float32)

    def _compute(self, *, final: bool) -> None:
        """Make frames of the pending samples; the last ones, whose windows reach beyond them, only when `final`."""
        centre = centre_sample(self._next)
        last = self._pending_at + len(self._pending) - (0 if final else WINDOW // 2)
        num = max(0, (last - centre - 1) // HOP + 1)
        if num == 0:
            return
        begin = centre - self._pending_at - WINDOW // 2
        need = begin + (num - 1) * HOP + WINDOW
        samples = np.pad(self._pending, (max(0, -begin), max(0, need - len(self._pending))))
        power = power_spectrum(samples[max(0, begin) :])[:num]
        self._kept.append(power @ mel_filters(NUM_MELS))
        self._measure(power)
        self._next += num
        keep = begin + num * HOP
        if keep > 0:
            self._pending = self._pending[keep:].copy()
            self._pending_at += keep

    def _measure(self, power: NDArray[np.float32]) -> None:
        """Note loudness and voice of new frames."""
        energy = power.sum(1)
        self.num_frames += len(power)
        self.num_voiced += int(voiced(power).sum())
        for at in range((-self._next) % LEVEL_FRAMES, len(power), LEVEL_FRAMES):
            self.level_times.append(frame_centre(self._next + at))
            mean_square = energy[at : at + LEVEL_FRAMES].mean() * 2 / POWER_OF_FULL_SCALE
            self.levels.append(float(10 * np.log10(mean_square + 1e-10)))


POWER_OF_FULL_SCALE = FFT * 0.375 * WINDOW
"""Sum of a frame's powers over both halves of the spectrum when its mean square is 1: a Hann window keeps .375."""
