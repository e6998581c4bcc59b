"""One fold of Table I with networks: train both variants without it, explain it, keep the distances."""

from __future__ import annotations

import copy
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from viseme.engine.loop import fit
from viseme.reproduce.table1.answers import FoldAnswer
from viseme.reproduce.table1.folds import Study
from viseme.reproduce.table1.landmark_bound import Explained, lip_distances, overfit
from viseme.reproduce.table1.landmark_fits import face_widths, fit_frames
from viseme.reproduce.table1.recipe import table_recipe
from viseme.reproduce.table1.rows import PARTS
from viseme.standardization.corpus import Collection
from viseme.standardization.networks.expression import ExpressionNetwork
from viseme.standardization.training.augment import FrameAugment
from viseme.standardization.training.face_tensors import FaceTensors
from viseme.standardization.training.objective import training_loss
from viseme.standardization.training.recipes import NetworkRecipe
from viseme.standardization.training.train import train_on
from viseme.standardization.training.trainee import Trainee
from viseme.standardization.training.training_data import TrainingData

__all__ = ["explain_fold", "measure_fold"]


def measure_fold(study: Study, fold: int, seed: int, work: Path, path: Path) -> None:
    """Train both variants without a fold, explain the fold, write a `FoldAnswer` to `path`."""
    torch.set_num_threads(1)
    real, synthetic, held = study.split(fold)
    recipe = table_recipe(
        study.steps, real_share=study.real_share if real and synthetic else float(bool(real)), seed=seed
    )
    folder = work / f"{study.key()}-{fold}-{seed}"
    networks = {}
    for variant in ("enet", "per-image"):
        networks[variant], basis = train_on(
            real, synthetic, recipe, variant=variant, work=folder, name=variant, start=study.start
        )
    answer = explain_fold(
        basis, networks["enet"], networks["per-image"], _trained_identities(folder), held, recipe, seed
    )
    FoldAnswer(fold=fold, seed=seed, names=tuple(c.name for c in held), **answer).save(path)


def _trained_identities(folder: Path) -> NDArray[np.float32]:
    """(K, A) the identities of the collections trained on; they are in E-Net's checkpoint and nowhere else."""
    (checkpoint,) = folder.glob("enet-*.pt")
    return torch.load(checkpoint, weights_only=True, map_location="cpu")["mean"]["identity.weight"].numpy()


@torch.inference_mode()
def _explain(network: ExpressionNetwork, collection: Collection) -> tuple[Explained, NDArray[np.float32] | None]:
    """Expression and pose of each frame, and (M, A) identities where the network tells them; `alpha` is left empty."""
    images = torch.from_numpy(np.stack([collection.image(i) for i in range(len(collection))]))
    found = network(images.permute(0, 3, 1, 2).float() / 255).without_bias()
    alpha = None if found.alpha is None else found.alpha.numpy().copy()
    none = np.zeros(0, np.float32)
    return Explained(alpha=none, beta=found.beta.numpy().copy(), pose=found.pose.numpy().copy()), alpha


