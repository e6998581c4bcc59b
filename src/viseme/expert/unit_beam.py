"""The likeliest text of a clip, unit by unit: beam search over a decoder. Knows probabilities of units.

A hypothesis ends with `EOS`; its score is the sum of the logarithms of its units' probabilities over their number.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

__all__ = ["BOS", "EOS", "PAD", "SPACE", "UNK", "best_units", "text_of"]

BOS, PAD, EOS, UNK = range(4)
"""Special units, in this order; decoding starts from `EOS`."""
SPACE = "▁"
"""What a unit begins with that begins a word."""

NextUnits = Callable[[NDArray[np.int64]], NDArray[np.floating]]
"""(B, N) units so far, `EOS` first, to (B, O) logarithms of the probabilities of the next."""


def best_units(next_units: NextUnits, *, most: int, beam: int = 50) -> tuple[tuple[int, ...], float]:
    """The units whose mean logarithm of the probability is largest.

    Args:
        next_units: The decoder, with a clip.
        most: Units at most, `EOS` not counted: the published limit is one for a frame.
        beam: Hypotheses that are followed at a time.

    Returns:
        Units without `EOS`, and their score.

    Source:
        fairseq's search as AV-HuBERT uses it: beam 50, no language model, scores over lengths, the search ends when
        there are as many finished hypotheses as the beam is wide.

    Example:
        >>> table = np.log(np.array([[.1, .1, .1, .1, .6], [.1, .1, .6, .1, .1]]))  # unit 4, then the end
        >>> best_units(lambda said: table[[said.shape[1] - 1] * len(said)], most=5, beam=2)[0]
        (4,)
    """
    alive, sums = np.full((1, 1), EOS, np.int64), np.zeros(1)
    done: list[tuple[float, tuple[int, ...]]] = []
    for step in range(most + 1):
        scores = np.array(next_units(alive), np.float64)
        scores[:, [BOS, PAD]] = -np.inf
        if step == most:
            scores[:, [i for i in range(scores.shape[1]) if i != EOS]] = -np.inf
        total = (sums[:, None] + scores).ravel()
        order = np.argsort(-total, kind="stable")[: 2 * beam]
        kept: list[int] = []
        for rank, place in enumerate(order.tolist()):
            if not np.isfinite(total[place]):
                break
            row, unit = divmod(place, scores.shape[1])
            if unit != EOS:
                kept.append(place)
            elif rank < beam:
                done.append((float(total[place]) / (step + 1), tuple(alive[row, 1:].tolist())))
        if len(done) >= beam or not kept:
            break
        rows, units = np.divmod(np.array(kept[:beam]), scores.shape[1])
        alive, sums = np.concatenate([alive[rows], units[:, None]], 1), total[kept[:beam]]
    score, units = max(done, key=lambda found: found[0])
    return units, score


def text_of(units: Sequence[int], names: Sequence[str]) -> str:
    """Words of units.

    Args:
        units: From `best_units`.
        names: What each is written as.

    Example:
        >>> text_of([4, 5, 4], ["<s>", "<pad>", "</s>", "<unk>", "▁a", "b"])
        'ab a'
    """
    return "".join(names[unit] for unit in units if unit > UNK).replace(SPACE, " ").strip()
