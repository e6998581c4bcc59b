"""`beta`: the expression coefficients that explain a face. Knows expression estimators; refuses to know pictures."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from viseme.faces import FaceTrack
from viseme.faces.crops import crop_squares
from viseme.standardization.interface import Coefficients, FaceObservation, estimators

__all__ = ["Beta", "expression_reader", "in_threes", "observation_of", "track_coefficients"]

ESTIMATOR = "landmark-fit"
"""Who reads the expression off a face when lips are compared."""
BETA_SCALE = 0.3
"""Brings coefficients to the size of lip points, which speech moves by some hundredths."""


@lru_cache(maxsize=2)
def expression_reader(estimator: str = ESTIMATOR, weights: str | None = None) -> Any:
    """An expression estimator of the registry, made once."""
    kind: Any = estimators[estimator]
    return kind(kind.Config(**({} if weights is None else {"weights": weights})))


def observation_of(track: FaceTrack) -> FaceObservation:
    """A track as expression estimators see it, without images."""
    return FaceObservation(
        times=track.times, landmarks=track.landmarks, observed=track.observed, crops=crop_squares(track.landmarks)
    )


def track_coefficients(track: FaceObservation, estimator: str = ESTIMATOR, weights: str | None = None) -> Coefficients:
    """The expression and pose of a whole track."""
    parts = list(expression_reader(estimator, weights).estimate([track]))
    names = ("beta", "pose", "valid", "reason")
    whole = {name: np.concatenate([getattr(p, name) for p in parts]) for name in names}
    return Coefficients(times=track.times, crops=track.crops, **whole)


def in_threes(beta: NDArray[np.floating]) -> NDArray[np.float32]:
    """(T, E) -> (T, ceil(E / 3), 3), zeros at the end; in units in which speech moves as much as lip points."""
    filled = np.pad(beta, ((0, 0), (0, -beta.shape[1] % 3)))
    return (BETA_SCALE * filled).reshape(len(beta), -1, 3).astype(np.float32)


class Beta:
    """The expression coefficients of the default face model, three by three, in place of points."""

    shape = (22, 3)
    dtype = np.float32
    needs_pixels = False

    def of_track(self, track: FaceTrack) -> NDArray[np.float32]:
        """(T, 22, 3), the last two values zero: the face model is fitted to the track's landmarks."""
        return in_threes(track_coefficients(observation_of(track)).beta)
