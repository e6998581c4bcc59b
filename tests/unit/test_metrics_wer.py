"""Word error rate: what counts as a word, which readers are believed, what a clip that cannot be read costs."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from viseme.core.errors import ConfigError, MissingExtra
from viseme.expert import whisper
from viseme.metrics.speech_recognition import WhisperTiny
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


def test_speech_is_recognised_by_what_an_extra_brings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "faster_whisper", None)
    with pytest.raises(MissingExtra, match=r"pip install 'viseme\[asr\]'"):
        WhisperTiny()


def test_pieces_of_speech_become_one_text(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    class Model:
        def __init__(self, folder: str, **options: object) -> None:
            assert options["local_files_only"]

        def transcribe(self, samples: np.ndarray, **options: object) -> tuple[list[SimpleNamespace], None]:
            assert (samples.dtype, options["temperature"]) == (np.float32, 0.0)
            return [SimpleNamespace(text=" One two."), SimpleNamespace(text=" Three!")], None

    monkeypatch.setitem(sys.modules, "faster_whisper", SimpleNamespace(WhisperModel=Model))
    monkeypatch.setattr(whisper, "packaged_file", lambda *_: tmp_path / "model" / "model.bin")
    reader = WhisperTiny()
    assert normalised_words(reader.transcribe(np.zeros(16_000))) == ["one", "two", "three"]
    assert reader.transcribe(np.zeros(0)) == ""
    with pytest.raises(ValueError, match="one channel"):
        reader.transcribe(np.zeros((2, 9)))
