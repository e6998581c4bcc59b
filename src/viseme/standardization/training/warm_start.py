"""Where shared identities and textures start: at the truth of synthetic people, at a landmark fit of real ones."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from viseme.core.errors import DataError
from viseme.standardization.estimators.landmark_fit import LandmarkFit
from viseme.standardization.interface import in_standard_crops
from viseme.standardization.training.trainee import Trainee
from viseme.standardization.training.training_data import TrainingData

__all__ = ["warm_start"]


@torch.no_grad()
def warm_start(trainee: Trainee, data: TrainingData) -> None:
    """Columns of synthetic people from the truth, of real ones from a landmark fit of up to 100 of their frames."""
    for collection in data.synthetic:
        column = data.columns[collection.name]
        if collection.alpha is not None and collection.delta is not None:
            trainee.identity.weight[column] = torch.from_numpy(collection.alpha)
            trainee.texture.weight[column] = torch.from_numpy(collection.delta)
    by_column: dict[int, list[NDArray[np.float32]]] = {}
    for collection in data.real:
        by_column.setdefault(data.columns[collection.name], []).append(collection.landmarks)
    for column, parts in by_column.items():
        points = np.concatenate(parts)
        chosen = np.unique(np.linspace(0, len(points) - 1, 100).round().astype(int))
        trainee.identity.weight[column] = torch.from_numpy(_fitted_identity(points[chosen]))


def _fitted_identity(points: NDArray[np.float32]) -> NDArray[np.float32]:
    """(A,) identity that `landmark-fit` finds for frames (M, 468, 2) of one person."""
    track = in_standard_crops(points)
    last = list(LandmarkFit(LandmarkFit.Config()).estimate([track]))[-1]
    if last.alpha is None:
        raise DataError("the landmark fit gave no identity")
    return np.asarray(last.alpha if last.alpha.ndim == 1 else last.alpha.mean(0), np.float32)
