"""Table I without networks: `landmark-fit` on all frames of a collection, frame by frame, and with shared identity."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from viseme.face3d.interface import load_face_model
from viseme.faces.schemes import CHEEKS
from viseme.reproduce.table1.answers import FoldAnswer
from viseme.reproduce.table1.folds import Study
from viseme.reproduce.table1.landmark_bound import Explained, lip_distances
from viseme.reproduce.table1.rows import FIT_PARTS, PARTS
from viseme.standardization.corpus import Collection
from viseme.standardization.estimators.landmark_fit import LandmarkFit
from viseme.standardization.interface import in_standard_crops
from viseme.standardization.training.face_tensors import FaceTensors

__all__ = ["face_widths", "fit_frames", "fit_with_other_half", "measure_fits"]


def fit_frames(landmarks: NDArray[np.float32]) -> Explained:
    """Coefficients that `landmark-fit` finds for (M, 468, 2) landmarks of one person, identity shared."""
    parts = list(LandmarkFit(LandmarkFit.Config()).estimate([in_standard_crops(landmarks)]))
    alpha = parts[-1].alpha
    assert alpha is not None
    return Explained(
        alpha=alpha if alpha.ndim == 1 else alpha.mean(0),
        beta=np.concatenate([p.beta for p in parts]),
        pose=np.concatenate([p.pose for p in parts]),
    )


def _fit_each_frame(landmarks: NDArray[np.float32]) -> Explained:
    """Each frame by itself: an identity of its own."""
    found = [fit_frames(landmarks[i : i + 1]) for i in range(len(landmarks))]
    return Explained(
        alpha=np.stack([f.alpha for f in found]),
        beta=np.concatenate([f.beta for f in found]),
        pose=np.concatenate([f.pose for f in found]),
    )


def fit_with_other_half(landmarks: NDArray[np.float32]) -> NDArray[np.float32]:
    """(M, E) expression of each frame with the identity of the clip's other half, every second frame."""
    beta = fit_frames(landmarks).beta.copy()
    for first in (0, 1) if len(landmarks) > 1 else ():
        own, other = landmarks[first::2], landmarks[1 - first :: 2]
        other = np.repeat(other, 2, axis=0) if len(other) == 1 else other  # the estimator needs two frames
        config = LandmarkFit.Config(freeze_after_s=(len(other) - 1.5) / 25)
        *_, found = LandmarkFit(config).estimate([in_standard_crops(other), in_standard_crops(own, len(other) / 25)])
        beta[first::2] = found.beta
    return beta


def measure_fits(study: Study, fold: int, path: Path) -> None:
    """Measure one fold without networks, and write a `FoldAnswer` to `path`."""
    torch.set_num_threads(1)
    held = study.split(fold)[2]
    basis = FaceTensors(load_face_model())
    parts: dict[str, dict[str, list[float]]] = {part: defaultdict(list) for part in FIT_PARTS}
    for collection in held:
        points = collection.landmarks
        whole, alone = fit_frames(points), _fit_each_frame(points)
        averaged = replace(alone, alpha=alone.alpha.mean(0))
        for name, explained in {
            "GT": whole,
            "at rest": replace(whole, beta=np.zeros_like(whole.beta)),
            "per-image: β alone": replace(whole, beta=alone.beta),
            "per-image: α and β": replace(alone, pose=whole.pose),
            "per-image: all its own": alone,
            "shared: β alone": replace(whole, beta=fit_with_other_half(points)),
        }.items():
            parts["fit"][name].append(lip_distances(basis, points, explained).mean())
        for name, explained in {"per-image": alone, "per-image, aggregated": averaged, "all frames": whole}.items():
            parts["fit_e2"][name].append(lip_distances(basis, points, explained).mean())
    found: dict[str, Any] = {part: {k: np.array(v) for k, v in rows.items()} for part, rows in parts.items()}
    none: dict[str, Any] = {part: {} for part in PARTS}
    names = tuple(c.name for c in held)
    FoldAnswer(fold=fold, seed=0, names=names, face_px=face_widths(held), **none, **found).save(path)


def face_widths(held: Sequence[Collection]) -> NDArray[np.float64]:
    """(K,) mean face width of each collection, pixels of the crop."""
    return np.array(
        [np.linalg.norm(c.landmarks[:, CHEEKS[0]] - c.landmarks[:, CHEEKS[1]], axis=-1).mean() for c in held],
        np.float64,
    )
