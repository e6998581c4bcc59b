"""Audio moved piece by piece, and played at the right speed: against the same sound written down where it belongs."""

from __future__ import annotations

from fractions import Fraction
from types import SimpleNamespace

import numpy as np
import pytest

from viseme.media.retimed_piece import RetimedPiece
from viseme.media.retiming import retimed

RATE = 8000
FRAME = SimpleNamespace(sample_rate=RATE)


def _sound(times: np.ndarray) -> np.ndarray:
    return np.sin(2 * np.pi * (200 * times + 30 * np.sin(times))) + 0.3 * np.sin(2 * np.pi * 1234 * times)


def _source(samples: np.ndarray, begin: Fraction = Fraction(0)):
    for at in range(0, len(samples), 1111):
        part = np.stack([samples[at : at + 1111]] * 2).astype(np.float32)
        yield begin + Fraction(at, RATE), FRAME, part


def _heard(pieces, samples, begin=Fraction(0), origin=Fraction(0), seconds=12) -> np.ndarray:
    """(S,) by the frames' clock, NaN in holes."""
    out = np.full(seconds * RATE, np.nan)
    last = None
    for at, _, part in retimed(_source(samples, begin), pieces, origin=origin):
        assert part.shape[0] == 2
        n = round((at - origin) * RATE)
        assert last is None or n >= last, "in order, nothing twice"
        keep = part[0, max(0, -n) :][: max(0, len(out) - max(n, 0))]
        out[max(n, 0) : max(n, 0) + len(keep)] = keep
        last = n + part.shape[1]
    return out


@pytest.mark.parametrize("delay", [Fraction(1, 4), Fraction(-1, 4)])
@pytest.mark.parametrize("origin", [Fraction(0), Fraction(7, 5)])
def test_one_piece_is_a_shift(delay, origin):
    times = np.arange(10 * RATE) / RATE
    found = _heard([RetimedPiece(start=Fraction(0), delay=delay)], _sound(times), begin=origin, origin=origin)
    inside = np.isfinite(found)
    wanted = _sound(np.arange(len(found)) / RATE + float(delay))
    np.testing.assert_allclose(found[inside], wanted[inside], atol=1e-6)
    assert inside.sum() == pytest.approx((10 - abs(float(delay)) if delay > 0 else 10) * RATE, abs=2)


def test_audio_that_is_missing_leaves_a_hole_and_what_follows_is_in_place():
    whole = _sound(np.arange(12 * RATE) / RATE)
    source = np.concatenate([whole[: 5 * RATE], whole[round(5.4 * RATE) :]])
    pieces = [
        RetimedPiece(start=Fraction(0), delay=Fraction(0)),
        RetimedPiece(start=Fraction(54, 10), delay=Fraction(-4, 10)),
    ]
    found = _heard(pieces, source)
    hole = ~np.isfinite(found)
    assert np.flatnonzero(hole)[[0, -1]] / RATE == pytest.approx([5.0, 5.4], abs=1e-3)
    edges = np.zeros(len(found), bool)
    edges[round(4.99 * RATE) : round(5.41 * RATE)] = True
    np.testing.assert_allclose(found[~edges], whole[~edges], atol=1e-6)


def test_audio_too_much_is_cut_out():
    whole = _sound(np.arange(12 * RATE) / RATE)
    source = np.concatenate([whole[: 5 * RATE], np.full(RATE // 2, 9.0), whole[5 * RATE :]])
    pieces = [
        RetimedPiece(start=Fraction(0), delay=Fraction(0)),
        RetimedPiece(start=Fraction(5), delay=Fraction(1, 2)),
    ]
    found = _heard(pieces, source)
    assert np.isfinite(found).all()
    edges = np.abs(np.arange(len(found)) / RATE - 5) < 0.01
    np.testing.assert_allclose(found[~edges], whole[~edges], atol=1e-6)
    assert np.abs(found).max() < 2


@pytest.mark.parametrize("drift", [Fraction(1, 1000), Fraction(-1, 100)])
def test_a_drift_is_played_at_the_right_speed(drift):
    times = np.arange(12 * RATE) / RATE
    source = _sound((times - 0.1) / float(1 + drift))  # what belongs to t is heard at t (1 + drift) + .1
    found = _heard([RetimedPiece(start=Fraction(0), delay=Fraction(1, 10), drift=drift)], source)
    inside = np.isfinite(found)
    inside[:40] = inside[np.flatnonzero(inside)[-1] - 60 :] = False
    wanted = _sound(np.arange(len(found)) / RATE)
    assert np.sqrt(np.mean((found - wanted)[inside] ** 2)) < 2e-3
    assert inside.mean() > 0.97
