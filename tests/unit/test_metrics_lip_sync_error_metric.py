"""LSE in the seam of metrics: what comes frame by frame is what the whole clip gives."""

from __future__ import annotations

import numpy as np
import pytest
from test_metrics_speech_similarity_metric import LANDMARKS, SAMPLES, TIMES, Audio, View

from viseme.faces.crop_recorder import ImagesInMemory
from viseme.faces.geometry import face_boxes
from viseme.faces.syncnet_crop import syncnet_frames, syncnet_squares
from viseme.metrics.interface import FramePair
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


@pytest.mark.parametrize("num", [30, 13, 11])
def test_frame_by_frame_as_the_whole(num: int) -> None:
    metric, views = LipSyncErrorMetric(Model()), [View(n) for n in range(num)]  # type: ignore[arg-type]
    clip = metric.start(Audio(SAMPLES))
    for n, view in enumerate(views):
        clip.add(FramePair(float(TIMES[n]), view, None))
    found = clip.compute()
    images = ImagesInMemory(np.stack([v.crop("patch224") for v in views]), np.stack([v.square for v in views]))
    squares = syncnet_squares(face_boxes(LANDMARKS[:num]))
    frames = list(syncnet_frames(images, squares, width=10**6, height=10**6))
    whole = lip_sync_error(Model(), frames, num, SAMPLES[640:])
    assert {p.name for p in metric.protocols} == set(found)
    assert found["lse_c[stub@0]"].value == pytest.approx(whole.confidence, rel=1e-6)
    assert found["lse_d[stub@0]"].value == pytest.approx(whole.distance, rel=1e-6)
    assert found["lse_d[stub@0]"].num_frames == min(num, (len(SAMPLES) - 640) // 640) - 5


def test_without_audio_or_frames_it_cannot_be_told() -> None:
    clip = LipSyncErrorMetric(Model()).start(None)  # type: ignore[arg-type]
    clip.add(FramePair(0.0, View(0), None))
    assert all(np.isnan(m.value) for m in clip.compute().values())
    assert all(np.isnan(m.value) for m in LipSyncErrorMetric(Model()).start(Audio(SAMPLES)).compute().values())  # type: ignore[arg-type]
