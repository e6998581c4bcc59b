"""The MediaPipe Tasks adapter against a stand-in with the documented interface, and quiet standard error."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass, field
from fractions import Fraction
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest

from viseme.core.errors import FaceError
from viseme.faces import FaceTrackChunk, tracker
from viseme.faces.nets import load_mediapipe, quiet_stderr
from viseme.faces.schemes import RIGID, RIGID_SHAPE
from viseme.faces.tasks import ENVIRONMENT, MediaPipeTasksTracker, landmarker_file, square

SHAPE = np.random.default_rng(0).uniform((-1.1, -2.3, -0.4), (1.1, 0.5, 0.4), (478, 3))
SHAPE[RIGID] = RIGID_SHAPE
SHAPE[152] = (0, -2.4, 0)


@dataclass(frozen=True)
class Frame:
    index: int
    time: Fraction
    image: np.ndarray
    scale: float = 1.0


@dataclass
class Options:
    """`vision.FaceLandmarkerOptions`, the documented fields."""

    base_options: Any
    running_mode: str = "IMAGE"
    num_faces: int = 1
    min_face_detection_confidence: float = 0.5
    min_face_presence_confidence: float = 0.5
    min_tracking_confidence: float = 0.5
    output_face_blendshapes: bool = False
    output_facial_transformation_matrixes: bool = False
    result_callback: Any = None


@dataclass
class Landmarker:
    """Sees a face where the frame is brightest."""

    options: Options
    made: list[Options] = field(default_factory=list)

    @classmethod
    def create_from_options(cls, options: Options) -> Landmarker:
        if options.base_options.model_asset_path.endswith("broken.task"):
            raise RuntimeError("Unable to open zip archive.")
        return cls(options)

    def detect(self, frame: Any) -> SimpleNamespace:
        image = frame.data
        assert frame.image_format == "SRGB"
        assert image.flags.c_contiguous
        rows, columns = np.nonzero(image[..., 0] > 128)
        if len(rows) < 100:
            return SimpleNamespace(face_landmarks=[], face_blendshapes=[], facial_transformation_matrixes=[])
        height, width = image.shape[:2]
        x, y, size = columns.mean() + 0.5, rows.mean() + 0.5, np.ptp(rows) + 1
        points = (SHAPE + np.array([0, 0.9, 0])) * size / 2.96 * (1, -1, -1) + (x, y, 0)
        face = [SimpleNamespace(x=p[0] / width, y=p[1] / height, z=p[2] / width) for p in points]
        return SimpleNamespace(face_landmarks=[face], face_blendshapes=[], facial_transformation_matrixes=[])


@pytest.fixture
def tasks(monkeypatch: pytest.MonkeyPatch) -> None:
    package, vision, base = ModuleType("mediapipe"), ModuleType("vision"), ModuleType("base_options")
    package.ImageFormat = SimpleNamespace(SRGB="SRGB")
    package.Image = lambda image_format, data: SimpleNamespace(image_format=image_format, data=data)
    vision.FaceLandmarkerOptions, vision.FaceLandmarker = Options, Landmarker
    vision.RunningMode = SimpleNamespace(IMAGE="IMAGE")
    base.BaseOptions = lambda model_asset_path: SimpleNamespace(model_asset_path=model_asset_path)
    monkeypatch.setitem(sys.modules, "mediapipe", package)
    monkeypatch.setitem(sys.modules, "mediapipe.tasks.python.vision", vision)
    monkeypatch.setitem(sys.modules, "mediapipe.tasks.python.core.base_options", base)


def moving_blob(num: int = 30):
    for i in range(num):
        image = np.zeros((120, 200, 3), np.uint8)
        image[30:90, 40 + i : 90 + i] = 255
        yield Frame(i, Fraction(i, 25), image)


def test_the_adapter_follows_a_face(tasks, tmp_path):
    file = tmp_path / "face_landmarker.task"
    file.write_bytes(b"x")
    cls = tracker["mediapipe-tasks"]
    assert cls is MediaPipeTasksTracker
    (chunk,) = cls(cls.Config(model_path=str(file), rigid_smoothing_s=0)).track(moving_blob())
    assert isinstance(chunk, FaceTrackChunk)
    assert len(chunk.times) == 30
    middle = (chunk.boxes[:, 0] + chunk.boxes[:, 2]) / 2
    assert np.allclose(np.diff(middle), 1.0, atol=0.3)
    assert (chunk.confidence == 1).all()


def test_the_file_may_come_from_the_environment(monkeypatch, tmp_path):
    file = tmp_path / "face_landmarker.task"
    file.write_bytes(b"x")
    monkeypatch.setenv(ENVIRONMENT, str(file))
    assert landmarker_file(None) == file


def test_no_file_named(monkeypatch):
    monkeypatch.delenv(ENVIRONMENT, raising=False)
    with pytest.raises(FaceError, match=f"model_path or set {ENVIRONMENT}"):
        MediaPipeTasksTracker()


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(FaceError, match=r"gone\.task: there is no such"):
        MediaPipeTasksTracker(MediaPipeTasksTracker.Config(model_path=str(tmp_path / "gone.task")))


def test_a_file_that_is_refused(tasks, tmp_path):
    file = tmp_path / "broken.task"
    file.write_bytes(b"x")
    with pytest.raises(FaceError, match=r"broken\.task: MediaPipe Tasks refuses this file"):
        MediaPipeTasksTracker(MediaPipeTasksTracker.Config(model_path=str(file)))


def test_a_missing_package_is_named_with_the_remedy(monkeypatch, tmp_path):
    file = tmp_path / "face_landmarker.task"
    file.write_bytes(b"x")
    monkeypatch.setitem(sys.modules, "mediapipe", None)
    with pytest.raises(FaceError, match=r"pip install 'mediapipe>=1\.2'"):
        MediaPipeTasksTracker(MediaPipeTasksTracker.Config(model_path=str(file)))
    with pytest.raises(FaceError, match=r"pip install 'mediapipe==0\.10\.14'"):
        load_mediapipe()


def test_a_square_at_the_border_keeps_its_place():
    image = np.arange(48, dtype=np.uint8).reshape(4, 4, 3)
    crop, (left, top) = square(image, 0, 0, 16)
    assert (left, top) == (-8, -8)
    assert np.array_equal(crop[8:12, 8:12], image)
    assert square(image, 100, 100, 16)[0].max() == 0


def test_noise_is_kept_off_standard_error_and_words_are_not(capfd):
    with quiet_stderr():
        os.write(2, b"W0000 00:00:1795205472.164042   24081 inference_feedback_manager.cc:114] Feedback\n")
        os.write(2, b"INFO: Created TensorFlow Lite XNNPACK delegate for CPU.\nsomething real\n")
    assert capfd.readouterr().err == "something real\n"


def test_nothing_is_kept_when_it_fails(capfd):
    def fail() -> None:
        with quiet_stderr():
            os.write(2, b"W0000 00:00:1795205472.164042   24081 graph.cc:1] why\n")
            raise RuntimeError("stop")

    with pytest.raises(RuntimeError, match="stop"):
        fail()
    assert "why" in capfd.readouterr().err
