"""The one comparer: numbers of the three that it replaced, context, sharing, steps that are scored once."""

from __future__ import annotations

import json
from collections.abc import Iterator
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from talking import LATE_S, LipReader, chunks, lip_reading_weights, pieces, talking_landmarks, voice
from viseme.audio.mel_frames import MelFrames
from viseme.core.results import Reason, RejectedTrack
from viseme.faces import FaceTrack, FaceTrackChunk
from viseme.faces.geometry import face_boxes
from viseme.speakers.audio_embeddings import AudioEmbeddings
from viseme.speakers.feature_collector import FeatureCollector
from viseme.speakers.live_features import LiveFeatures
from viseme.sync import embeddings
from viseme.sync.comparer import MEMORY_S, STRETCH_S, Comparer, score_points
from viseme.sync.embeddings import VIDEO_STEP
from viseme.sync.estimator import EstimatorConfig
from viseme.sync.measurement import DelayMeasurement, candidate_lags
from viseme.sync.pipeline import check_tracks

GOLDEN = json.loads((Path(__file__).parents[1] / "golden" / "comparer.json").read_text(encoding="utf-8"))
"""From the last commit that had three comparers, on `tests/talking.py`; see `summary` for lists of four numbers."""
STEADY = np.arange(0.0, 48, 0.04)
START = Fraction(7, 100) + Fraction(1, 48_000)


def conversation() -> list[FaceTrackChunk]:
    """Four tracks, one of uneven frame times, two of the same face; the voice is that of seed 1."""
    uneven = 3.0 + np.cumsum(np.random.default_rng(5).uniform(0.025, 0.045, 700))
    short, middle = 30 + np.arange(20) / 30, STEADY[100:400]
    found = [
        *chunks(0, talking_landmarks(1, STEADY), STEADY, 9.0),
        *chunks(1, talking_landmarks(2, uneven), uneven),
        *chunks(2, talking_landmarks(1, short), short),
        *chunks(3, talking_landmarks(1, middle), middle),
    ]
    return sorted(found, key=lambda c: (c.end, c.track_id))


@pytest.fixture(scope="module")
def faces() -> list[FaceTrackChunk]:
    return conversation()


@pytest.fixture(scope="module")
def samples() -> np.ndarray:
    return voice(1, 45.0)


def summary(values: Any) -> list[float]:
    """How many numbers are finite, their sum, the sum of their squares, and a sum with changing weights."""
    x = np.asarray(values, np.float64)
    flat = np.where(np.isfinite(x), x, 0).ravel()
    return [int(np.isfinite(x).sum()), flat.sum(), (flat**2).sum(), flat @ np.cos(np.arange(len(flat)) * 0.37)]


def close(found: Any, expected: Any, rel: float = 1e-4) -> None:
    assert len(found) == len(expected)
    for one, other in zip(found, expected):
        assert one == (other if other is None else pytest.approx(other, rel=rel, abs=2e-3))


def test_check_measures_what_it_measured(faces, samples, monkeypatch) -> None:
    monkeypatch.setattr("viseme.sync.measurement.LOOK_WIDER_S", 1.0)  # scores depend a little on how far audio is seen
    expected, audio = GOLDEN["check"], MelFrames(pieces(samples, START))
    work = DelayMeasurement(lip_reading_weights(), audio, EstimatorConfig(max_delay=1.0))
    for chunk in faces:
        work.take(chunk)
    found = work.finish()
    assert found.estimate.audio_delay == pytest.approx(expected["delay"], abs=1e-5)
    assert found.estimate.interval == pytest.approx(expected["interval"], abs=1e-5)
    assert found.estimate.confidence == pytest.approx(expected["confidence"], abs=1e-5)
    assert found.estimate.num_windows == expected["num_windows"]
    assert found.estimate.drift is not None
    assert found.estimate.drift.ms_per_min == pytest.approx(
        expected["drift"], abs=0.02
    )  # the audio it is compared with reaches farther
    close([t.track_id for t in found.tracks], [t[0] for t in expected["tracks"]])
    for t, numbers in zip(found.tracks, expected["tracks"]):
        told = [t.start, t.end, t.num_frames, t.observed_fraction, t.face_size_px, t.weight]
        close([*told, t.estimate.audio_delay, t.estimate.confidence], numbers[1:])
    for track_id, numbers in expected["curves"].items():
        curve = work._faces[int(track_id)].evidence.curve(work._lags).within(1.0)
        close(summary(curve.scores), numbers)
        close(summary(curve.counts), expected["counts"][track_id])
    assert (audio.num_voiced, audio.num_frames) == (expected["voiced"], expected["frames"])
    close(summary(audio.levels), expected["levels"])
    close(summary(audio.level_times), expected["level_times"])
    assert found.estimate.audio_delay == pytest.approx(LATE_S + float(START) - 0.01, abs=0.01), "and it is right"


