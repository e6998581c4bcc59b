"""Answers and refusals with their reasons; drift of curves whose drift is known."""

from __future__ import annotations

import tracemalloc
from dataclasses import replace

import numpy as np
import pytest

from viseme.core.results import Drift, Reason, Verdict
from viseme.sync.checkpoint import Calibration
from viseme.sync.drift import estimate_drift
from viseme.sync.estimator import DelayCurve, EstimatorConfig
from viseme.sync.evidence import EvidenceBlock
from viseme.sync.pieces import find_pieces
from viseme.sync.verdict import FaceActivity, decide, with_pieces, withhold

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
    assert reason.value.replace("_", " ") in found.words


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


def test_a_jump_makes_two_pieces_with_their_own_delays():
    first, second = find_pieces(_stretches(lambda t: 0.0 if t < 60 else 0.4, 120), LAGS, CONFIG, CALIBRATION)
    assert (first.start, first.end) == (pytest.approx(0), pytest.approx(60, abs=1))
    assert (second.start, second.end) == (first.end, pytest.approx(120, abs=0.5))
    assert first.audio_delay == pytest.approx(0.0, abs=0.005)
    assert second.audio_delay == pytest.approx(0.4, abs=0.005)
    assert second.interval[0] <= 0.4 <= second.interval[1]


def test_a_short_piece_between_two_others_is_found():
    found = find_pieces(_stretches(lambda t: 0.4 if 20 < t < 26 else 0.0, 60), LAGS, CONFIG, CALIBRATION)
    assert [round(p.audio_delay, 1) for p in found] == [0.0, 0.4, 0.0]


@pytest.mark.parametrize("rate", [0.0, 30.0, -90.0, 200.0])
def test_a_drift_is_no_jump(rate):
    assert find_pieces(_stretches(lambda t: 0.1 + rate / 60_000 * t, 60), LAGS, CONFIG, CALIBRATION) == ()


def test_jitter_and_a_stretch_of_nothing_are_no_jump():
    assert find_pieces(_stretches(lambda t: 0.1, 60, jitter=0.01), LAGS, CONFIG, CALIBRATION) == ()
    blocks = _stretches(lambda t: 0.1, 60)
    noise = np.random.default_rng(0).normal(0, 4, len(LAGS)).astype(np.float32)
    blocks[10] = EvidenceBlock(20.0, 22.0, noise, np.full(401, 50, np.int16), 50)
    assert find_pieces(blocks, LAGS, CONFIG, CALIBRATION) == ()


def test_where_in_a_block_it_jumps_is_told_by_its_parts():
    blocks = _stretches(lambda t: 0.0 if t < 9 else 0.4, 20)
    left, right = blocks[2].scores / 5, blocks[-1].scores / 5
    for i in (3, 4, 5):  # 6 to 8 s whole, 8 to 10 s divided at 8.8 s
        parts = np.stack([left] * 2 + [right] * 3) if i == 4 else np.stack([left if i < 4 else right] * 5)
        blocks[i] = replace(blocks[i], scores=parts.sum(0), parts=parts.astype(np.float16))
    first, _ = find_pieces(blocks, LAGS, CONFIG, CALIBRATION)
    assert first.end == pytest.approx(8.8, abs=0.41)


def test_an_hour_takes_no_memory_to_speak_of():
    lags = np.arange(-1000, 1001)
    scores, counts = np.zeros(len(lags), np.float32), np.full(len(lags), 50, np.int16)
    scores[1000] = 50.0
    parts = np.repeat(scores[None] / 5, 5, axis=0).astype(np.float16)
    blocks = [EvidenceBlock(2.0 * i, 2.0 * i + 2, scores, counts, 50, parts) for i in range(1800)]
    tracemalloc.start()
    try:
        assert find_pieces(blocks, lags, CONFIG, CALIBRATION) == ()
        assert tracemalloc.get_traced_memory()[1] < 25e6  # a byte for each .4 s and candidate: 18 MB
    finally:
        tracemalloc.stop()


def test_a_clip_that_jumps_is_never_in_sync():
    pieces = find_pieces(_stretches(lambda t: 0.0 if t < 60 else 0.1, 100), LAGS, CONFIG, CALIBRATION)
    found = with_pieces(decide(_hill(0.0), CONFIG, CALIBRATION, TALKING), pieces)
    assert found.verdict is Verdict.OUT_OF_SYNC
    assert found.reasons == (Reason.DELAY_JUMPS,)
    assert found.audio_delay == pieces[0].audio_delay
    assert found.words.startswith("the delay jumps: audio and video together from 0.0 s, audio lags by 100 ms from 60")


def test_in_sync_there_is_nothing_to_shift():
    assert decide(_hill(0.1), CONFIG, CALIBRATION, TALKING).words == "audio lags by 100 ms"


def test_too_few_frames_are_told_as_that():
    slow = FaceActivity(voiced_fraction=0.6, mouth_motion=0.03, seconds=8.0, frames_per_s=1.0)
    assert decide(_hill(0.1, height=0.5), CONFIG, CALIBRATION, slow).reasons == (Reason.TOO_FEW_FRAMES,)


def test_a_drift_is_told_where_its_interval_leaves_nought_out():
    assert Drift(ms_per_min=5, interval=(1.0, 9.0)).is_told
    assert not Drift(ms_per_min=5, interval=(-1.0, 9.0)).is_told


def test_a_short_or_unsure_clip_has_no_drift():
    assert estimate_drift([], LAGS, CONFIG, CALIBRATION) is None
    assert estimate_drift(_stretches(lambda t: 0.1, 14), LAGS, CONFIG, CALIBRATION) is None
    flat = [
        EvidenceBlock(s, s + 2.0, np.zeros(401, np.float32), np.full(401, 50, np.int16), 50) for s in range(0, 100, 2)
    ]
    assert estimate_drift(flat, LAGS, CONFIG, CALIBRATION) is None
