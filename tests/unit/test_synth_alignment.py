"""Alignment with a decoder of our own; pocketsphinx itself is an extra that tests do without."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from viseme.core.errors import DataError, MissingExtra
from viseme.synthetic import alignment
from viseme.synthetic.alignment import align, words_of


class _Entry:
    def __init__(self, name: str, start: int, duration: int, *phones: "_Entry") -> None:
        self.name, self.start, self.duration, self.phones = name, start, duration, phones

    def __iter__(self):
        return iter(self.phones)


class _Decoder:
    """Knows the word "me" alone, and is asked as pocketsphinx is."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.dictionary = {"me": "M IY"}

    def lookup_word(self, word: str) -> str | None:
        return self.dictionary.get(word)

    def add_word(self, word: str, phones: str, update: bool) -> None:
        self.dictionary[word] = phones

    def set_align_text(self, text: str) -> None:
        self.calls.append(text)

    def set_alignment(self) -> None:
        self.calls.append("again")

    def start_utt(self) -> None: ...

    def process_raw(self, raw: bytes, full_utt: bool) -> None:
        self.calls.append(f"{len(raw)} bytes")

    def end_utt(self) -> None: ...

    def get_alignment(self) -> list[_Entry] | None:
        me = _Entry("me", 12, 20, _Entry("M", 12, 8), _Entry("IY", 20, 12))
        return None if "nothing" in self.calls[0] else [_Entry("<sil>", 0, 12, _Entry("SIL", 0, 12)), me]


@pytest.fixture
def decoder(monkeypatch: pytest.MonkeyPatch) -> _Decoder:
    own = _Decoder()
    monkeypatch.setattr(alignment, "_decoder", lambda: own)
    monkeypatch.setattr(alignment, "_learnt", {})
    monkeypatch.setattr(alignment, "arpabet", lambda word: None if word == "xx" else ["P", "AA"])
    return own


def test_words_and_phones_have_seconds_and_unknown_words_are_spelled(decoder: _Decoder) -> None:
    found = align(np.zeros(8000, np.float32), "Pah, me!")
    assert decoder.calls == ["pah me", "16000 bytes", "again", "16000 bytes"]
    assert found.words == (("<sil>", 0.0, 0.12), ("me", 0.12, 0.32))
    assert found.phones[1:] == (("M", 0.12, 0.2), ("IY", 0.2, 0.32))
    assert found.spelled == {"pah": ("P", "AA")}
    assert decoder.dictionary["pah"] == "P AA"
    assert align(np.zeros(8000, np.float32), "pah").spelled == {"pah": ("P", "AA")}, "told of in every recording"


@pytest.mark.parametrize(
    ("text", "told"), [("...", "no words"), ("xx", "pronounced"), ("me nothing", "does not fit"), ("me 2", "digits")]
)
def test_what_cannot_be_aligned_is_said(decoder: _Decoder, text: str, told: str) -> None:
    with pytest.raises(DataError, match=told):
        align(np.zeros(8000, np.float32), text)


def test_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pocketsphinx", None)
    alignment._decoder.cache_clear()
    with pytest.raises(MissingExtra, match=r"pip install 'viseme\[align\]'"):
        align(np.zeros(8000, np.float32), "me")


def test_words_keep_their_apostrophes() -> None:
    assert words_of("It’s o'clock; 'tis!") == ["it's", "o'clock", "tis"]
