"""Word error rate: what a reader of lips, or a recogniser of speech, makes of a clip, compared with what was said.

Knows texts; a reader is anything with `transcribe`. Refuses to know its network.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from viseme.core.errors import ConfigError

__all__ = ["LipReader", "Reader", "WordErrors", "check_reader", "normalised_words", "word_error_rate", "word_errors"]


class Reader(Protocol):
    """Reads or hears."""

    name: str
    """With the hash of its weights, for results."""
    family: str
    """What it descends from: readers of one family read alike, whatever their size."""
    teacher_forced: bool
    """Whether it sees the true text while it reads."""


class LipReader(Reader, Protocol):
    """Reads lips."""

    def transcribe(self, crops: NDArray[np.uint8]) -> str:
        """The words of (T, H, W) or (T, H, W, 3) mouth crops at 25 fps."""
        ...


def check_reader(reader: Reader, *, trained_with: str | None = None) -> str:
    """Whether a reader's word error rate can be believed.

    Args:
        reader: That is to read.
        trained_with: Family of the expert that the generator was trained with; None = not known, or with none.

    Returns:
        Empty, or a sentence to print beside the number.

    Raises:
        ConfigError: the reader sees the true text, or is of the family that the generator was trained with.
    """
    if reader.teacher_forced:
        raise ConfigError(f"{reader.name} sees the true words while it reads, so its word error rate says nothing")
    if trained_with is None:
        return "which expert the generator was trained with is not known: a reader of its family reads it too well"
    if reader.family == trained_with:
        raise ConfigError(
            f"{reader.name} is of the family {reader.family!r}, which the generator was trained with; use another"
        )
    return ""


def normalised_words(text: str) -> list[str]:
    """Words in lower case, without punctuation; an apostrophe or a hyphen inside a word goes too.

    Example:
        >>> normalised_words("Well — it's a twenty-one, OK?")
        ['well', 'its', 'a', 'twentyone', 'ok']
    """
    return re.sub(r"[^\w\s]|_", "", unicodedata.normalize("NFKC", text).lower()).split()


def word_errors(said: list[str], read: list[str]) -> int:
    """Least number of words to replace, leave out or put in that makes `read` of `said` (Levenshtein, 1966).

    Example:
        >>> word_errors("bin blue at f two now".split(), "bin blue f two two now".split())
        2
    """
    row = list(range(len(read) + 1))
    for i, word in enumerate(said, 1):
        corner, row[0] = row[0], i
        for j, other in enumerate(read, 1):
            corner, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, corner + (word != other))
    return row[-1]


def word_error_rate(said: str, read: str) -> float:
    """Errors over words said, of one text; see `WordErrors`.

    Example:
        >>> word_error_rate("Place white in R, nine soon.", "place white in our nine")
        0.3333333333333333
    """
    counts = WordErrors()
    counts.add(said, read)
    return counts.compute()


@dataclass
class WordErrors:
    """Additive counts over a corpus: errors and reference words. A mean of rates would favour short clips.

    Example:
        >>> counts = WordErrors()
        >>> counts.add("one two three", "one two three")
        >>> counts.add_failed("four")
        >>> counts.compute()
        0.25
    """

    errors: int = 0
    words: int = 0
    """Reference words."""
    failed_words: int = 0
    """Of them, those of clips that could not be read; every one is an error."""

    def add(self, said: str, read: str) -> None:
        """Count a clip.

        Raises:
            ValueError: nothing was said, so there is no rate.
        """
        words = normalised_words(said)
        if not words:
            raise ValueError("the reference text has no words")
        self.errors += word_errors(words, normalised_words(read))
        self.words += len(words)

    def add_failed(self, said: str) -> None:
        """Count a clip that could not be read: 100 %."""
        num = len(normalised_words(said))
        self.errors, self.words, self.failed_words = self.errors + num, self.words + num, self.failed_words + num

    def compute(self) -> float:
        """Errors over words, failed clips included; may exceed 1, NaN without words."""
        return self.errors / self.words if self.words else float("nan")

    @property
    def valid(self) -> float:
        """The rate over the clips that could be read."""
        words = self.words - self.failed_words
        return (self.errors - self.failed_words) / words if words else float("nan")
