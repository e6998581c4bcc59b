"""Collecting features: faces seen together share the embedding of their audio; faces elsewhere have their own."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
import torch

from viseme.audio.mel_frames import AudioPiece, MelFrames
from viseme.faces import FaceTrackChunk
from viseme.faces.geometry import face_boxes
from viseme.faces.schemes import ALIGNMENT, ALIGNMENT_SHAPE
from viseme.speakers.feature_collector import FeatureCollector
from viseme.sync import embeddings
from viseme.sync.checkpoint import Calibration, SyncWeights
from viseme.sync.models.torch_model import TorchModel
from viseme.sync.models.two_stream import TwoStream


@pytest.fixture
def bundle() -> SyncWeights:
    torch.manual_seed(0)
    model = TorchModel(TwoStream(TwoStream.Config.tiny()))
    return SyncWeights((model,), Calibration(), "landmarks", "tiny", {})


def chunk(track_id: int, start: float) -> FaceTrackChunk:
    rng = np.random.default_rng(track_id)
    landmarks = np.repeat(rng.normal(0, 20, (1, 478, 3)), 50, axis=0)
    landmarks[:, ALIGNMENT] = ALIGNMENT_SHAPE * [60, -60, -60]
    landmarks = (landmarks + rng.normal(0, 0.5, landmarks.shape) + 200).astype(np.float32)
    return FaceTrackChunk(
        track_id=track_id,
        shot=0,
        times=(start + np.arange(50) * 0.04).astype(np.float64),
        landmarks=landmarks,
        boxes=face_boxes(landmarks),
        observed=np.ones(50, bool),
        confidence=np.ones(50, np.float32),
        last=True,
    )


def collector(bundle: SyncWeights) -> FeatureCollector:
    samples = np.random.default_rng(9).normal(0, 0.1, 16000 * 20).astype(np.float32)
    return FeatureCollector(bundle, MelFrames([AudioPiece(Fraction(0), samples)]), align="none", max_delay=0.45)


def test_a_face_has_the_same_features_in_company_as_alone(bundle, monkeypatch) -> None:
    embedded = []

    def counted(models, mels):
        embedded.append(len(mels))
        return embed(models, mels)

    embed = embeddings.embed_audio
    monkeypatch.setattr(embeddings, "embed_audio", counted)
    chunks = [chunk(0, 4.0), chunk(1, 4.0), chunk(2, 11.0), chunk(3, 4.0)]
    together = collector(bundle)
    for one in chunks:
        together.take(one)
    assert len(embedded) == 3  # the second face met the audio of the first; the same length elsewhere is not the same
    found = {face.track_id: face for face in together.finish()}
    for one in chunks:
        alone = collector(bundle)
        alone.take(one)
        (face,) = alone.finish()
        np.testing.assert_array_equal(found[one.track_id].features, face.features)
    assert not np.array_equal(found[0].features[:, 0], found[2].features[:, 0])
