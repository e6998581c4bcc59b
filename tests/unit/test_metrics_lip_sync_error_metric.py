"""LSE in the seam of metrics: what comes frame by frame is what the whole clip gives."""

from __future__ import annotations

import numpy as np
import pytest
from test_metrics_speech_similarity_metric import LANDMARKS, SAMPLES, TIMES, Audio, View

from viseme.core.scores import FailureCause
from viseme.faces.crop_recorder import ImagesInMemory
from viseme.faces.geometry import face_boxes
from viseme.faces.syncnet_crop import syncnet_frames, syncnet_squares
from viseme.metrics import lip_sync_error_metric
from viseme.metrics.interface import Measured
from viseme.metrics.lip_sync_error import lip_sync_error
from viseme.metrics.lip_sync_error_metric import LipSyncErrorMetric
from viseme.sync.interface import SyncSpecification


class Model:
    """SyncNet's place taken by mean colours of parts of a frame."""

    specification = SyncSpecification(audio_features="mfcc", window_frames=5, comparison="distance")
    scale, name = 1.0, "stub@0"

    def embed_video(self, x: np.ndarray) -> np.ndarray:
        assert x.shape[1:] == (3, 224, 224)
        assert x.dtype == np.float32
        parts = x.reshape(len(x), 3, 4, 56, 224).mean((3, 4)).reshape(len(x), -1)
        return np.stack([parts[i : i + 5].ravel() for i in range(len(x) - 4)])

    def embed_audio(self, mels: np.ndarray) -> np.ndarray:
        num = (mels.shape[1] - 20) // 4 + 1
        return np.stack([mels[:, 4 * i : 4 * i + 20, :3].reshape(1, -1) + 100 for i in range(num)], 1)


def scored(num: int, crop: str, audio: Audio | None = None) -> dict[str, dict[str, Measured]]:
    """A reference alone, as its own generated video."""
    heard = {} if audio is None else dict.fromkeys(("generated", "reference", "mismatched_audio"), audio)
    clip = LipSyncErrorMetric(Model(), crop).start(heard)  # type: ignore[arg-type]
    for n in range(num):
        view = View(n % len(TIMES))
        view.time = n / 25
        clip.add(view, view)
    return {name: dict(values) for name, values in clip.compute().items()}


@pytest.mark.parametrize("num", [30, 13, 11])
def test_frame_by_frame_as_the_whole(num: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lip_sync_error_metric, "LEAST_FRAMES", 1)
    everything = scored(num, "real", Audio(SAMPLES))
    found, views = everything["generated"], [View(n) for n in range(num)]
    images = ImagesInMemory(np.stack([v.crop("patch224") for v in views]), np.stack([v.square for v in views]))
    squares = syncnet_squares(face_boxes(LANDMARKS[:num]))
    frames = list(syncnet_frames(images, squares, width=10**6, height=10**6))
    whole = lip_sync_error(Model(), frames, num, SAMPLES[640:])
    assert {p.name for p in LipSyncErrorMetric(Model()).protocols} == set(found)  # type: ignore[arg-type]
    assert found["lse_c[stub@0]"].value == pytest.approx(whole.confidence, rel=1e-6)
    assert found["lse_d[stub@0]"].value == pytest.approx(whole.distance, rel=1e-6)
    assert found["lse_d[stub@0]"].num_frames == min(num, (len(SAMPLES) - 640) // 640) - 5
    assert everything["reference"] == found
    assert {"still_face", "shifted", "shifted_early", "mismatched_audio"} < set(everything)


def test_the_published_program_leaves_short_and_small_faces_out(monkeypatch: pytest.MonkeyPatch) -> None:
    assert scored(30, "real", Audio(SAMPLES))["generated"]["lse_c[stub@0]"].cause is FailureCause.TOO_SHORT
    assert np.isfinite(scored(30, "lrs", Audio(SAMPLES))["generated"]["lse_c[stub@0]"].value)
    monkeypatch.setattr(lip_sync_error_metric, "LEAST_FRAMES", 30)
    monkeypatch.setattr(lip_sync_error_metric, "LEAST_PX", 10_000.0)
    assert scored(30, "real", Audio(SAMPLES))["generated"]["lse_c[stub@0]"].cause is FailureCause.FACE_TOO_SMALL


def test_without_audio_or_frames_it_cannot_be_told() -> None:
    assert all(np.isnan(m.value) for m in scored(1, "lrs")["generated"].values())
    assert all(np.isnan(m.value) for m in scored(0, "lrs", Audio(SAMPLES))["generated"].values())
