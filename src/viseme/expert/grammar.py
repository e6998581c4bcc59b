"""Sentences of a grammar, found in probabilities of phones. Knows words and phones; refuses to know networks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from viseme.data.grid import SLOTS
from viseme.expert.phones import PAUSE, PHONES

__all__ = ["GRAMMARS", "GRID_WORDS", "Grammar", "best_sentence"]

GRID_WORDS = {
    word: tuple(phones.split())
    for word, phones in {
        "bin": "B IH N", "lay": "L EY", "place": "P L EY S", "set": "S EH T", "blue": "B L UW", "green": "G R IY N",
        "red": "R EH D", "white": "W AY T", "at": "AE T", "by": "B AY", "in": "IH N", "with": "W IH DH", "a": "EY",
        "b": "B IY", "c": "S IY", "d": "D IY", "e": "IY", "f": "EH F", "g": "JH IY", "h": "EY CH", "i": "AY",
        "j": "JH EY", "k": "K EY", "l": "EH L", "m": "EH M", "n": "EH N", "o": "OW", "p": "P IY", "q": "K Y UW",
        "r": "AA R", "s": "EH S", "t": "T IY", "u": "Y UW", "v": "V IY", "x": "EH K S", "y": "W AY", "z": "Z EH D",
        "zero": "Z IH R OW", "one": "W AH N", "two": "T UW", "three": "TH R IY", "four": "F AO R", "five": "F AY V",
        "six": "S IH K S", "seven": "S EH V AH N", "eight": "EY T", "nine": "N AY N", "again": "AH G EH N",
        "now": "N AW", "please": "P L IY Z", "soon": "S UW N",
    }.items()
}  # fmt: skip
"""ARPABET of the words of GRID."""


@dataclass(frozen=True)
class Grammar:
    """One word of each slot, in order, with pauses anywhere between words."""

    slots: tuple[tuple[str, ...], ...]
    """The words of each."""
    lexicon: Mapping[str, tuple[str, ...]]
    """Word -> its phones."""


@dataclass
class _Graph:
    """States of a grammar: what each shows, and from which others it is reached."""

    phones: list[int] = field(default_factory=list)
    before: list[list[int]] = field(default_factory=list)
    words: list[tuple[int, str]] = field(default_factory=list)

    def add(self, phone: int, before: Sequence[int], word: tuple[int, str]) -> int:
        """One more state, which may last."""
        self.phones.append(phone)
        self.before.append([len(self.phones) - 1, *before])
        self.words.append(word)
        return len(self.phones) - 1


def best_sentence(log_probabilities: NDArray[np.floating], grammar: Grammar) -> tuple[tuple[str, ...], float]:
    """The sentence of a grammar that explains a clip best.

    Every phone lasts a frame or more; the best path through all sentences is found exactly.

    Args:
        log_probabilities: (T, P) of `PHONES`.
        grammar: Which sentences there are.

    Returns:
        Its words, and the mean over frames of the logarithm of the probability of its path.

    Raises:
        ValueError: the clip has fewer frames than the shortest sentence has phones.
    """
    graph, starts, ends = _graph(grammar)
    shown = np.asarray(log_probabilities, np.float64)[:, graph.phones]
    widest = max(map(len, graph.before))
    before = np.array([[*places, *[places[0]] * (widest - len(places))] for places in graph.before])
    score = np.full(len(graph.phones), -np.inf)
    score[starts] = shown[0, starts]
    came = np.zeros(shown.shape, np.int64)
    for t in range(1, len(shown)):
        choice = score[before].argmax(1)
        came[t] = before[np.arange(len(before)), choice]
        score = score[came[t]] + shown[t]
    last = ends[int(np.argmax(score[ends]))]
    if not np.isfinite(score[last]):
        raise ValueError(f"{len(shown)} frames are too few for a sentence")
    path = [last]
    for t in range(len(shown) - 1, 0, -1):
        path.append(int(came[t][path[-1]]))
    said = dict(graph.words[state] for state in reversed(path) if graph.words[state][1])
    return tuple(said[slot] for slot in range(len(grammar.slots))), float(score[last] / len(shown))


def _graph(grammar: Grammar) -> tuple[_Graph, list[int], list[int]]:
    """States, those in which a clip may begin, and those in which it may end."""
    graph = _Graph()
    pause = graph.add(PAUSE, [], (-1, ""))
    open_ends, starts = [pause], [pause]
    for slot, words in enumerate(grammar.slots):
        ends = []
        for word in words:
            at = list(open_ends)
            for number, phone in enumerate(grammar.lexicon[word]):
                at = [graph.add(PHONES.index(phone), at, (slot, word))]
                if slot == number == 0:
                    starts += at
            ends += at
        open_ends = [*ends, graph.add(PAUSE, ends, (-1, ""))]
    return graph, starts, open_ends


GRAMMARS = {"grid": Grammar(SLOTS, GRID_WORDS)}
"""Name -> grammar."""
