"""The audio that lips are compared with: a clip's own, another's, or its own turned by half its length.

Knows sources; refuses to know faces. Audio is read as a stream, as often as it is asked for.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from viseme.audio.mel_frames import AudioLike, AudioPiece
from viseme.media import AudioBlock
from viseme.media.audio import join_blocks
from viseme.media.source import RATE, MediaSource, Warn
from viseme.metrics.interface import ClipAudio

__all__ = ["SourceAudio", "TurnedAudio", "whole_audio"]

GRID = Fraction(1, 25)


@dataclass(frozen=True)
class SourceAudio:
    """`ClipAudio` of a source."""

    source: MediaSource
    on_warning: Warn | None = None

    def blocks(self) -> Iterator[AudioLike]:
        """See `ClipAudio.blocks`."""
        yield from self.source.audio(on_warning=self.on_warning)


@dataclass(frozen=True)
class TurnedAudio:
    """A clip's own audio with its halves exchanged: mismatched audio where there is no other clip. The same voice, so
    a harder anchor than another person's."""

    source: MediaSource

    def blocks(self) -> Iterator[AudioLike]:
        """See `ClipAudio.blocks`."""
        duration = Fraction(self.source.duration or 0).limit_denominator(RATE)
        half = duration / 2 // GRID * GRID
        yield from _cut(self.source, half, None, -half)
        yield from _cut(self.source, Fraction(0), half, duration // GRID * GRID - half)


def whole_audio(audio: ClipAudio | None) -> tuple[NDArray[np.float32], float]:
    """(S,) all samples at 16 kHz, and seconds of the first; none where there is no audio."""
    found = [] if audio is None else audio.blocks()
    blocks = [AudioBlock(start=b.start, samples=np.asarray(b.samples, np.float32), rate=RATE) for b in found]
    if not blocks:
        return np.zeros(0, np.float32), 0.0
    samples, at = join_blocks(blocks)
    return samples, float(at)


def _cut(source: MediaSource, start: Fraction, end: Fraction | None, shift: Fraction) -> Iterator[AudioPiece]:
    """What lies between two times, moved."""
    for block in source.audio():
        first = max(0, round((start - block.start) * RATE))
        last = len(block.samples) if end is None else min(len(block.samples), round((end - block.start) * RATE))
        if last > first:
            samples = np.asarray(block.samples[first:last], np.float32)
            yield AudioPiece(block.start + Fraction(first, RATE) + shift, samples)
        elif last <= 0:
            return
