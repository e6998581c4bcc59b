"""What training draws from: collections of real and synthetic people, who shares what, and batches of their frames."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from viseme.standardization.corpus import Collection
from viseme.standardization.training.augment import augment_frame
from viseme.standardization.training.recipes import NetworkRecipe

__all__ = ["Batch", "TrainingData", "columns_of", "draw_batch"]


@dataclass(frozen=True, kw_only=True)
class Batch:
    """What one step sees; tensors on one device."""

    images: Tensor
    """(B, 3, 224, 224) RGB in [0, 1]."""
    points: Tensor
    """(B, K, 2)."""
    columns: Tensor
    """(B,) whose identity and texture."""
    beta: Tensor
    """(B, E) true expression where `known`, else zeros."""
    known: Tensor
    """(B,) bool."""


@dataclass(frozen=True)
class TrainingData:
    """Collections to train on, and which column each uses."""

    real: list[Collection]
    synthetic: list[Collection]
    columns: dict[str, int]
    """Collection name -> column."""

    def all(self) -> list[Collection]:
        """Real ones first."""
        return self.real + self.synthetic


def columns_of(collections: Sequence[Collection], shared_by: str) -> dict[str, int]:
    """Name of a collection -> column of the shared matrices, from 0.

    Args:
        collections: In the order in which columns are given out.
        shared_by: "subject": collections of one person share a column; else each has its own.
    """
    numbers: dict[str, int] = {}
    return {
        c.name: numbers.setdefault(c.subject if shared_by == "subject" else c.name, len(numbers)) for c in collections
    }


def draw_batch(data: TrainingData, recipe: NetworkRecipe, num_expression: int, rng: np.random.Generator) -> Batch:
    """Some collections, some frames of each, augmented."""
    num_real = round(recipe.collections * recipe.real_share) if data.synthetic else recipe.collections
    num_real = num_real if data.real else 0
    chosen = [data.real[i] for i in rng.integers(len(data.real), size=num_real)] if num_real else []
    num_rest = recipe.collections - num_real
    chosen += [data.synthetic[i] for i in rng.integers(len(data.synthetic), size=num_rest)] if num_rest else []
    images, points, columns, betas, known = [], [], [], [], []
    for collection in chosen:
        many = recipe.images > len(collection)
        for index in rng.choice(len(collection), recipe.images, replace=many):
            image, moved = augment_frame(collection.image(index), collection.landmarks[index], recipe.augment, rng)
            images.append(image)
            points.append(moved)
            columns.append(data.columns[collection.name])
            truth = collection.beta
            betas.append(np.zeros(num_expression, np.float32) if truth is None else truth[index])
            known.append(truth is not None)
    return Batch(
        images=torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2).float() / 255,
        points=torch.from_numpy(np.stack(points)),
        columns=torch.tensor(columns),
        beta=torch.from_numpy(np.stack(betas)),
        known=torch.tensor(known),
    )
