"""Answers and refusals with their reasons; drift of curves whose drift is known."""

from __future__ import annotations

import numpy as np
import pytest

from viseme.core.results import Reason, Verdict
from viseme.sync.checkpoint import Calibration
from viseme.sync.drift import estimate_drift
from viseme.sync.estimator import DelayCurve, EstimatorConfig
from viseme.sync.evidence import EvidenceBlock
from viseme.sync.verdict import FaceActivity, decide, withhold

CONFIG = EstimatorConfig()
CALIBRATION = Calibration(coefficients=(-2.0, 1.5, 0.0, 0.0))
LAGS = np.arange(-200, 201)
TALKING = FaceActivity(voiced_fraction=0.6, mouth_motion=0.03, seconds=8.0)


def _of(lags, scores, counts) -> DelayCurve:
    return DelayCurve(lags, scores, counts, scores / np.maximum(counts, 1))


def _hill(delay: float, *, height: float = 150.0, count: int = 200) -> DelayCurve:
    """A clear peak at `delay` seconds over a floor that wobbles."""
    floor = np.random.default_rng(0).normal(-5, 1, len(LAGS))
    return _of(LAGS, floor + height * np.exp(-(((LAGS / 100 - delay) / 0.04) ** 2)), np.full(len(LAGS), count))


@pytest.mark.parametrize(
    ("delay", "verdict"),
    [
        (0.0, Verdict.IN_SYNC),
        (0.12, Verdict.IN_SYNC),
        (-0.04, Verdict.IN_SYNC),
        (0.14, Verdict.OUT_OF_SYNC),
        (-0.06, Verdict.OUT_OF_SYNC),
        (1.5, Verdict.OUT_OF_SYNC),
    ],
)
def test_a_clear_peak_is_answered(delay, verdict):
    found = decide(_hill(delay), CONFIG, CALIBRATION, TALKING)
    assert found.verdict is verdict
    assert found.audio_delay == pytest.approx(delay, abs=0.01)
    assert found.interval is not None
    assert found.interval[0] <= found.audio_delay <= found.interval[1]
    assert found.confidence >= CONFIG.answer_above
    assert found.reasons == ()
    assert found.searched == (-2.0, 2.0)


def test_the_bias_of_the_weights_is_taken_off_delay_and_interval():
    plain = decide(_hill(0.2), CONFIG, CALIBRATION, TALKING)
    moved = decide(_hill(0.2), CONFIG, Calibration(bias=0.03), TALKING)
    assert plain.audio_delay is not None
    assert moved.audio_delay == pytest.approx(plain.audio_delay - 0.03)
    assert moved.interval == pytest.approx([v - 0.03 for v in plain.interval or ()])


def _activity(**changes) -> FaceActivity:
    return FaceActivity(**{"voiced_fraction": 0.6, "mouth_motion": 0.03, "seconds": 8.0, **changes})


def _flat() -> DelayCurve:
    return _of(LAGS, np.random.default_rng(1).normal(0, 0.2, len(LAGS)), np.full(len(LAGS), 200))


@pytest.mark.parametrize(
    ("curve", "activity", "reason"),
    [
        (_hill(0.1), _activity(voiced_fraction=0.0), Reason.NO_VOICE),
        (_hill(0.1), _activity(mouth_motion=0.001), Reason.MOUTH_STATIC),
        (_flat(), _activity(seconds=2.0), Reason.FLAT_SCORES),
        (_flat(), _activity(seconds=0.5), Reason.TRACK_TOO_SHORT),
        (_flat(), _activity(), Reason.DUBBING_SUSPECTED),
        (_hill(2.0), _activity(), Reason.PEAK_AT_EDGE),
        (_hill(-2.0), _activity(), Reason.PEAK_AT_EDGE),
        (_of(LAGS, np.zeros(401), np.zeros(401, int)), _activity(), Reason.NO_OVERLAP),
        (_of(LAGS, np.zeros(401), np.zeros(401, int)), _activity(seconds=0.1), Reason.TRACK_TOO_SHORT),
    ],
    ids=["silence", "still mouth", "flat", "short", "foreign", "edge +", "edge -", "no overlap", "no windows"],
)
def test_what_cannot_be_told_is_withheld_with_its_reason(curve, activity, reason):
    found = decide(curve, CONFIG, CALIBRATION, activity)
    assert found.verdict is Verdict.CANNOT_TELL
    assert reason in found.reasons
    assert found.audio_delay is None
    assert found.interval is None
    assert 0 <= found.confidence < CONFIG.answer_above
    assert reason.value in found.words


