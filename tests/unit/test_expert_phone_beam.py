"""The beam search finds what trying every sequence of a few frames finds."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from viseme.expert.phone_beam import best_phones
from viseme.expert.phones import PHONES, collapsed


@pytest.mark.parametrize("seed", range(4))
def test_a_wide_beam_is_exact(seed: int) -> None:
    frames = np.full((5, len(PHONES)), -50.0)
    shown = np.random.default_rng(seed).dirichlet([1, 1, 1], 5)
    frames[:, :3] = np.log(shown)
    sums: dict[tuple[str, ...], float] = {}
    for timing in product(range(3), repeat=5):
        said = tuple(collapsed(np.array(timing)))
        sums[said] = sums.get(said, 0.0) + float(np.prod(shown[np.arange(5), timing]))
    best = max(sums, key=lambda said: sums[said])
    found, score = best_phones(frames, beam=500)
    assert (found, score) == (best, pytest.approx(np.log(sums[best]) / 5))
    assert best_phones(frames, beam=1)[0] == tuple(collapsed(shown.argmax(1)))


def test_a_phone_said_twice_needs_a_pause_between() -> None:
    frames = np.full((3, len(PHONES)), -20.0)
    frames[[0, 2], 1] = frames[1, 0] = -0.1
    assert best_phones(frames, beam=4)[0] == ("AA", "AA")
    frames[1] = frames[0]
    assert best_phones(frames, beam=4)[0] == ("AA",)
    assert best_phones(frames[:0])[0] == ()
