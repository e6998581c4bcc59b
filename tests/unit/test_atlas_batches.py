"""How often clips are drawn that the atlas talker learns from."""

from __future__ import annotations

import numpy as np

from viseme.talker.atlas_batches import chances

REAL = np.zeros(5, bool)


def test_people_are_drawn_by_a_power_of_their_clips() -> None:
    found = chances(list("aaaab"), 0.5, synthetic=REAL, share=0.25)
    np.testing.assert_allclose(found[:4].sum(), 2 / 3)
    np.testing.assert_allclose(chances(list("aaaab"), 0.0, synthetic=REAL, share=0.25)[4], 0.5)


def test_synthetic_talkers_are_drawn_as_often_as_asked() -> None:
    synthetic = np.array([False, False, True, True, True])
    found = chances(list("aabcd"), 0.5, synthetic=synthetic, share=0.25)
    np.testing.assert_allclose([found.sum(), found[synthetic].sum()], [1.0, 0.25])
    np.testing.assert_allclose(chances(list("abcde"), 0.5, synthetic=~REAL, share=0.25), 0.2)
