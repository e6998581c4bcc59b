"""What standardisation passes on: a face as it was seen, and the coefficients that explain it. Read this first.

Knows arrays; refuses to know files, audio and how coefficients are found. Conventions of space and camera are those of
`viseme.face3d` (decimetres, +x image right, +y up, +z out of the face); a crop is the square of the frame that
becomes the 224 x 224 image of the camera `Camera.standard()`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import IntEnum
from typing import ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

from viseme.core.registry import Registry
from viseme.faces.crops import CROP_SIZE

__all__ = [
    "FRAME_REASONS",
    "Coefficients",
    "ExpressionEstimator",
    "FaceObservation",
    "FrameReason",
    "PixelEstimator",
    "estimators",
    "in_standard_crops",
    "untried",
]


class FrameReason(IntEnum):
    """Why a frame's coefficients are not to be trusted; `Coefficients.reason` holds these numbers."""

    OK = 0
    NOT_SEEN = 1
    INTERPOLATED = 2
    PROFILE = 3
    POOR_FIT = 4
    BAD_LANDMARKS = 5


FRAME_REASONS = tuple(reason.name.lower() for reason in FrameReason)
"""Their names in files and reports: "ok", "not_seen", ..."""


@dataclass(frozen=True, kw_only=True)
class FaceObservation:
    """A stretch of one face track, in order."""

    times: NDArray[np.float64]
    """(T,) seconds, strictly rising."""
    landmarks: NDArray[np.float32]
    """(T, 478, 3) `mediapipe478`, source pixels; z in the same scale, smaller = nearer to the camera."""
    observed: NDArray[np.bool_]
    """(T,) False = interpolated over a gap."""
    crops: NDArray[np.float64]
    """(T, 3) centre x, centre y and side of the square crop, source pixels (`crops.crop_squares`)."""
    images: NDArray[np.uint8] | None = None
    """(T, 224, 224, 3) RGB crops; None for estimators that look at landmarks alone."""
    looked: Coefficients | None = None
    """What `PixelEstimator.look` said of the images, where they are gone again."""


def in_standard_crops(landmarks: NDArray[np.floating], start: float = 0.0) -> FaceObservation:
    """Landmarks (T, 468, 2), pixels of their standard crops, as a stretch of a track from `start` seconds on, 25 Hz."""
    num = len(landmarks)
    points = np.zeros((num, 478, 3), np.float32)
    points[:, :468, :2] = landmarks
    points[:, 468:, :2] = points[:, :1, :2]
    return FaceObservation(
        times=start + np.arange(num) / 25,
        landmarks=points,
        observed=np.ones(num, bool),
        crops=np.tile([CROP_SIZE / 2, CROP_SIZE / 2, float(CROP_SIZE)], (num, 1)),
    )


def untried(track: FaceObservation) -> NDArray[np.uint8]:
    """(T,) the `FrameReason` why a frame is not even tried, or 0; the same for all estimators."""
    finite = np.isfinite(track.landmarks[:, :468, :2])
    reason = np.full(len(track.times), FrameReason.OK, np.uint8)
    reason[~track.observed] = FrameReason.INTERPOLATED
    usable = finite.all((1, 2)) & np.isfinite(track.crops).all(1) & (track.crops[:, 2] > 1e-6)
    reason[~usable] = FrameReason.BAD_LANDMARKS
    reason[~finite.any((1, 2))] = FrameReason.NOT_SEEN
    return reason


@dataclass(frozen=True, kw_only=True)
class Coefficients:
    """What explains a stretch of one face track in a face model; see `standardization` equations 1-4.

    A coefficient an estimator does not give is None. `alpha` and `delta` are (A,) where one value is shared by the
    stretch and (T, A) where every frame has its own.
    """

    times: NDArray[np.float64]
    """(T,) seconds."""
    beta: NDArray[np.float32]
    """(T, E) expression, coefficients of the face model; NaN never: a frame that is not valid holds zeros."""
    pose: NDArray[np.float32]
    """(T, 6) pitch, yaw, roll (radians), tx, ty, tz (decimetres), in the camera of the frame's crop."""
    valid: NDArray[np.bool_]
    """(T,) False = do not use; `reason` says why."""
    reason: NDArray[np.uint8]
    """(T,) index into `FRAME_REASONS`; 0 where valid."""
    crops: NDArray[np.float64]
    """(T, 3) centre x, centre y, side, source pixels."""
    alpha: NDArray[np.float32] | None = None
    """Identity."""
    delta: NDArray[np.float32] | None = None
    """Texture."""
    gamma: NDArray[np.float32] | None = None
    """(T, 27) light, RGB major."""
    bias: NDArray[np.float32] | None = None
    """(T, E) the part of `beta` that comes from the shape of the face, estimated from each frame. At the end of a track
    an estimator subtracts its mean over the valid frames from `beta` and leaves None here."""
    residual: NDArray[np.float32] | None = None
    """(T,) mean landmark distance over face width; NaN where not fitted."""


class ExpressionEstimator(Protocol):
    """A face track in, coefficients out. Final classes with a nested `Config`; named by the registry."""

    needs_pixels: ClassVar[bool]
    """Whether `FaceObservation.images` must be there."""

    def estimate(self, track: Iterable[FaceObservation]) -> Iterator[Coefficients]:
        """Coefficients of one track, in order; every frame put in comes out exactly once.

        Args:
            track: Stretches of one track. Held no longer than needed, and then at landmark size.

        Yields:
            Stretches, not necessarily cut where the input was.

        Raises:
            ValueError: pixels are needed and missing.
        """
        ...


class PixelEstimator(ExpressionEstimator, Protocol):
    """One with `needs_pixels`. Its network sees a stretch while the crops are at hand: no second decoding."""

    def look(self, piece: FaceObservation) -> Coefficients:
        """What the network says of a stretch; `FaceObservation.looked` hands it to `estimate` in place of the images.

        Raises:
            ValueError: the images are missing.
        """
        ...


estimators: Registry[type] = Registry(
    "estimator",
    {
        "landmark-fit": "viseme.standardization.estimators.landmark_fit:LandmarkFit",
        "enet": "viseme.standardization.estimators.networks:ENet",
        "per-image": "viseme.standardization.estimators.networks:PerImage",
        "per-image-aggregated": "viseme.standardization.estimators.networks:PerImageAggregated",
    },
)
"""Name -> estimator class; `estimators["landmark-fit"](estimators["landmark-fit"].Config())`."""
