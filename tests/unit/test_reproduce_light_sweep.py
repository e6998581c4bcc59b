"""What the normalisation of light takes away."""

from __future__ import annotations

import pytest

from viseme.metrics.intervals import Interval
from viseme.reproduce.light_sweep import LightSweep, light_sweep


def test_the_table_says_what_was_measured() -> None:
    some = Interval(0.1287, 0.0998, 0.1594)
    lines = LightSweep(num_people=6, num_lights=5, filmed=some, normalised=some, share=some).lines()
    assert lines[0].startswith("6 synthetic people, 5 lights each")
    assert "12.87 [9.98, 15.94]" in lines[1]


@pytest.mark.slow
def test_most_of_the_light_is_taken_out() -> None:
    assert light_sweep(2, 2).share.value < 0.5
