"""Sentences are found in probabilities of phones, and what is missing is said in one line."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from viseme.core.errors import MissingWeights
from viseme.data.grid import SLOTS, grid_words
from viseme.expert.grammar import GRAMMARS, GRID_WORDS, best_sentence
from viseme.expert.phones import PAUSE, PHONES, phones_of_frames
from viseme.expert.reading import read_lips
from viseme.expert.runner import load_expert


def shown(words: tuple[str, ...], noise: float, seed: int = 0) -> np.ndarray:
    """(T, P) log-probabilities of a sentence said at three frames a phone, with pauses around it."""
    rng = np.random.default_rng(seed)
    said = [PHONES.index(phone) for word in words for phone in GRID_WORDS[word] for _ in range(3)]
    classes = np.array([PAUSE] * 4 + said + [PAUSE] * 5)
    logits = np.eye(len(PHONES))[classes] * 3 + rng.normal(0, noise, (len(classes), len(PHONES)))
    return logits - np.log(np.exp(logits).sum(1, keepdims=True))


def test_there_are_51_words_of_known_phones() -> None:
    assert sorted(word for slot in SLOTS for word in slot) == sorted(GRID_WORDS)
    assert len(GRID_WORDS) == 51
    assert {phone for phones in GRID_WORDS.values() for phone in phones} <= set(PHONES)


@pytest.mark.parametrize("name", ["bbaf2n", "swwz9s", "pgizzp", "lrby1a"])
def test_a_sentence_is_found_in_noise(name: str) -> None:
    words, score = best_sentence(shown(grid_words(name), 0.8), GRAMMARS["grid"])
    assert words == grid_words(name)
    assert score < 0


def test_a_sentence_needs_its_frames() -> None:
    with pytest.raises(ValueError, match="too few"):
        best_sentence(shown(grid_words("bbaf2n"), 0.1)[:8], GRAMMARS["grid"])


def test_a_frame_shows_the_phone_of_its_middle() -> None:
    times = np.array([[0.1, 0.2], [0.2, 0.3]])
    assert phones_of_frames(["B", "+NSN+"], times, 9, 0.0).tolist() == [-1, -1, 7, 7, 7, -1, -1, -1, -1]


def test_missing_weights_are_named_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(MissingWeights, match=r"neither a file nor the name of weights"):
        read_lips(tmp_path / "talk.mp4", weights=Path("nobody"))


def test_the_expert_that_ships_names_phones_of_lips_and_hears() -> None:
    expert = load_expert()
    assert expert.id.startswith("expert-tiny@")
    assert expert.phones == PHONES
    still = np.zeros((30, 67, 3), np.float32)
    assert expert.read_phones(still).argmax(1).tolist().count(0) > 20, "still lips say nothing"
    assert expert.encode(np.zeros((30, 104), np.float32), still).shape == (30, 256)
