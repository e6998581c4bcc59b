"""The likeliest sequence of phones of a clip: prefix beam search. Knows probabilities of phones in frames.

A pause is the blank of CTC: it is no phone, and a phone that is said twice has one in between.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from viseme.expert.phones import PAUSE, PHONES, collapsed

__all__ = ["best_phones"]

LEAST = -12.0
"""Logarithm of the probability, below the likeliest phone's of the frame, at which a phone is not tried."""
_NEVER = (-np.inf, -np.inf)


def best_phones(log_probabilities: NDArray[np.floating], *, beam: int = 50) -> tuple[tuple[str, ...], float]:
    """The sequence whose probability, summed over all its timings, is largest.

    Args:
        log_probabilities: (T, P) of `PHONES`.
        beam: Sequences that are followed at a time; 1 = the likeliest phone of each frame, repetitions and pauses taken
            out, which is another answer than that of a search.

    Returns:
        Names of the phones, and the mean over frames of the logarithm of the probability: of the sequence, or with a
        beam of 1 of that one timing.

    Source:
        Hannun, Maas, Jurafsky and Ng, "First-Pass Large Vocabulary Continuous Speech Recognition using Bi-Directional
        Recurrent DNNs", 2014, without a language model; Graves et al., "Connectionist Temporal Classification", 2006.

    Example:
        >>> frames = np.full((2, len(PHONES)), -20.0)
        >>> frames[:, :2] = np.log([[0.6, 0.4], [0.6, 0.4]])  # a pause each is likeliest; "AA" has three timings
        >>> best_phones(frames, beam=1)[0], best_phones(frames)[0]
        ((), ('AA',))
    """
    frames = np.asarray(log_probabilities, np.float64)
    if beam == 1:
        best = frames.argmax(1)
        return tuple(collapsed(best)), float(frames.max(1).mean()) if len(frames) else 0.0
    found: dict[tuple[int, ...], tuple[float, float]] = {(): (0.0, -np.inf)}
    for row in frames:
        tried = np.flatnonzero(row > row.max() + LEAST)
        after = _extended(found, row, [int(p) for p in tried if p != PAUSE])
        order = sorted(after, key=lambda said: -np.logaddexp(*after[said]))
        found = {said: after[said] for said in order[:beam]}
    said, ends = max(found.items(), key=lambda item: np.logaddexp(*item[1]))
    return tuple(PHONES[p] for p in said), float(np.logaddexp(*ends)) / max(len(frames), 1)


def _extended(
    found: dict[tuple[int, ...], tuple[float, float]], row: NDArray[np.float64], tried: list[int]
) -> dict[tuple[int, ...], tuple[float, float]]:
    """Sequences after one more frame -> logarithms of the probability that they end in a pause, and in a phone."""
    after: dict[tuple[int, ...], tuple[float, float]] = {}

    def add(said: tuple[int, ...], place: int, value: float) -> None:
        held = list(after.get(said, _NEVER))
        held[place] = float(np.logaddexp(held[place], value))
        after[said] = (held[0], held[1])

    for said, (paused, spoken) in found.items():
        either = float(np.logaddexp(paused, spoken))
        add(said, 0, either + row[PAUSE])
        for phone in tried:
            repeats = bool(said) and said[-1] == phone
            if repeats:
                add(said, 1, spoken + row[phone])
            add((*said, phone), 1, (paused if repeats else either) + row[phone])
    return after
