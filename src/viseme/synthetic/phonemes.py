"""Phonemes with their times, and audio with the phonemes said in it. Knows no engine and no file.

Phonemes are IPA. Times are seconds after the first sample of the audio.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["NASALS", "SAMPLE_RATE", "STOPS", "Phoneme", "Speech", "bare_ipa"]

SAMPLE_RATE = 16_000
"""Hertz of all speech here."""

STOPS = frozenset("pbtdkgɡqɢcɟʈɖʔɓɗɠ")
NASALS = frozenset("mnŋɱɲɳɴ")
"""First letters of phonemes that close the mouth somewhere."""


@dataclass(frozen=True)
class Phoneme:
    """One speech sound."""

    name: str
    """IPA, for example "aɪ" or "tʃ"; empty = pause."""
    start: float
    """Seconds."""
    end: float
    """Seconds."""
    closure: tuple[float, float] | None = None
    """For stops and nasals: seconds of contact and of release of whatever articulator closes."""

    def shifted(self, by: float) -> Phoneme:
        """The same phoneme, `by` seconds later."""
        closure = self.closure and (self.closure[0] + by, self.closure[1] + by)
        return Phoneme(self.name, self.start + by, self.end + by, closure)

    def scaled(self, factor: float) -> Phoneme:
        """The same phoneme in audio that takes `factor` times as long."""
        closure = self.closure and (self.closure[0] * factor, self.closure[1] * factor)
        return Phoneme(self.name, self.start * factor, self.end * factor, closure)


@dataclass(frozen=True)
class Speech:
    """Audio and what was said in it."""

    samples: NDArray[np.float32]
    """(S,) in [-1, 1] at `SAMPLE_RATE`."""
    phonemes: tuple[Phoneme, ...]
    """In order; pauses are the gaps."""
    text: str = ""
    voice: str = ""
    licence: str = ""
    """Of the voice, where its name does not tell (see `voices.licence_of`)."""

    @property
    def duration(self) -> float:
        """Seconds."""
        return len(self.samples) / SAMPLE_RATE


def bare_ipa(name: str) -> str:
    """IPA without stress, tone, language switches "(en)" and espeak-ng's own marks.

    Example:
        >>> bare_ipa("ˈaɪ"), bare_ipa("(en)")
        ('aɪ', '')
    """
    if name.startswith("("):
        return ""
    return re.sub(r"[ˈˌ0-9˥˦˧˨˩.\-_|!*;'\"^`~]", "", name)