def test_two_equal_peaks_are_two_peaks():
    two = _hill(-0.5, height=80)
    two = _of(LAGS, np.maximum(two.scores, _hill(0.7, height=80).scores), two.counts)
    found = decide(two, EstimatorConfig(answer_above=0.9), Calibration(coefficients=(-5.0, 2.0, 0.0, 0.0)), TALKING)
    assert found.reasons == (Reason.TWO_PEAKS,)


def test_silence_and_a_still_mouth_are_both_told():
    found = decide(_hill(0.1), CONFIG, CALIBRATION, _activity(voiced_fraction=0.0, mouth_motion=0.0))
    assert set(found.reasons) == {Reason.NO_VOICE, Reason.MOUTH_STATIC}


def test_reasons_are_told_once():
    assert withhold(Reason.NO_FACE, Reason.NO_FACE).reasons == (Reason.NO_FACE,)


def _stretches(delay_at, seconds: float, *, jitter: float = 0.0) -> list[EvidenceBlock]:
    """Two-second stretches whose parabola peaks at `delay_at(time)`."""
    rng = np.random.default_rng(0)
    out = []
    for start in np.arange(0, seconds, 2.0):
        delay = delay_at(start + 1.0) + jitter * rng.normal()
        scores = np.maximum(60 - 0.05 * (LAGS - 100 * delay) ** 2, -300)
        out.append(EvidenceBlock(start, start + 2.0, scores.astype(np.float32), np.full(401, 50, np.int16), 50))
    return out


@pytest.mark.parametrize("rate", [-90.0, -12.0, 6.0, 60.0])
def test_a_known_drift_is_found(rate):
    found = estimate_drift(_stretches(lambda t: 0.1 + rate / 60_000 * t, 120), LAGS, CONFIG, CALIBRATION)
    assert found is not None
    assert found.ms_per_min == pytest.approx(rate, rel=0.02, abs=0.3)
    assert found.interval[0] - 0.5 <= rate <= found.interval[1] + 0.5
    assert found.steps == ()
    for segment in found.segments:
        middle = (segment.start + segment.end) / 2
        assert segment.audio_delay == pytest.approx(0.1 + rate / 60_000 * middle, abs=0.005)


def test_a_constant_delay_does_not_drift():
    found = estimate_drift(_stretches(lambda t: 0.137, 80), LAGS, CONFIG, CALIBRATION)
    assert found is not None
    assert found.ms_per_min == pytest.approx(0.0, abs=0.05)


def test_a_constant_delay_measured_with_noise_holds_nought_in_its_interval():
    found = estimate_drift(_stretches(lambda t: 0.1, 200, jitter=0.01), LAGS, CONFIG, CALIBRATION)
    assert found is not None
    assert found.interval[0] <= 0 <= found.interval[1]
    assert abs(found.ms_per_min) < 6


def test_a_jump_is_a_step():
    found = estimate_drift(_stretches(lambda t: 0.0 if t < 60 else 0.4, 120), LAGS, CONFIG, CALIBRATION)
    assert found is not None
    assert len(found.steps) == 1
    assert found.steps[0] == pytest.approx(60, abs=5)


def test_a_short_or_unsure_clip_has_no_drift():
    assert estimate_drift([], LAGS, CONFIG, CALIBRATION) is None
    assert estimate_drift(_stretches(lambda t: 0.1, 14), LAGS, CONFIG, CALIBRATION) is None
    flat = [
        EvidenceBlock(s, s + 2.0, np.zeros(401, np.float32), np.full(401, 50, np.int16), 50) for s in range(0, 100, 2)
    ]
    assert estimate_drift(flat, LAGS, CONFIG, CALIBRATION) is None
