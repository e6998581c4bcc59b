"""How well a trained network recovers the expression of people whose expression is known."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from viseme.faces.schemes import LIP_MIDDLE
from viseme.standardization.corpus import Collection
from viseme.standardization.networks.expression import ExpressionNetwork
from viseme.standardization.training.face_tensors import PIXELS_PER_DM, FaceTensors

__all__ = ["measure"]


@torch.no_grad()
def measure(network: ExpressionNetwork, basis: FaceTensors, collections: Sequence[Collection]) -> dict[str, float]:
    """How well the expression of synthetic people is recovered.

    Returns:
        `lips_px`: mean distance of the 40 lip landmarks of the predicted expression from the true one's, on the mean
        head, pixels of the 224-pixel crop; `lips_still_px`: the same for a network that always says "at rest";
        `aperture_correlation` of the inner lips' gap over all frames; `num_frames`. NaN without frames.
    """
    network.eval()
    expression = basis.face_landmark_expression.cpu()
    lips = basis.face_lips.cpu()
    top, bottom = LIP_MIDDLE.tolist()
    wrong, still, gaps = [], [], []
    for collection in collections:
        if collection.beta is None:
            continue
        images = torch.from_numpy(np.stack([collection.image(i) for i in range(len(collection))]))
        beta = network(images.permute(0, 3, 1, 2).float() / 255).without_bias().beta
        truth = torch.from_numpy(collection.beta)
        moved, true = (torch.einsum("kce,be->bkc", expression, b) for b in (beta, truth))
        wrong.append(PIXELS_PER_DM * torch.linalg.vector_norm((moved - true)[:, lips], dim=-1).mean(1))
        still.append(PIXELS_PER_DM * torch.linalg.vector_norm(true[:, lips], dim=-1).mean(1))
        gaps.append(torch.stack([m[:, top, 1] - m[:, bottom, 1] for m in (moved, true)]))
    if not wrong:
        return {"lips_px": float("nan"), "lips_still_px": float("nan"), "aperture_correlation": float("nan")}
    correlation = torch.corrcoef(torch.cat(gaps, 1))[0, 1]
    return {
        "lips_px": float(torch.cat(wrong).mean()),
        "lips_still_px": float(torch.cat(still).mean()),
        "aperture_correlation": float(correlation),
        "num_frames": float(sum(len(w) for w in wrong)),
    }
