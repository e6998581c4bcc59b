"""Trials of the calibration: whose lips, whose audio."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from viseme.sync.calibrate import MISMATCHED, TrialClips, _left_out
from viseme.sync.checkpoint import Calibration


def clips(*speakers: str) -> list[Any]:
    return [SimpleNamespace(speaker=name, number=number) for number, name in enumerate(speakers)]


def test_audio_that_does_not_belong_is_somebody_elses() -> None:
    """One recording is the voice of many faces: the same person's clip may hold the very audio that belongs."""
    kept = TrialClips(clips=clips("a", "a", "b"), voices=clips("a", "a", "a", "b"))
    rng = np.random.default_rng(0)
    drawn = [kept.draw(rng) for _ in range(2000)]
    others = [(lips, heard) for _, lips, heard in drawn if heard is not lips]
    assert all(lips.speaker != heard.speaker for lips, heard in others)
    assert len(others) / len(drawn) == pytest.approx(MISMATCHED, abs=0.04)


def test_clips_are_drawn_by_their_odds() -> None:
    kept = TrialClips(clips=clips("a", "b", "c"), voices=clips("x"), odds=np.array([0.5, 0.5, 0.0]))
    rng = np.random.default_rng(0)
    numbers = [kept.draw(rng)[1].number for _ in range(400)]
    assert set(numbers) == {0, 1}


def test_odds_are_tried_on_sources_they_were_not_learnt_from() -> None:
    """What a source says of itself does not travel: the margin of "b" is worth nothing."""
    rng = np.random.default_rng(0)
    margin = rng.normal(0, 2, 400)
    sources = np.repeat(np.array(["a", "b"]), 200)
    right = np.where(sources == "a", margin > 0, rng.random(400) < 0.1)
    found = _left_out(np.column_stack([np.ones(400), margin]), right, sources)
    assert found["right_b"] == pytest.approx(0.1, abs=0.06)
    assert found["sure_without_b"] == pytest.approx(0.5, abs=0.1)
    assert set(found) == {"right_a", "right_b", "sure_without_a", "sure_without_b"}


def test_confidence_names_the_trials_it_rests_on() -> None:
    calibration = Calibration(trials=((0.0, 3, 30), (0.5, 8, 10), (0.9, 97, 100)))
    assert [calibration.held(p) for p in (0.2, 0.5, 0.89, 0.99)] == [(3, 30), (8, 10), (8, 10), (97, 100)]
    assert Calibration().held(0.7) is None
