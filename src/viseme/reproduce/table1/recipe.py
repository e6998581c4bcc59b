"""The recipe of both variants of Table I: small networks that differ in nothing but whose identity they see."""

from __future__ import annotations

from viseme.engine.loop import LoopConfig
from viseme.standardization.networks.expression import ExpressionNetwork
from viseme.standardization.networks.resnet import ResNet
from viseme.standardization.training.losses import LossWeights
from viseme.standardization.training.recipes import NetworkRecipe

__all__ = ["table_recipe"]


def table_recipe(steps: int, *, real_share: float = 0.5, seed: int = 0) -> NetworkRecipe:
    """A small network, no known expression, no warm start of the identities, one identity a collection.

    Args:
        steps: Updates.
        real_share: Fraction of every batch that is real collections.
        seed: Of everything random.
    """
    return NetworkRecipe(
        shared_by="collection",
        warm_start=False,
        real_share=real_share,
        collections=8,
        images=2,
        drawn=4,
        render_size=56,
        network=ExpressionNetwork.Config(
            backbone=ResNet.Config(block="basic", depths=(1, 1, 1, 1), width=32, stem=11, stem_stride=4)
        ),
        weights=LossWeights(photometric=0.5, landmarks=0.05, contour=0.5),
        bfloat16=True,
        loop=LoopConfig(
            steps=steps,
            learning_rate=2e-3,
            warmup=0.05,
            weight_decay=0.02,
            average=min(0.995, max(0.0, 1 - 20 / steps)),
            save_every=200,
            seed=seed,
        ),
        shared_rate=2e-2,
        sheet_every=10**9,
    )
