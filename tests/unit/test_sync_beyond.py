"""Delays beyond the range that was asked for, and delays that jump, of drawn faces with a drawn voice."""

from __future__ import annotations

import numpy as np
import pytest

from talking import chunks, lip_reading_weights, pieces, talking_landmarks, voice
from viseme.audio.clock import RATE
from viseme.audio.mel_frames import MelFrames
from viseme.core.results import DelayEstimate, Reason, Verdict
from viseme.sync import measurement
from viseme.sync.estimator import EstimatorConfig
from viseme.sync.measurement import DelayMeasurement, Measured

SECONDS = 36.0


def _estimate(samples: np.ndarray, max_delay: float = 2.0) -> DelayEstimate:
    return _measured(samples, max_delay).estimate


def _measured(samples: np.ndarray, max_delay: float = 2.0) -> Measured:
    times = np.arange(0, SECONDS, 0.04)
    work = DelayMeasurement(lip_reading_weights(), MelFrames(pieces(samples)), EstimatorConfig(max_delay=max_delay))
    for chunk in chunks(0, talking_landmarks(3, times), times):
        work.take(chunk)
    return work.finish()


@pytest.mark.parametrize("delay", [3.5, -3.5, 8.0])
def test_a_delay_beyond_the_range_is_found(delay: float) -> None:
    whole = voice(3, SECONDS + 12, delay=max(delay, 0.0))
    found = _estimate(whole[: round(SECONDS * RATE)] if delay > 0 else whole[round(-delay * RATE) :])
    assert found.audio_delay == pytest.approx(delay, abs=0.03)
    assert found.verdict is Verdict.OUT_OF_SYNC
    assert found.searched == pytest.approx((-10.0, 10.0), abs=0.01)


def test_a_better_delay_beyond_that_is_not_sure_casts_doubt_on_the_one_within(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measurement, "SURE_BEYOND", 1.1)  # nothing beyond is sure enough to be told
    monkeypatch.setattr("viseme.sync.verdict.find_peak", _sure_peak)
    found = _estimate(voice(3, SECONDS, delay=3.5))
    assert found.audio_delay is None
    assert found.reasons == (Reason.BEYOND_SEARCH,)


def _sure_peak(curve, config):
    from dataclasses import replace

    from viseme.sync.estimator import find_peak

    peak = find_peak(curve, config)
    return None if peak is None else replace(peak, margin=100.0, at_edge=False)


def test_a_delay_within_the_range_stays_what_it_was() -> None:
    found = _estimate(voice(3, SECONDS, delay=0.3))
    assert found.audio_delay == pytest.approx(0.3, abs=0.03)
    assert found.searched == pytest.approx((-2.0, 2.0), abs=0.01)
    assert found.pieces == ()


def test_audio_that_is_missing_makes_pieces() -> None:
    whole = voice(3, SECONDS, delay=0.0)
    cut = round(18 * RATE)
    measured = _measured(np.concatenate([whole[:cut], whole[cut + round(0.4 * RATE) :]]))
    assert measured.tracks[0].estimate.verdict is Verdict.OUT_OF_SYNC, "nor is the face in sync"
    found = measured.estimate
    assert [p.audio_delay for p in found.pieces] == pytest.approx([0.0, -0.4], abs=0.03)
    assert found.pieces[1].start == pytest.approx(18.2, abs=0.7)
    assert found.verdict is Verdict.OUT_OF_SYNC
    assert found.drift is None
