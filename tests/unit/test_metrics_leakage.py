"""Leakage: a generator that copies its frames fails, one that follows the audio passes, one clip settles nothing."""

from __future__ import annotations

import numpy as np
import pytest

from viseme.core.errors import ConfigError
from viseme.metrics.leakage import (
    cross_audio_check,
    lip_distance,
    reference_distance_check,
    refuse_unmasked_reference,
    silent_audio_check,
)

RNG = np.random.default_rng(11)
TALKING, OTHER = (np.cumsum(RNG.normal(size=(40, 20, 2)), 0) * 0.02 for _ in range(2))


def test_a_copier_opens_its_mouth_in_silence() -> None:
    closed = RNG.uniform(0.01, 0.02, 30)
    copier, honest = silent_audio_check(closed * 5, closed), silent_audio_check(closed * 1.05, closed)
    assert (copier.passed, copier.certain) == (False, True)
    assert (honest.passed, honest.certain) == (True, True)
    assert honest.value.value == pytest.approx(1.05)
    assert "failed" in str(copier)


def test_a_copier_keeps_the_lips_of_its_frames() -> None:
    target, driving = TALKING, OTHER
    for output, passes in ((target, False), (driving, True)):
        near = [lip_distance(output + RNG.normal(0, 0.01, output.shape), real) for real in (target, driving)]
        assert cross_audio_check([near[0]] * 5, [near[1]] * 5).passed is passes


def test_a_score_that_lives_on_near_references_fails() -> None:
    near = RNG.uniform(0.5, 0.7, 40)
    fallen, steady = ({1: near, 2: near - 0.5 * loss, 5: near - loss} for loss in (0.2, 0.0))
    assert not reference_distance_check(fallen).passed
    assert reference_distance_check(steady).passed


def test_one_clip_settles_nothing() -> None:
    assert not silent_audio_check([0.1], [0.01]).certain
    assert not cross_audio_check([2.0], [1.0]).certain
    assert not reference_distance_check({1: [0.5], 5: [0.1]}).certain


def test_lips_are_compared_without_their_place() -> None:
    assert lip_distance(TALKING, TALKING + np.array([3.0, -2.0])) == pytest.approx(0, abs=1e-12)
    missing = TALKING.copy()
    missing[3] = np.nan
    assert lip_distance(missing, TALKING) == 0
    assert np.isnan(lip_distance(np.full_like(TALKING, np.nan), TALKING))


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(ValueError, match="same clips"):
        cross_audio_check([1.0], [1.0, 2.0])
    with pytest.raises(ValueError, match="more than 0"):
        silent_audio_check([1.0], [0.0])
    with pytest.raises(ValueError, match="two or more"):
        reference_distance_check({1: [1.0]})
    with pytest.raises(ValueError, match="two"):
        lip_distance(TALKING, TALKING[:3])


def test_the_answer_as_reference_is_refused() -> None:
    refuse_unmasked_reference("a.mp4", "b.mp4", masked=False)
    refuse_unmasked_reference("a.mp4", "a.mp4", masked=True)
    with pytest.raises(ConfigError, match="another clip"):
        refuse_unmasked_reference("a.mp4", "a.mp4", masked=False)