def test_find_speakers_has_the_features_it_had(faces, samples) -> None:
    expected = GOLDEN["speakers"]
    audio = MelFrames(pieces(samples, START))
    collector = FeatureCollector(lip_reading_weights(), audio, align="file", max_delay=0.45)
    for chunk in faces:
        collector.take(chunk)
    found = collector.finish()
    assert collector.estimate().audio_delay == pytest.approx(expected["delay"], abs=1e-5)
    for face, numbers in zip(found, expected["faces"]):
        close([face.track_id, face.first, face.num, *summary(face.boxes)], numbers)
        for column, told in zip(face.features.T, expected["features"][str(face.track_id)]):
            close(summary(column), told, rel=1e-3)


def test_a_stream_has_the_features_it_had(samples) -> None:
    weights, times = lip_reading_weights(), np.arange(0, 30, 0.04)
    audio = AudioEmbeddings(weights.models, 14.0)
    live = LiveFeatures(weights, delays=(-0.3, 0.3), search_s=0.3, span_s=6.0)
    points = {0: talking_landmarks(1, times), 1: talking_landmarks(2, times)}
    waiting = list(pieces(samples, START))
    for now, (_, delay, *expected) in zip(np.arange(1.0, 24.0, 1.3), GOLDEN["live"]):
        while waiting and waiting[0].end <= now:
            audio.take(waiting.pop(0))
        seen = (times > now - 12) & (times <= now)
        windows = [
            FaceTrack(track_id=i, times=times[seen], landmarks=p[seen], boxes=face_boxes(p[seen]), observed=seen[seen])
            for i, p in points.items()
        ]
        found = live.score(windows, audio.embedded(), int((now - 1.5) / 0.04))
        live.delay.decide(audio.voiced_fraction)
        assert live.delay.seconds == (delay if delay is None else pytest.approx(delay, abs=1e-5))
        for face, numbers in zip(found, expected):
            close([face.track_id, face.first, face.num], numbers[:3])
            for column, told in zip(face.features.T, numbers[3:]):
                close(summary(column), told, rel=1e-3)


def compared(chunked: list[FaceTrackChunk], samples: np.ndarray, **options) -> Iterator[Any]:
    comparer = Comparer(lip_reading_weights(), MelFrames(pieces(samples, START)), candidate_lags(0.5), **options)
    for chunk in chunked:
        found = comparer.take(chunk)
        if found is not None:
            yield found
    yield from comparer.finish()


def test_every_step_is_scored_once_and_context_is_seen(samples) -> None:
    points = talking_landmarks(1, STEADY)
    found = list(compared(list(chunks(0, points, STEADY, 9.0)), samples))
    steps = np.concatenate([stretch.scored.steps for stretch in found])
    np.testing.assert_array_equal(steps, np.arange(len(STEADY)))
    for before, after in pairwise(found):
        assert after.num_context == round(MEMORY_S / VIDEO_STEP)
        assert after.track.times[after.num_context] > before.track.times[-1]
        assert after.track.times[0] > before.track.times[-1] - MEMORY_S - 1e-6
        assert before.scored.times[-1] - before.scored.times[0] >= STRETCH_S - MEMORY_S - 9


