"""Clean pieces are many and always the same ones; bits are counted as the bench says."""

from __future__ import annotations

import numpy as np
import pytest

from viseme.reproduce.clean_pieces import clean_pieces, pattern
from viseme.reproduce.watermark_bench import MESSAGE, bits_right, brighter, cropped, retimed
from viseme.weights import assets_folder

SAMPLE = assets_folder() / "samples" / "sample_in_sync.mp4"


def test_pieces_are_counted_and_repeat() -> None:
    first, again = (list(clean_pieces([SAMPLE], 10, max_side=160)) for _ in range(2))
    assert len(first) == 10
    assert all(a.shape == b.shape and (a == b).all() for x, y in zip(first, again) for a, b in zip(x, y))


def test_an_unknown_pattern_is_refused() -> None:
    with pytest.raises(ValueError, match="known: noise"):
        pattern("clouds", np.random.default_rng(0))


def test_attacks_do_what_they_say() -> None:
    frames = [np.full((100, 200, 3), 10 * number, np.uint8) for number in range(25)]
    assert cropped(frames)[0].shape == (91, 181, 3)
    assert [int(frame[0, 0, 0]) // 10 for frame in retimed(frames)][:8] == [0, 0, 1, 2, 3, 4, 5, 5]
    assert len(retimed(frames)) == 30
    assert int(brighter(frames)[10].max()) == 126
    assert bits_right(MESSAGE ^ 0b101) == 22
