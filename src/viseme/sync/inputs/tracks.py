"""What a sync model can be shown, from a track: frames as they are, the standard face, coefficients.

`raw` is the lower face as filmed; `rgb` and `rgbd` the lower half of the standard face that an expression estimator's
coefficients draw; `beta` the coefficients; `mesh` and `landmarks` come from lip points (`points.py`). Knows estimators
and frames; refuses to know networks.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Literal, Protocol, get_args, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from viseme.faces.crops import CROP_SIZE, crop_frame
from viseme.media import read_frames
from viseme.standardization.interface import Coefficients, FaceObservation, estimators
from viseme.standardization.synthesis import StandardFace, rendered_frames

__all__ = [
    "FRAME_SIZE",
    "INPUTS",
    "Beta",
    "Input",
    "Raw",
    "Rgb",
    "Rgbd",
    "TrackInput",
    "expression_reader",
    "in_threes",
    "lower_face",
    "standard_lower_face",
    "track_coefficients",
]

Input = Literal["raw", "rgb", "rgbd", "mesh", "beta", "landmarks"]
INPUTS: tuple[Input, ...] = get_args(Input)
"""Visual inputs, as the papers order them."""

FRAME_SIZE = 48
"""Side of the frames that networks see."""
REGION = 96
"""Side of the part of the 224-pixel crop, or of the standard face, that becomes such a frame."""
FILMED, STANDARD = (64, 100), (64, 118)
"""Left and upper edge of that part: the mouth with nostrils and chin, on a filmed and on the standard face."""
MAX_SIDE = 1280
"""Pixels of the longer side at which faces are sought."""


def lower_face(images: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """(T, 224, 224, 3) crops -> (T, 3, 48, 48) mouth and chin, each pixel the mean of four."""
    x, y = FILMED
    part = images[:, y : y + REGION, x : x + REGION].astype(np.uint16)
    small = part.reshape(len(part), FRAME_SIZE, 2, FRAME_SIZE, 2, 3).sum((2, 4))
    return np.ascontiguousarray(((small + 2) // 4).astype(np.uint8).transpose(0, 3, 1, 2))


@lru_cache(maxsize=1)
def _face() -> StandardFace:
    return StandardFace(StandardFace.Config(size=CROP_SIZE * FRAME_SIZE // REGION))


def standard_lower_face(coefficients: Coefficients) -> NDArray[np.uint8]:
    """(T, 4, 48, 48) RGB and depth of the standard face's mouth and chin; depth over the range of the stretch given.

    A frame that is not valid is black.
    """
    face = _face()
    scale = face.depth_range(coefficients.beta[coefficients.valid])
    drawn = rendered_frames(face, coefficients, scale, slice(None))
    x, y = (v * FRAME_SIZE // REGION for v in STANDARD)
    return np.ascontiguousarray(drawn[:, :, y : y + FRAME_SIZE, x : x + FRAME_SIZE])


def track_coefficients(track: FaceObservation, estimator: str, weights: str | None) -> Coefficients:
    """The expression and pose of a whole track by an estimator of the registry."""
    parts = list(expression_reader(estimator, weights).estimate([track]))
    names = ("beta", "pose", "valid", "reason")
    whole = {name: np.concatenate([getattr(p, name) for p in parts]) for name in names}
    return Coefficients(times=track.times, crops=track.crops, **whole)


@lru_cache(maxsize=2)
def expression_reader(estimator: str, weights: str | None) -> Any:
    """An estimator of the registry, made once."""
    kind: Any = estimators[estimator]
    return kind(kind.Config(**({} if weights is None else {"weights": weights})))


def _cut(path: Any, track: FaceObservation) -> NDArray[np.uint8]:
    """(T, 224, 224, 3) crops, from another pass over the part of the file where the track is."""
    images = np.zeros((len(track.times), CROP_SIZE, CROP_SIZE, 3), np.uint8)
    wanted = {round(float(t) * 1e6): i for i, t in enumerate(track.times)}
    for frame in read_frames(path, max_side=MAX_SIDE, start=max(0.0, float(track.times[0]) - 1e-3)):
        if float(frame.time) > track.times[-1] + 1e-6:
            break
        row = wanted.get(round(float(frame.time) * 1e6))
        if row is not None and np.isfinite(track.crops[row]).all():
            images[row] = crop_frame(frame.image, track.crops[row], scale=frame.scale)
    return images


@runtime_checkable
class TrackInput(Protocol):
    """A visual input that needs more than lip points: a track's landmarks, or its frames."""

    def of_track(self, track: FaceObservation, path: Any) -> NDArray[Any]:
        """(T, K, 3) points or (T, C, H, W) uint8 frames of every frame; `path` is the file they came from."""
        ...


class Raw:
    """The lower face as it was filmed: (T, 3, 48, 48)."""

    def of_track(self, track: FaceObservation, path: Any) -> NDArray[np.uint8]:
        """Read the track's part of the file again and cut the frames out."""
        return lower_face(_cut(path, track))


class Rgbd:
    """The standard face with the track's expression and depth: (T, 4, 48, 48)."""

    def of_track(self, track: FaceObservation, path: Any) -> NDArray[np.uint8]:
        """Fit the face model to the track's landmarks and draw."""
        return standard_lower_face(track_coefficients(track, "landmark-fit", None))


class Rgb:
    """The standard face without depth: (T, 3, 48, 48)."""

    def of_track(self, track: FaceObservation, path: Any) -> NDArray[np.uint8]:
        """As `Rgbd`."""
        return np.ascontiguousarray(Rgbd().of_track(track, path)[:, :3])


class Beta:
    """The expression coefficients, three by three, as a video stream's points: (T, 22, 3), the last two zero."""

    def of_track(self, track: FaceObservation, path: Any) -> NDArray[np.float32]:
        """Fit the face model to the track's landmarks."""
        return in_threes(track_coefficients(track, "landmark-fit", None).beta)


def in_threes(beta: NDArray[np.floating]) -> NDArray[np.float32]:
    """(T, E) -> (T, ceil(E / 3), 3), zeros at the end; in units in which speech moves as much as lip points."""
    filled = np.pad(beta, ((0, 0), (0, -beta.shape[1] % 3)))
    return (0.3 * filled).reshape(len(beta), -1, 3).astype(np.float32)