def test_faces_seen_together_share_the_embedding_of_their_audio(samples, monkeypatch) -> None:
    embedded, embed = [], embeddings.embed_audio

    def counted(models, mels):
        embedded.append(len(mels))
        return embed(models, mels)

    monkeypatch.setattr(embeddings, "embed_audio", counted)
    times = STEADY[:100]
    crowd = [next(chunks(i, talking_landmarks(i, times), times)) for i in range(4)]
    found = list(compared(crowd, samples))
    assert len(found) == 4
    assert len(embedded) == 1
    (alone,) = compared(crowd[2:3], samples)
    np.testing.assert_array_equal(alone.scored.ratios, found[2].scored.ratios)


def test_a_rejected_face_is_compared_up_to_where_it_was_good(samples) -> None:
    times = STEADY[:300]
    first, *_ = chunks(0, talking_landmarks(1, times), times, 6.0)
    comparer = Comparer(lip_reading_weights(), MelFrames(pieces(samples, START)), candidate_lags(0.5))
    assert comparer.take(first) is None
    found = comparer.end(0)
    assert found is not None
    assert len(found.scored.steps) == len(first.times)
    assert comparer.end(0) is None
    assert comparer.finish() == []


def test_where_there_is_no_audio_nothing_is_present() -> None:
    times = STEADY[:60]
    (found,) = compared(list(chunks(0, talking_landmarks(1, times), times)), np.zeros(0, np.float32))
    assert not found.scored.present.any()
    assert not found.scored.ratios.any()
    assert len(found.scored.steps) == 60


def test_prepared_points_are_scored_as_tracks_are(samples) -> None:
    """Training and calibration hand in points and mel powers; check hands in tracks: one score."""
    times, lags = STEADY[:250], candidate_lags(0.5)
    (track,) = compared(list(chunks(0, talking_landmarks(1, times), times)), samples)
    first, power = MelFrames(pieces(samples, START)).window(-1.0, float(times[-1]) + 1.0)
    points = track.motion.points
    prepared = score_points(lip_reading_weights().models, np.arange(250), points, first, power, lags)
    assert prepared.steps.tolist() == track.scored.steps.tolist()
    np.testing.assert_array_equal(prepared.present, track.scored.present)
    np.testing.assert_allclose(prepared.ratios, track.scored.ratios, atol=0.02)


@pytest.mark.parametrize("start", [-0.213, 1 / 3])
@pytest.mark.parametrize("delay", [-0.2, 0.0, 0.07])
def test_the_delay_does_not_depend_on_where_the_audio_begins(start: float, delay: float) -> None:
    """The sound of one event lies at one time, whatever sample is the first."""
    times = np.arange(0, 6, 0.04)
    whole = voice(3, 8.0, delay=delay + 1.0)  # its sample 0 lies at -1 s of the clip
    begin = round((start + 1.0) * 16_000)
    audio = MelFrames.of_samples(whole[begin:], Fraction(begin, 16_000) - 1)
    events = list(chunks(0, talking_landmarks(3, times), times))
    found = check_tracks(lip_reading_weights(), events, audio).estimate
    assert found.audio_delay is not None
    assert found.audio_delay + 0.01 == pytest.approx(delay, abs=0.006)  # the calibration's bias is taken out


def test_tracks_that_were_followed_before_are_checked_without_pixels(faces, samples) -> None:
    rejected = RejectedTrack(
        track_id=9, start=0.0, end=1.0, reason=Reason.FACE_TOO_SMALL, measured=1.0, limit=2.0, unit="px"
    )
    found = check_tracks(lip_reading_weights(), [*faces, rejected], MelFrames(pieces(samples, START)), evidence=True)
    assert found.estimate.audio_delay == pytest.approx(GOLDEN["check"]["delay"], abs=0.005)
    assert found.rejected == (rejected,)
    assert found.evidence is not None
    assert found.evidence.curve_delays[np.nanargmax(found.evidence.curve_scores)] == pytest.approx(0.19)
    assert found.evidence.strips == ()


def test_a_model_may_be_any_object_of_the_protocol() -> None:
    assert LipReader(1.0).embed_video(np.zeros((5, 67, 3), np.float32)).shape == (5, 9)
