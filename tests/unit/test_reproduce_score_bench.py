"""Copies of clips that the bench of scores makes."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np

from viseme.core.scores import Better, ClipScore, ClipValue, FailureCause, MetricProtocol
from viseme.media.source import ArraySource
from viseme.reproduce.score_bench import DISTURBANCES, is_worse, plays_in_sync

FRAMES = np.random.default_rng(0).integers(0, 256, (8, 16, 24, 3)).astype(np.uint8)
CLIP = ArraySource(FRAMES, np.arange(8) / 25, np.ones(5120, np.float32), 16_000)


def images(name: str) -> np.ndarray:
    return np.stack([frame.image for frame in DISTURBANCES[name](CLIP).frames()])


def test_copies_are_disturbed_as_they_say() -> None:
    assert np.array_equal(images("first frame held"), FRAMES[[0] * 8])
    assert np.array_equal(images("frames 5 late"), FRAMES[[0, 0, 0, 0, 0, 0, 1, 2]])
    assert images("blur, sigma 3").std() < FRAMES.std() / 2
    assert next(iter(DISTURBANCES["audio 0.2 s late"](CLIP).audio())).start == Fraction(1, 5)
    for name in DISTURBANCES:
        assert len(images(name)) == 8


def test_a_copy_that_failed_is_worse_and_an_unknown_real_clip_does_not_count() -> None:
    protocol = MetricProtocol(
        name="x", unit="1", better=Better.LOWER, version=1, needs=frozenset(), floor="", worst=1.0
    )

    def score(value: float | None, real: float | None) -> ClipScore:
        failure = FailureCause.NO_FACE if value is None else None
        anchors = {} if real is None else {"reference": {"x": real}}
        found = {"x": ClipValue(value=value, failure=failure)}
        return ClipScore(file="a", reference=None, audio=None, metrics=found, anchors=anchors)

    answers = [is_worse(protocol, score(*pair)) for pair in ((2.0, 1.0), (0.5, 1.0), (None, 1.0), (2.0, None))]
    assert answers == [True, False, True, None]
    told = [plays_in_sync(replace(score(2.0, 1.0), reference_delay=d)) for d in (0.04, -0.13, None)]
    assert told == [True, False, False]
