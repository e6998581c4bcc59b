"""A tracker on MediaPipe Tasks (mediapipe >= 1.2) with the user's own `face_landmarker.task`.

Knows the documented `FaceLandmarker` interface; the file is not distributed with this package. Tasks give no presence
score, so the confidence of a seen face is 1.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from viseme.core.errors import FaceError
from viseme.faces.config import TrackingConfig
from viseme.faces.nets import Detection, Points, Roi, quiet_stderr
from viseme.faces.tracking import LandmarkTracker

__all__ = ["FaceLandmarkerNets", "MediaPipeTasksTracker"]

ENVIRONMENT = "VISEME_FACE_LANDMARKER"
"""Names the task file when `Config.model_path` does not."""
_MARGIN = 1.4
"""Side of the square given to the landmarker over the side of the region asked for."""


def landmarker_file(path: str | None) -> Path:
    """The task file to use.

    Raises:
        FaceError: no file was named, or there is none.
    """
    named = path or os.environ.get(ENVIRONMENT)
    if not named:
        raise FaceError(
            "the tracker 'mediapipe-tasks' needs a face_landmarker.task file; "
            f"pass its path as model_path or set {ENVIRONMENT}"
        )
    file = Path(named).expanduser()
    if not file.is_file():
        raise FaceError(f"{file}: there is no such face_landmarker.task file; check model_path or {ENVIRONMENT}")
    return file


class FaceLandmarkerNets:
    """`FaceNets` on one `FaceLandmarker` in image mode: without memory, so any region may follow any other."""

    def __init__(self, file: Path, *, max_faces: int = 10, min_detection: float = 0.5, min_presence: float = 0.5):
        """Load the model.

        Raises:
            FaceError: MediaPipe Tasks is missing or refuses the file.
        """
        try:
            with quiet_stderr():
                self._mp = import_module("mediapipe")
                vision = import_module("mediapipe.tasks.python.vision")
                base = import_module("mediapipe.tasks.python.core.base_options")
        except Exception as error:  # an optional native package may fail in many ways
            raise FaceError(
                f"MediaPipe Tasks could not be loaded ({type(error).__name__}: {error}); pip install 'mediapipe>=1.2'"
            ) from error

        def landmarker(num_faces: int) -> Any:
            options = vision.FaceLandmarkerOptions(
                base_options=base.BaseOptions(model_asset_path=str(file)),
                running_mode=vision.RunningMode.IMAGE,
                num_faces=num_faces,
                min_face_detection_confidence=min_detection,
                min_face_presence_confidence=min_presence,
            )
            return vision.FaceLandmarker.create_from_options(options)

        try:
            with quiet_stderr():
                self._many, self._one = landmarker(max_faces), landmarker(1)
        except Exception as error:
            raise FaceError(
                f"{file}: MediaPipe Tasks refuses this file ({error}); is it a face_landmarker.task?"
            ) from error

    def detect(self, image: NDArray[np.uint8]) -> Detection:
        """See `FaceNets.detect`: boxes around the landmarks found in the whole frame, with score 1."""
        points = self._run(self._many, image)
        low, high = points[:, :, :2].min(axis=1), points[:, :, :2].max(axis=1)
        return np.concatenate([low, high, np.ones((len(points), 1))], axis=1).astype(np.float32)

    def landmarks(self, image: NDArray[np.uint8], rois: Roi) -> tuple[Points, NDArray[np.float32]]:
        """See `FaceNets.landmarks`: the face found in a square around each region, score 1 or 0."""
        points = np.zeros((len(rois), 478, 3), np.float32)
        scores = np.zeros(len(rois), np.float32)
        for i, (x, y, side, _) in enumerate(rois):
            crop, corner = square(image, x, y, side * _MARGIN)
            found = self._run(self._one, crop)
            if len(found):
                points[i] = found[0] + np.array([*corner, 0], np.float32)
                scores[i] = 1
        return points, scores

    def _run(self, landmarker: Any, image: NDArray[np.uint8]) -> Points:
        height, width = image.shape[:2]
        frame = self._mp.Image(image_format=self._mp.ImageFormat.SRGB, data=np.ascontiguousarray(image))
        faces = landmarker.detect(frame).face_landmarks
        found = [[(p.x * width, p.y * height, p.z * width) for p in face] for face in faces]
        return np.array(found, np.float32).reshape(-1, 478, 3)


def square(image: NDArray[np.uint8], x: float, y: float, side: float) -> tuple[NDArray[np.uint8], tuple[int, int]]:
    """A square around (x, y), black outside the frame, and the place of its corner in the frame."""
    size = max(round(side), 16)
    left, top = round(x - size / 2), round(y - size / 2)
    height, width = image.shape[:2]
    crop = np.zeros((size, size, 3), np.uint8)
    x0, x1, y0, y1 = max(left, 0), min(left + size, width), max(top, 0), min(top + size, height)
    if x0 < x1 and y0 < y1:
        crop[y0 - top : y1 - top, x0 - left : x1 - left] = image[y0:y1, x0:x1]
    return crop, (left, top)


class MediaPipeTasksTracker(LandmarkTracker):
    """`FaceTracker` on the user's task file; the model loads when the tracker is made."""

    @dataclass(frozen=True, kw_only=True, slots=True)
    class Config(TrackingConfig):
        """Tracking, and where the model lies."""

        model_path: str | None = None
        """Path of face_landmarker.task; None = the environment variable VISEME_FACE_LANDMARKER."""

    def __init__(self, config: Config | None = None) -> None:
        """Load the model.

        Raises:
            FaceError: the file or the package is missing.
        """
        config = config or self.Config()
        nets = FaceLandmarkerNets(
            landmarker_file(config.model_path),
            max_faces=config.max_faces,
            min_detection=config.min_detection,
            min_presence=config.min_presence,
        )
        super().__init__(nets, config)
