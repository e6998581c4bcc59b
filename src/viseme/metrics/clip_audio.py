"""The audio that lips are compared with: a clip's own, another's, or its own turned by half its length.

Knows sources; refuses to know faces. Audio is read as a stream, as often as it is asked for; the first `KEPT_S` seconds
are decoded once.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from viseme.audio.mel_frames import AudioLike, AudioPiece
from viseme.core.errors import MediaError
from viseme.media import AudioBlock
from viseme.media.audio import join_blocks
from viseme.media.source import RATE, MediaSource, Warn
from viseme.metrics.interface import ClipAudio

__all__ = ["KEPT_S", "AudioWindows", "KeptAudio", "TurnedAudio", "whole_audio"]

GRID = Fraction(1, 25)
KEPT_S = 30.0
"""Seconds of audio that are kept for who reads them next: 2 MB. To decode ten seconds takes 0.2 s of CPU time, and
eight readers want them."""


class KeptAudio:
    """`ClipAudio` of a source, which several threads may read at one time."""

    def __init__(self, source: MediaSource, on_warning: Warn | None = None) -> None:
        """Read nothing yet; `on_warning` is told once."""
        self._source, self._on_warning = source, on_warning
        self._lock = threading.Lock()
        self._kept: list[AudioBlock] = []
        self._blocks: Iterator[AudioBlock] | None = None
        self._seconds = 0.0
        self._ended = False
        self._fault: MediaError | None = None

    def blocks(self) -> Iterator[AudioLike]:
        """See `ClipAudio.blocks`."""
        num = 0
        while (block := self._at(num)) is not None:
            yield block
            num += 1
        if not self._ended:  # longer than what is kept
            yield from islice(self._source.audio(), num, None)

    def _at(self, num: int) -> AudioBlock | None:
        """A block that is kept; None = there is none, or it is too late in the clip."""
        with self._lock:
            if self._fault is not None:
                raise self._fault
            if self._blocks is None:
                self._blocks = iter(self._source.audio(on_warning=self._on_warning))
            while num >= len(self._kept) and not self._ended and self._seconds < KEPT_S:
                self._read(self._blocks)
            return self._kept[num] if num < len(self._kept) else None

    def _read(self, blocks: Iterator[AudioBlock]) -> None:
        """One more block; a fault of the file is one for every reader."""
        try:
            block = next(blocks, None)
        except MediaError as error:
            self._fault = error
            raise
        if block is None:
            self._ended = True
        else:
            self._kept.append(block)
            self._seconds += len(block.samples) / RATE


@dataclass(frozen=True)
class TurnedAudio:
    """A clip's own audio with its halves exchanged: mismatched audio where there is no other clip. The same voice, so
    a harder anchor than another person's."""

    audio: ClipAudio
    duration: float | None
    """Of the clip, seconds."""

    def blocks(self) -> Iterator[AudioLike]:
        """See `ClipAudio.blocks`."""
        duration = Fraction(self.duration or 0).limit_denominator(RATE)
        half = duration / 2 // GRID * GRID
        yield from _cut(self.audio, half, None, -half)
        yield from _cut(self.audio, Fraction(0), half, duration // GRID * GRID - half)


class AudioWindows:
    """Stretches of audio whose beginnings only rise, read as a stream."""

    def __init__(self, audio: ClipAudio | None) -> None:
        """`audio`: None = there is none."""
        self._blocks: Iterator[AudioLike] = iter(()) if audio is None else iter(audio.blocks())
        self._held: list[AudioBlock] = []

    def between(self, start: float, end: float) -> tuple[NDArray[np.float32], float]:
        """(S,) samples at 16 kHz of whole blocks from one time to another, and seconds of the first; none where there
        is no audio there."""
        self._held = [b for b in self._held if _end(b) > start]
        while not self._held or _end(self._held[-1]) < end:
            block = next(self._blocks, None)
            if block is None:
                break
            if block.start + Fraction(len(block.samples), RATE) > start:
                self._held.append(_block(block))
        if not self._held:
            return np.zeros(0, np.float32), 0.0
        samples, at = join_blocks(self._held)
        return samples, float(at)


def whole_audio(audio: ClipAudio | None) -> tuple[NDArray[np.float32], float]:
    """(S,) all samples at 16 kHz, and seconds of the first; none where there is no audio."""
    found = [] if audio is None else audio.blocks()
    blocks = [_block(b) for b in found]
    if not blocks:
        return np.zeros(0, np.float32), 0.0
    samples, at = join_blocks(blocks)
    return samples, float(at)


def _block(block: AudioLike) -> AudioBlock:
    return AudioBlock(start=block.start, samples=np.asarray(block.samples, np.float32), rate=RATE)


def _end(block: AudioBlock) -> Fraction:
    return block.start + Fraction(len(block.samples), RATE)


def _cut(audio: ClipAudio, start: Fraction, end: Fraction | None, shift: Fraction) -> Iterator[AudioPiece]:
    """What lies between two times, moved."""
    for block in audio.blocks():
        first = max(0, round((start - block.start) * RATE))
        last = len(block.samples) if end is None else min(len(block.samples), round((end - block.start) * RATE))
        if last > first:
            samples = np.asarray(block.samples[first:last], np.float32)
            yield AudioPiece(block.start + Fraction(first, RATE) + shift, samples)
        elif last <= 0:
            return
