"""Confidence and distance from distances, against the published steps in torch, and edges that are left out."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from talking import LATE_S, chunks, lip_reading_weights, talking_landmarks, voice
from viseme.audio.mel_frames import MelFrames
from viseme.core.results import Reason, RejectedTrack
from viseme.metrics.lip_sync_error import lip_sync_error, lse_of_embeddings
from viseme.metrics.sync_confidence import LAGS_FRAMES, DelayDistances, sync_confidence
from viseme.metrics.visual_sync import VisualSync
from viseme.sync.comparer import pair_scores, scores_at_lags
from viseme.sync.interface import SyncSpecification


class Distances:
    """A SyncNet without layers: frames and cepstra are their own embeddings."""

    specification = SyncSpecification(audio_features="mfcc", window_frames=5, comparison="distance")
    scale = 1.0

    def embed_video(self, x: np.ndarray) -> np.ndarray:
        return np.stack([x[i : i + 5, :, 0, 0].reshape(-1) for i in range(len(x) - 4)]).astype(np.float32)

    def embed_audio(self, mels: np.ndarray) -> np.ndarray:
        num = (mels.shape[1] - 20) // 4 + 1
        return np.stack([mels[:, 4 * i, :3].repeat(5, 1) for i in range(num)], 1).astype(np.float32)


def _published(video: np.ndarray, audio: np.ndarray) -> tuple[float, float, int]:
    """Confidence, distance and AV offset, the way they were first programmed."""
    padded = torch.nn.functional.pad(torch.from_numpy(audio), (0, 0, 15, 15))
    rows = [
        torch.nn.functional.pairwise_distance(v[None].repeat(31, 1), padded[i : i + 31])
        for i, v in enumerate(torch.from_numpy(video))
    ]
    means = torch.stack(rows, 1).mean(1)
    least, at = means.min(0)
    return float(means.median() - least), float(least), 15 - int(at)


@pytest.mark.parametrize(("num", "lag"), [(10, 0), (40, 3), (90, -7)])
def test_lse_equals_the_published_program(num: int, lag: int) -> None:
    rng = np.random.default_rng(num)
    audio = rng.normal(size=(num, 64)).astype(np.float32)
    video = (np.roll(audio, -lag, 0) + 0.3 * rng.normal(size=(num, 64))).astype(np.float32)
    found = lse_of_embeddings(Distances(), video, audio)
    confidence, distance, offset = _published(video, audio)
    assert found.confidence == pytest.approx(confidence, abs=2e-5)
    assert found.distance == pytest.approx(distance, abs=2e-5)
    assert found.lag_frames == -offset
    if num > 35:
        assert found.lag_frames == lag, "positive = the audio is late"
    assert found.num_windows == num


def test_windows_are_those_of_the_published_program() -> None:
    """min(frames, samples / 640) - 5 of them, and every frame goes where it belongs."""
    seen = []

    class Counting(Distances):
        def embed_video(self, x: np.ndarray) -> np.ndarray:
            seen.append(x)
            return super().embed_video(x)

    frames = [np.full((8, 8, 3), (t, 0, 200 - t), np.uint8) for t in range(150)]
    found = lip_sync_error(Counting(), frames, len(frames), np.random.default_rng(0).normal(size=640 * 140 + 600))
    assert found.num_windows == 135
    joined = np.concatenate([seen[0][:-4], *(x[:-4] for x in seen[1:-1]), seen[-1]])
    assert joined.shape == (139, 3, 8, 8)
    assert joined[:, 2, 0, 0].tolist() == list(range(139)), "red comes last"
    assert np.isnan(lip_sync_error(Distances(), frames[:5], 5, np.zeros(64_000)).confidence)


def test_edges_are_left_out_and_not_padded() -> None:
    """Zeros are nearer to large embeddings than these are to each other, and draw the estimate to the edge."""
    rng = np.random.default_rng(3)
    video, audio = (rng.normal(size=(40, 64)).astype(np.float32) * 1.25 for _ in range(2))
    audio = np.float32(0.2) * video + np.float32(0.98) * audio
    padded = lse_of_embeddings(Distances(), video, audio)
    assert abs(padded.lag_frames) == 15
    scores, present = scores_at_lags(Distances(), video, audio, LAGS_FRAMES)
    left_out = sync_confidence(-scores, present)
    assert (left_out.lag_frames, left_out.num_windows, left_out.at_edge) == (0, 40, False)


def test_delays_with_hardly_any_audio_do_not_count() -> None:
    distances, present = np.ones((50, 31)), np.ones((50, 31), bool)
    present[:, 0], distances[:, 0] = False, 0
    present[:8, 0] = True
    assert sync_confidence(distances, present).distance == 1
    present[:10, 0] = True
    found = sync_confidence(distances, present)
    assert (found.distance, found.confidence, found.lag_frames, found.at_edge) == (0, 1, -15, True)
    assert sync_confidence(np.zeros((3, 31)), np.ones((3, 31), bool)).num_windows == 0


def test_scores_at_lags_are_those_of_the_pairs(monkeypatch: pytest.MonkeyPatch) -> None:
    """In blocks as in one piece, for both comparisons."""
    rng = np.random.default_rng(0)
    lips, audio = rng.normal(size=(30, 8)).astype(np.float32), rng.normal(size=(25, 8)).astype(np.float32)
    monkeypatch.setattr("viseme.sync.comparer.ROWS", 7)

    class Products(Distances):
        specification, scale = SyncSpecification(), 2.0

    for model in (Distances(), Products()):
        whole = pair_scores(model, lips, audio)
        scores, present = scores_at_lags(model, lips, audio, np.array([-3, 0, 4]))
        for column, lag in enumerate((-3, 0, 4)):
            for i in range(30):
                assert present[i, column] == (0 <= i + lag < 25)
                assert scores[i, column] == pytest.approx(whole[i, i + lag] if present[i, column] else 0, abs=1e-5)
    assert whole[2, 3] == pytest.approx(2 * float(lips[2] @ audio[3]), rel=1e-5)
    assert scores_at_lags(Distances(), lips[:0], audio, LAGS_FRAMES)[0].shape == (0, 31)
    assert not scores_at_lags(Distances(), lips, audio[:0], LAGS_FRAMES)[1].any()


def test_a_face_is_measured_in_stretches_and_its_delay_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """The voice is 120 ms late, three frames; a face that says something else stands out less."""
    monkeypatch.setattr("viseme.sync.comparer.STRETCH_S", 4.0)
    times = np.arange(0.0, 9, 0.04)
    faces = [
        *chunks(0, talking_landmarks(1, times), times, 3.0),
        *chunks(1, talking_landmarks(2, times[:150]), times[:150], 3.0),
    ]
    measured = VisualSync(lip_reading_weights(), MelFrames.of_samples(voice(1, 9.0)))
    for chunk in sorted(faces, key=lambda c: c.end):
        measured.take(chunk)
    measured.take(
        RejectedTrack(track_id=7, start=0, end=1, reason=Reason.FACE_TOO_SMALL, measured=20, limit=40, unit="px")
    )
    own, other = measured.finish()
    assert (own.track_id, own.start, own.score.num_windows) == (0, 0.0, 223), "at its end two frames meet no audio"
    assert own.end == pytest.approx(8.96)
    assert own.score.lag_frames == round(LATE_S * 25)
    assert own.score.confidence > 3 * other.score.confidence
    assert 0 <= own.score.distance < other.score.distance < 2
    assert VisualSync(lip_reading_weights(), MelFrames.of_samples(np.zeros(0))).finish() == ()


def test_sums_of_parts_are_those_of_the_whole() -> None:
    distances = np.random.default_rng(0).uniform(size=(70, 31))
    sums = DelayDistances()
    sums.add(distances[:20])
    sums.add(distances[20:])
    assert sums.compute().confidence == pytest.approx(sync_confidence(distances).confidence)
