"""What is done to the audio of a file, from what was measured."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import pytest

import stubs
from viseme.core.errors import FixRefused
from viseme.core.results import CheckResult, DelayPiece, DelaySegment, Drift
from viseme.sync.repair_plan import plan_repair

ALLOWED = {"piecewise": True, "resample": True}
NEITHER = {"piecewise": False, "resample": False}


def _measured(delay: float | None, **changes: object) -> CheckResult:
    found = stubs.result("late.mp4", delay)
    return replace(found, duration=60.0, estimate=replace(found.estimate, **{"drift": None, **changes}))


def _drifting(rate: float, *, start: float = 0.1) -> Drift:
    segments = tuple(
        DelaySegment(start=t - 4, end=t + 4, audio_delay=start + rate / 60_000 * t, confidence=0.9)
        for t in range(4, 60, 2)
    )
    return Drift(ms_per_min=rate, interval=(rate - 5, rate + 5), segments=segments)


PIECES = tuple(
    DelayPiece(start=start, end=end, audio_delay=delay, interval=(delay - 0.01, delay + 0.01), confidence=0.9)
    for start, end, delay in ((0.0, 20.0, 0.1), (20.0, 60.0, -0.3))
)


def test_one_delay_is_one_shift() -> None:
    plan = plan_repair(_measured(0.137), **NEITHER)
    assert (plan.delay, plan.pieces, plan.notes) == (Fraction(137, 1000), (), ())


def test_what_is_in_place_stays_there() -> None:
    plan = plan_repair(_measured(0.004), **ALLOWED)
    assert plan.delay == 0
    assert "in place" in plan.notes[0]


def test_a_jump_is_refused_unless_pieces_may_be_moved() -> None:
    measured = _measured(0.1, pieces=PIECES)
    with pytest.raises(FixRefused, match=r"jumps at 0:00:20\.000.*--piecewise"):
        plan_repair(measured, **NEITHER)
    plan = plan_repair(measured, piecewise=True, resample=False)
    assert [(p.start, p.delay) for p in plan.pieces] == [(0, Fraction(1, 10)), (20, Fraction(-3, 10))]


def test_a_drift_is_named_or_played_at_the_right_speed() -> None:
    measured = _measured(0.15, drift=_drifting(100.0))
    plan = plan_repair(measured, **NEITHER)
    assert plan.delay == Fraction(15, 100)
    assert "+100 ms a minute" in plan.notes[0]
    assert "--resample" in plan.notes[0]
    (piece,) = plan_repair(measured, **ALLOWED).pieces
    assert float(piece.delay) == pytest.approx(0.1, abs=1e-3)
    assert float(piece.drift) == pytest.approx(100 / 60_000, rel=1e-3)


@pytest.mark.parametrize("drift", [_drifting(10.0), replace(_drifting(100.0), interval=(-5.0, 300.0))])
def test_a_drift_that_is_small_or_not_sure_is_none(drift: Drift) -> None:
    plan = plan_repair(_measured(0.15, drift=drift), **ALLOWED)
    assert plan.pieces == ()
    assert plan.notes == ()


def test_what_cannot_be_told_is_refused() -> None:
    with pytest.raises(FixRefused, match="--delay 120ms"):
        plan_repair(_measured(None), **ALLOWED)
