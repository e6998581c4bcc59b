"""What a step of training minimises: the weighted sum of `losses` on one batch. Knows torch and the renderer."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from viseme.faces.crops import CROP_SIZE
from viseme.standardization.networks.expression import Prediction
from viseme.standardization.training.face_tensors import PIXELS_PER_DM, FaceTensors
from viseme.standardization.training.losses import (
    albedo_uniformity_loss,
    coefficient_loss,
    known_expression_loss,
    landmark_loss,
    light_loss,
    photometric_loss,
    skin_probability,
)
from viseme.standardization.training.recipes import NetworkRecipe
from viseme.standardization.training.trainee import Trainee
from viseme.standardization.training.training_data import Batch, TrainingData, draw_batch

__all__ = ["training_loss"]


def training_loss(
    trainee: Trainee, rng: np.random.Generator, *, data: TrainingData, recipe: NetworkRecipe
) -> tuple[Tensor, dict[str, float]]:
    """Equation 8 of DSP, 10 of LMID: the weighted sum of all terms on one batch.

    Args:
        trainee: What is trained.
        rng: Draws the batch.
        data: What it is drawn from.
        recipe: Weights of the terms, sizes of the batch.

    Returns:
        The loss, and numbers to show: `landmarks_px`, `lips_px` and, where they count, `known_px` and `photometric`.
    """
    basis, weights = trainee.basis, recipe.weights
    device = basis.face_mean.device
    batch = draw_batch(data, recipe, trainee.network.config.num_expression, rng)
    batch = Batch(**{k: getattr(batch, k).to(device) for k in Batch.__dataclass_fields__})
    found = trainee.explain(batch.images, batch.columns)
    alpha, delta = found.alpha, found.delta
    assert alpha is not None
    assert delta is not None
    emphasis = basis.weights(weights)
    landmarks = basis.landmarks(alpha, found.beta, found.pose)
    total = weights.landmarks * landmark_loss(batch.points, landmarks, emphasis, squared=weights.squared)
    total = total + weights.coefficients * coefficient_loss(
        alpha,
        found.beta / basis.model.expression_spread,
        delta,
        identity=weights.identity,
        expression=weights.expression,
        texture=weights.texture,
    )
    with torch.no_grad():
        apart = torch.linalg.vector_norm(batch.points - landmarks, dim=-1)
        shown = {"landmarks_px": float(apart.mean()), "lips_px": float(apart[:, basis.face_lips].mean())}
    if weights.known and bool(batch.known.any()):
        known = known_expression_loss(
            found.beta[batch.known],
            batch.beta[batch.known],
            PIXELS_PER_DM * basis.face_landmark_expression,
            emphasis,
        )
        total = total + weights.known * known
        shown["known_px"] = float(known.detach())
    if weights.light:
        total = total + weights.light * light_loss(found.gamma)
    if weights.photometric:
        photometric = _photometric(basis, batch, found, recipe, rng)
        total = total + weights.photometric * photometric
        shown["photometric"] = float(photometric.detach())
    if weights.uniformity:
        total = total + weights.uniformity * albedo_uniformity_loss(basis.albedo(delta)[:, basis.face_skin])
    return total, shown


def _photometric(
    basis: FaceTensors, batch: Batch, found: Prediction, recipe: NetworkRecipe, rng: np.random.Generator
) -> Tensor:
    """The photometric term on `recipe.drawn` frames of the batch."""
    assert found.alpha is not None
    assert found.delta is not None
    count = len(batch.images) if recipe.drawn is None else min(recipe.drawn, len(batch.images))
    some = torch.from_numpy(np.sort(rng.choice(len(batch.images), count, replace=False))).to(batch.images.device)
    drawn, mask = basis.frames(
        found.alpha[some],
        found.beta[some],
        found.delta[some],
        found.gamma[some],
        found.pose[some],
        size=recipe.render_size,
    )
    seen = nn.functional.avg_pool2d(batch.images[some], CROP_SIZE // recipe.render_size).permute(0, 2, 3, 1)
    return photometric_loss(seen, drawn, skin_probability(seen, mask.to(seen.dtype)))
