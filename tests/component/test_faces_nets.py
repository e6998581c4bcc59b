"""The face networks that ship: stateless, quiet, and no faces where there are none."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import pytest

from viseme.core.errors import FaceError
from viseme.faces import FaceTrackChunk, tracker
from viseme.faces.mediapipe import ENVIRONMENT, MediaPipeTracker, TaskFileTracker, task_file
from viseme.faces.nets import BlazeFaceNets


@dataclass(frozen=True)
class Frame:
    index: int
    time: Fraction
    image: np.ndarray
    scale: float = 1.0


@pytest.fixture(scope="module")
def nets() -> BlazeFaceNets:
    return BlazeFaceNets()


def noise(seed: int, height: int = 180, width: int = 320) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def test_the_answer_does_not_depend_on_what_was_asked_before(nets):
    rois = np.array([[100.0, 90, 120, 0.1], [200, 90, 100, -0.3], [60, 60, 300, 0]])
    first, scores = nets.landmarks(noise(0), rois)
    nets.landmarks(noise(1), rois[::-1])
    nets.detect(noise(2))
    again, scores_again = nets.landmarks(noise(0), rois)
    assert np.array_equal(first, again)
    assert np.array_equal(scores, scores_again)
    alone, _ = nets.landmarks(noise(0), rois[1:2])
    assert np.array_equal(alone[0], first[1])


def test_shapes_of_no_answer(nets):
    assert nets.detect(np.zeros((50, 70, 3), np.uint8)).shape == (0, 5)
    points, scores = nets.landmarks(noise(0), np.zeros((0, 4)))
    assert points.shape == (0, 478, 3)
    assert scores.shape == (0,)


def test_a_region_outside_the_frame_and_a_view_are_no_error(nets):
    points, scores = nets.landmarks(noise(0)[::2, ::-1], np.array([[-500.0, -500, 80, 0]]))
    assert np.isfinite(points).all()
    assert scores[0] < 0.5


@pytest.mark.parametrize("kind", ["noise", "stripes", "discs", "tiny"])
def test_patterns_give_no_track(kind):
    def frame(i: int) -> np.ndarray:
        y, x = np.mgrid[:180, :320]
        if kind == "noise":
            return noise(i)
        if kind == "tiny":
            return noise(i, 2, 2)
        wave = np.sin((x + i) / 9) if kind == "stripes" else np.cos(np.hypot((x + i) % 60 - 30, y % 60 - 30) / 5)
        return np.repeat((wave * 120 + 128).astype(np.uint8)[..., None], 3, axis=2)

    run = MediaPipeTracker(MediaPipeTracker.Config(num_threads=1))
    events = list(run.track(Frame(i, Fraction(i, 25), frame(i)) for i in range(30)))
    assert not [e for e in events if isinstance(e, FaceTrackChunk)]


def test_nothing_is_written_to_standard_error():
    code = (
        "import warnings; warnings.simplefilter('error', UserWarning)\n"
        "import numpy as np; from viseme.faces.nets import BlazeFaceNets\n"
        "nets = BlazeFaceNets(); nets.detect(np.full((90, 90, 3), 99, np.uint8))\n"
        "nets.landmarks(np.full((90, 90, 3), 99, np.uint8), np.array([[45.0, 45, 60, 0]]))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == ""
    assert done.stderr == ""


def test_every_registered_tracker_has_a_config_with_documented_fields():
    for name in tracker:
        config = tracker[name].Config()
        assert config.max_faces >= 10
        assert hasattr(tracker[name], "track")


def test_networks_that_do_not_load_are_a_face_error(monkeypatch, tmp_path):
    monkeypatch.setattr("viseme.faces.networks.assets_folder", lambda: tmp_path)
    with pytest.raises(FaceError, match="cannot be loaded"):
        BlazeFaceNets()


def test_a_task_file_is_asked_for_by_name(monkeypatch, tmp_path):
    monkeypatch.delenv(ENVIRONMENT, raising=False)
    with pytest.raises(FaceError, match=ENVIRONMENT):
        task_file(None)
    with pytest.raises(FaceError, match="no such"):
        task_file(str(tmp_path / "face_landmarker.task"))
    monkeypatch.setenv(ENVIRONMENT, str(tmp_path / "face_landmarker.task"))
    (tmp_path / "face_landmarker.task").write_bytes(b"not a zip")
    assert task_file(None).is_file()
    with pytest.raises(FaceError):
        TaskFileTracker()
