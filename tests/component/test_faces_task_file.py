"""The ONNX files answer as the networks of the task file they were converted from, run by LiteRT."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from viseme.core.errors import FaceError
from viseme.faces.blendshapes import arkit_coefficients
from viseme.faces.nets import BlazeFaceNets
from viseme.media import read_frames
from viseme.weights.catalog import assets_folder

TASK = Path(__file__).resolve().parents[2].parent / "shared" / "models" / "face_landmarker.task"
beside = pytest.mark.skipif(not TASK.is_file(), reason=f"{TASK.name} is not beside the checkout")


@pytest.mark.real
@beside
def test_both_runtimes_give_the_same_faces_landmarks_and_coefficients() -> None:
    pytest.importorskip("ai_edge_litert", reason="pip install ai-edge-litert")
    ours, theirs = BlazeFaceNets(), BlazeFaceNets(TASK)
    frames = list(read_frames(assets_folder() / "samples" / "sample_in_sync.mp4"))
    for frame in frames[::25]:
        boxes = ours.detect(frame.image)
        np.testing.assert_allclose(theirs.detect(frame.image), boxes, atol=1e-2)
        roi = np.array([[*(boxes[0, :2] + boxes[0, 2:4]) / 2, 1.5 * (boxes[0, 2] - boxes[0, 0]), 0.1]])
        (points, scores), (their_points, their_scores) = (n.landmarks(frame.image, roi) for n in (ours, theirs))
        np.testing.assert_allclose(their_points, points, atol=1e-3)
        np.testing.assert_allclose(their_scores, scores, atol=1e-5)
        coefficients = arkit_coefficients(points)
        np.testing.assert_allclose(arkit_coefficients(points, task_file=TASK), coefficients, atol=1e-4)


def test_without_litert_the_message_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> None:
        raise ImportError(name)

    monkeypatch.setattr("viseme.faces.networks.import_module", missing)
    with pytest.raises(FaceError, match="pip install ai-edge-litert"):
        BlazeFaceNets(Path("face_landmarker.task"))
