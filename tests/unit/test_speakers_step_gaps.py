"""Long gaps of a file closed and opened again."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from viseme.speakers.step_gaps import KEEP_STEPS, StepGaps

spans = st.lists(st.tuples(st.integers(-100, 2_000_000), st.integers(1, 300)), min_size=1, max_size=8)


def test_a_file_without_gaps_is_left_alone():
    gaps = StepGaps([(0, 100), (50, 400), (600, 700), (-3, 2)])
    assert all(gaps.closed(n) == gaps.recorded(n) == n for n in range(-50, 900))
    assert gaps.recorded_s(1.2345) == 1.2345


@given(spans)
def test_steps_come_back_and_keep_their_order(found):
    occupied = [(begin, begin + num) for begin, num in found]
    gaps = StepGaps(occupied)
    steps = sorted({n for begin, end in occupied for n in range(begin, end)})
    closed = [gaps.closed(n) for n in steps]
    assert [gaps.recorded(n) for n in closed] == steps
    assert all(b - a == min(d - c, KEEP_STEPS + 1) for a, b, c, d in zip(closed, closed[1:], steps, steps[1:]))
