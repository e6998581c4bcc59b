"""Complete configurations of training runs. A variant is `dataclasses.replace` of one of these."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Literal

from viseme.core.errors import ConfigError
from viseme.engine.loop import LoopConfig
from viseme.standardization.networks.expression import ExpressionNetwork, full_config, small_config
from viseme.standardization.networks.resnet import ResNet
from viseme.standardization.training.augment import FrameAugment
from viseme.standardization.training.losses import LossWeights, dsp_weights, lmid_weights

__all__ = ["RECIPES", "NetworkRecipe", "dsp_recipe", "lmid_recipe", "quick_recipe", "small_recipe"]


@dataclass(frozen=True, kw_only=True)
class NetworkRecipe:
    """Everything that decides what `viseme train enet` makes."""

    uses: tuple[str, ...] = ("train",)
    """Which clips of the manifest."""
    num_real: int | None = None
    """Clips at most; None = all."""
    num_synthetic: int = 500
    """Synthetic people."""
    frames: int = 24
    """Frames of a synthetic person, and of a clip."""
    collection: Literal["utterance", "merged"] = "utterance"
    """A collection is one clip (DSP), or the varied frames of several clips of one person (LMID)."""
    shared_by: Literal["collection", "subject"] = "collection"
    """Who shares a column of the identity and texture matrices: the papers' collections, or all clips of a subject."""
    warm_start: bool = False
    """Columns start from the truth of synthetic people and from a landmark fit of real ones, not from N(0, .01)."""
    held_out: int = 24
    """Synthetic people kept for measuring; no video of theirs is trained on."""
    real_share: float = 0.5
    """Fraction of the collections of a batch that are real clips."""
    collections: int = 2
    """Collections of a batch."""
    images: int = 8
    """Frames of each."""
    drawn: int | None = None
    """Frames of a batch that the photometric and albedo terms see; None = all."""
    render_size: int = 224
    """Side of the frames drawn for the photometric term, pixels; divides 224."""
    network: ExpressionNetwork.Config = field(default_factory=full_config)
    """The network; heads follow the face model."""
    unit_variance: bool = True
    """The network's expression outputs count in `FaceModel.expression_spread`, as the papers' have unit variance; else
    they are the coefficients."""
    weights: LossWeights = field(default_factory=dsp_weights)
    """Of the loss terms."""
    augment: FrameAugment = field(default_factory=FrameAugment)
    """What frames go through."""
    bfloat16: bool = False
    """Run the network in bfloat16 while training, on GPUs and processors that have it (twice as fast there, a sixth as
    fast elsewhere); losses stay in float32."""
    loop: LoopConfig = field(default_factory=LoopConfig)
    """The schedule."""
    shared_rate: float = 1e-4
    """Learning rate of the matrices (sparse Adam)."""
    sheet_every: int = 500
    """Steps between sheets of sample renderings."""

    def __post_init__(self) -> None:
        if min(self.collections, self.images, self.num_synthetic, self.held_out + 1, self.frames) < 1:
            raise ConfigError(f"impossible recipe: {self}")
        if not 0 <= self.real_share <= 1 or 224 % self.render_size or self.shared_rate <= 0:
            raise ConfigError(f"impossible recipe: {self}")


def dsp_recipe() -> NetworkRecipe:
    """DSP: ResNet-50, utterances, batch 2 x 8, Adam at a constant 1e-4; 20 epochs of 960 collections of 50 frames.

    Other than in the paper, half of a batch are synthetic people (one collection of two) and the network's gradients
    are clipped at norm 1. Real clips alone: `train.train_on(real, [], dsp_recipe(), work=...)`.
    """
    loop = LoopConfig(steps=60_000, learning_rate=1e-4, weight_decay=0.0, schedule="constant", save_every=500)
    return NetworkRecipe(frames=50, loop=loop)


def lmid_recipe() -> NetworkRecipe:
    """LMID: ResNet-50, ten clips of a person merged to 50 varied frames, LMID's weights; 10 epochs of 546.

    Other than in the paper, half of a batch are synthetic people, the network's gradients are clipped at norm 1 and
    the recognition term is left out. Real clips alone: as for `dsp_recipe`.
    """
    loop = LoopConfig(steps=9_300, learning_rate=1e-4, weight_decay=0.0, schedule="constant", save_every=500)
    return NetworkRecipe(frames=25, collection="merged", weights=lmid_weights(), loop=loop)


def small_recipe() -> NetworkRecipe:
    """What ships: a small network for two cores.

    It learns from landmarks before pixels, from the known expression of synthetic people, and, from four frames of each
    person, which part of an expression comes from the shape of the face.
    """
    return NetworkRecipe(
        num_synthetic=1600,
        frames=16,
        shared_by="subject",
        warm_start=True,
        real_share=0.5,
        collections=4,
        images=4,
        drawn=6,
        render_size=112,
        network=replace(small_config(), person_bias=True),
        unit_variance=False,
        # expression: 2.0 * .12**2, a prior of 2.0 on coefficients that are not divided by `expression_spread`
        weights=LossWeights(photometric=0.5, landmarks=0.05, contour=0.5, known=0.3, expression=0.0288),
        bfloat16=True,
        loop=LoopConfig(
            steps=8_000, learning_rate=1.5e-3, warmup=0.05, weight_decay=0.02, average=0.998, save_every=200
        ),
        shared_rate=5e-3,
    )


def quick_recipe() -> NetworkRecipe:
    """A minute: to see that everything runs."""
    return NetworkRecipe(
        num_real=2,
        num_synthetic=4,
        frames=4,
        held_out=1,
        collections=2,
        images=2,
        drawn=1,
        render_size=56,
        network=ExpressionNetwork.Config(backbone=ResNet.Config(block="basic", depths=(1, 1, 1, 1), width=8), size=56),
        loop=LoopConfig(steps=8, learning_rate=1e-3, save_every=4),
        sheet_every=4,
    )


RECIPES = {"dsp": dsp_recipe, "lmid": lmid_recipe, "small": small_recipe, "quick": quick_recipe}
"""Name -> recipe."""
