"""The audio that lips are compared with: a clip's own, another's, or its own turned by half its length.

Knows sources; refuses to know faces. Audio is read as a stream, as often as it is asked for.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from viseme.audio.mel_frames import AudioLike, AudioPiece
from viseme.media.source import RATE, MediaSource, Warn

__all__ = ["SourceAudio", "TurnedAudio"]

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
