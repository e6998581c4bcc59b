"""Word error rate: what counts as a word, which readers are believed, what a clip that cannot be read costs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from viseme.core.errors import ConfigError
from viseme.metrics.wer import WordErrors, check_reader, normalised_words, word_error_rate, word_errors

WORDS = st.lists(st.sampled_from("abc"), max_size=7)


@dataclass
class Reader:
    name: str = "reader@0123"
    family: str = "small"
    teacher_forced: bool = False

    def transcribe(self, crops: np.ndarray) -> str:
        return "one two" if len(crops) else ""


@settings(max_examples=30)
@given(WORDS, WORDS, WORDS)
def test_errors_are_a_distance(a: list[str], b: list[str], c: list[str]) -> None:
    assert word_errors(a, a) == 0
    assert word_errors(a, b) == word_errors(b, a)
    assert abs(len(a) - len(b)) <= word_errors(a, b) <= max(len(a), len(b))
    assert word_errors(a, c) <= word_errors(a, b) + word_errors(b, c)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Don't STOP!", ["dont", "stop"]),
        ("  a\tb\n", ["a", "b"]),
        ("«Être» – ou pas?", ["être", "ou", "pas"]),
        ("snake_case", ["snakecase"]),
        ("…", []),
    ],
)
def test_case_and_punctuation_do_not_count(text: str, words: list[str]) -> None:
    assert normalised_words(text) == words


def test_a_corpus_is_not_a_mean_of_its_clips() -> None:
    counts = WordErrors()
    counts.add("one", "two")
    counts.add("a b c d e f g h i", "a b c d e f g h i")
    assert counts.compute() == pytest.approx(0.1)


def test_a_clip_that_cannot_be_read_counts_in_full() -> None:
    counts = WordErrors()
    counts.add("one two three", "one two")
    before = counts.compute()
    counts.add_failed("four, five")
    assert counts.compute() == pytest.approx(3 / 5)
    assert counts.valid == pytest.approx(before)
    assert np.isnan(WordErrors().compute())


def test_more_may_be_read_than_was_said() -> None:
    assert word_error_rate("yes", "oh yes it is") == 3.0
    with pytest.raises(ValueError, match="no words"):
        word_error_rate("!", "a")


def test_only_an_independent_reader_is_believed() -> None:
    assert check_reader(Reader(), trained_with="large") == ""
    assert "not known" in check_reader(Reader())
    with pytest.raises(ConfigError, match="sees the true words"):
        check_reader(Reader(teacher_forced=True), trained_with="large")
    with pytest.raises(ConfigError, match="which the generator was trained with"):
        check_reader(Reader(), trained_with="small")
