"""The least lip distance that a face model allows: coefficients fitted to the landmarks of a collection directly.

Table I needs a ground truth for real faces, which have none. The papers overfit E-Net to the fold that is measured;
here the overfitting is carried to its limit: the coefficients of each frame are free variables, started from those of
the overfitted network. Knows a face basis and tensors; refuses to know files and training.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from viseme.standardization.training.face_tensors import FaceTensors
from viseme.standardization.training.losses import LossWeights, coefficient_loss, landmark_loss

__all__ = ["Explained", "lip_distances", "overfit"]


@dataclass(frozen=True, kw_only=True)
class Explained:
    """Coefficients that explain the frames of one collection."""

    alpha: NDArray[np.float32]
    """(A,) of the collection, or (M, A) of each frame."""
    beta: NDArray[np.float32]
    """(M, E)."""
    pose: NDArray[np.float32]
    """(M, 6)."""


def overfit(
    basis: FaceTensors,
    landmarks: Sequence[NDArray[np.floating]],
    start: Sequence[Explained],
    weights: LossWeights,
    *,
    steps: int = 300,
    rate: float = 0.03,
) -> list[Explained]:
    """Fit one identity a collection, and expression and pose of each frame, to the tracked landmarks.

    The landmark term and the prior are those of training (equations 6 and 7); the photometric term moves no landmark
    by light or texture and is left out.

    Args:
        basis: Of the face model.
        landmarks: (M, 468, 2) pixels of the crop, one array a collection.
        start: What each collection starts from; `alpha` shared by its frames.
        weights: Of the terms.
        steps: Updates (Adam, rate falling to nothing).
        rate: Of coefficients; a fifth of it for angles and decimetres.

    Returns:
        One `Explained` a collection, `alpha` shared.
    """
    lengths = [len(points) for points in landmarks]
    owner = torch.repeat_interleave(torch.arange(len(lengths)), torch.tensor(lengths))
    seen = torch.from_numpy(np.concatenate(landmarks).astype(np.float32))
    alpha = torch.from_numpy(np.stack([s.alpha for s in start]).astype(np.float32)).requires_grad_()
    beta = torch.from_numpy(np.concatenate([s.beta for s in start]).astype(np.float32)).requires_grad_()
    pose = torch.from_numpy(np.concatenate([s.pose for s in start]).astype(np.float32)).requires_grad_()
    none = torch.zeros(len(lengths), 1)
    emphasis = basis.weights(weights)
    optimiser = torch.optim.Adam([{"params": [alpha, beta]}, {"params": [pose], "lr": rate / 5}], rate)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
    for _ in range(steps):
        optimiser.zero_grad(set_to_none=True)
        found = basis.landmarks(alpha[owner], beta, pose)
        loss = weights.landmarks * landmark_loss(seen, found, emphasis, squared=weights.squared)
        prior = coefficient_loss(
            alpha[owner],
            beta / basis.model.expression_spread,
            none,
            identity=weights.identity,
            expression=weights.expression,
            texture=0.0,
        )
        (loss + weights.coefficients * prior).backward()
        optimiser.step()
        schedule.step()
    ends = np.cumsum(lengths)
    return [
        Explained(
            alpha=alpha[k].detach().numpy().copy(),
            beta=beta[end - num : end].detach().numpy().copy(),
            pose=pose[end - num : end].detach().numpy().copy(),
        )
        for k, (end, num) in enumerate(zip(ends, lengths, strict=True))
    ]


@torch.no_grad()
def lip_distances(
    basis: FaceTensors, landmarks: NDArray[np.floating], explained: Explained, *, motion: bool = False
) -> NDArray[np.float64]:
    """(M,) mean distance of the lip landmarks from the tracked ones, pixels of the 224-pixel crop, all weights 1.

    Args:
        basis: Of the face model.
        landmarks: (M, 468, 2) tracked.
        explained: What explains them.
        motion: First take out each landmark's mean difference over the collection: what is left is motion, and an
            identity that only places the lips elsewhere costs nothing.

    Source:
        DSP, Table I ("lip landmark distance"); weights of 1 are our reading of the printed magnitudes.
    """
    beta = torch.from_numpy(np.asarray(explained.beta, np.float32))
    alpha = torch.from_numpy(np.asarray(explained.alpha, np.float32)).expand(len(beta), -1)
    found: Tensor = basis.landmarks(alpha, beta, torch.from_numpy(np.asarray(explained.pose, np.float32)))
    lips = basis.face_lips
    apart = (found[:, lips] - torch.from_numpy(np.asarray(landmarks, np.float32))[:, lips]).double()
    if motion:
        apart = apart - apart.mean(0)
    return torch.linalg.vector_norm(apart, dim=-1).mean(1).numpy()