def overfit_network(
    basis: FaceTensors, enet: ExpressionNetwork, held: Sequence[Collection], recipe: NetworkRecipe
) -> list[Explained]:
    """The papers' ground truth: a copy of the network goes on training, on the held-out fold alone and with fresh
    identities, half as many steps as it was trained, without augmentation."""
    held = [replace(c, alpha=None, beta=None, delta=None) for c in held]
    steps = max(1, recipe.loop.steps // 2)
    still = FrameAugment(turn_deg=0, scale=0, shift_px=0, blur=0, jpeg=0, colour=0)
    loop = replace(recipe.loop, steps=steps, learning_rate=recipe.loop.learning_rate / 2)
    recipe = replace(recipe, real_share=1.0, augment=still, loop=loop)
    torch.manual_seed(recipe.loop.seed)
    trainee = Trainee(copy.deepcopy(enet), basis, len(held), bfloat16=recipe.bfloat16)
    data = TrainingData(held, [], {c.name: k for k, c in enumerate(held)})
    loss = partial(training_loss, data=data, recipe=recipe)
    fit(trainee, loss, loop, optimisers=lambda module: trainee.optimisers(recipe))  # type: ignore[arg-type]
    columns = trainee.identity.weight.detach().numpy()
    return [replace(_explain(trainee.network, c)[0], alpha=columns[k].copy()) for k, c in enumerate(held)]


def explain_fold(
    basis: FaceTensors,
    enet: ExpressionNetwork,
    per_image: ExpressionNetwork,
    identities: NDArray[np.float32],
    held: Sequence[Collection],
    recipe: NetworkRecipe,
    seed: int,
) -> dict[str, Any]:
    """Distances of every row for every held-out collection.

    Args:
        basis: Of the face model.
        enet: Trained with one identity a collection.
        per_image: Trained to tell the identity of each frame.
        identities: (K, A) of the collections that E-Net was trained on.
        held: Collections that neither has seen.
        recipe: Of both networks.
        seed: Of the two random persons of E2.

    Returns:
        The fields of `FoldAnswer` but fold, seed and names.
    """
    enet.eval()
    per_image.eval()
    ours = [_explain(enet, c)[0] for c in held]
    truth = overfit_network(basis, enet, held, recipe)
    freed = overfit(basis, [c.landmarks for c in held], truth, recipe.weights)
    others = identities[np.random.default_rng(seed).choice(len(identities), 2, replace=False)]
    parts: dict[str, dict[str, list[float]]] = {part: defaultdict(list) for part in PARTS}
    for collection, gt, floor, own in zip(held, truth, freed, ours, strict=True):
        alone, alphas = _explain(per_image, collection)
        assert alphas is not None
        alone = replace(alone, alpha=alphas)
        points, fitted = collection.landmarks, fit_frames(collection.landmarks)
        for part, base in (("e1", gt), ("freed", floor)):
            for name, explained in _e1_rows(base, alone, own, fitted).items():
                parts[part][name].append(lip_distances(basis, points, explained).mean())
        for name, explained in _e2_rows(alone, own, fitted, others).items():
            parts["e2"][name].append(lip_distances(basis, points, explained).mean())
            parts["motion"][name].append(lip_distances(basis, points, explained, motion=True).mean())
    return {
        "face_px": face_widths(held),
        **{key: {k: np.array(v) for k, v in part.items()} for key, part in parts.items()},
    }


def _e1_rows(base: Explained, alone: Explained, own: Explained, fitted: Explained) -> dict[str, Explained]:
    """What explains a collection in each row of E1: the ground truth's coefficients, some of them exchanged."""
    return {
        "GT": base,
        "at rest": replace(base, beta=np.zeros_like(base.beta)),
        "per-image: β alone": replace(base, beta=alone.beta),
        "per-image: α and β": replace(base, alpha=alone.alpha, beta=alone.beta),
        "per-image: all its own": alone,
        "E-Net: β alone": replace(base, beta=own.beta),
        "landmark-fit: β alone": replace(base, beta=fitted.beta),
        "landmark-fit: all its own": fitted,
    }


def _e2_rows(alone: Explained, own: Explained, fitted: Explained, others: NDArray[np.float32]) -> dict[str, Explained]:
    """What explains a collection in each row of E2: every method's own expression and pose, identities exchanged."""
    mean_person = np.zeros_like(fitted.alpha)
    return {
        "per-image": alone,
        "per-image, aggregated": replace(alone, alpha=alone.alpha.mean(0)),
        "E-Net, mean person": replace(own, alpha=mean_person),
        "E-Net, random person 1": replace(own, alpha=others[0]),
        "E-Net, random person 2": replace(own, alpha=others[1]),
        "landmark-fit": fitted,
        "landmark-fit, mean person": replace(fitted, alpha=mean_person),
    }
