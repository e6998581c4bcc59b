"""Speech cut at its pauses. Knows speech; refuses to know who says it when."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from viseme.synthetic.phonemes import SAMPLE_RATE, Phoneme, Speech

__all__ = ["Phrase", "phrases"]

PHRASE_GAP_S = 0.18
"""Pauses at which speech is cut."""


@dataclass(frozen=True)
class Phrase:
    """A piece of speech between two pauses."""

    samples: NDArray[np.float32]
    """(S,) at 16 kHz, with what little silence lies around."""
    lead: float
    """Seconds from the first sample to the first audio."""
    phonemes: tuple[Phoneme, ...]
    """Times after the first audio."""

    @property
    def length(self) -> float:
        """Seconds from the first audio to the end of the last."""
        return self.phonemes[-1].end


def phrases(speech: Speech, *, gap: float = PHRASE_GAP_S) -> list[Phrase]:
    """Cut speech at its pauses of `gap` seconds and more.

    Example:
        >>> samples = np.zeros(16000, np.float32)
        >>> spoken = Speech(samples, (Phoneme("a", 0.1, 0.3), Phoneme("u", 0.7, 0.9)))
        >>> [round(p.length, 3) for p in phrases(spoken)]
        [0.2, 0.2]
    """
    groups: list[list[Phoneme]] = []
    for phoneme in speech.phonemes:
        if groups and phoneme.start - groups[-1][-1].end < gap:
            groups[-1].append(phoneme)
        else:
            groups.append([phoneme])
    result = []
    for index, group in enumerate(groups):
        before = groups[index - 1][-1].end if index else 0.0
        after = groups[index + 1][0].start if index + 1 < len(groups) else speech.duration
        low = int(max(group[0].start - 0.12, (group[0].start + before) / 2, 0.0) * SAMPLE_RATE)
        high = int(min(group[-1].end + 0.25, (group[-1].end + after) / 2, speech.duration) * SAMPLE_RATE)
        samples = speech.samples[low:high].copy()
        fade = min(len(samples) // 2, SAMPLE_RATE // 200)
        if fade:
            samples[:fade] *= np.linspace(0, 1, fade, dtype=np.float32)
            samples[-fade:] *= np.linspace(1, 0, fade, dtype=np.float32)
        start = group[0].start
        result.append(Phrase(samples, start - low / SAMPLE_RATE, tuple(p.shifted(-start) for p in group)))
    return result
