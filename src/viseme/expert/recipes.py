"""Complete configurations of training runs. A variant is `dataclasses.replace` of one of these."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Literal

from viseme.engine.loop import LoopConfig
from viseme.expert.batches import MaskConfig
from viseme.expert.phones import PHONES
from viseme.expert.seen import NUM_POINTS, Sees
from viseme.expert.sizes import SIZES, ExpertConfig

__all__ = ["RECIPES", "ExpertRecipe", "Iteration", "open_recipe", "quick_recipe", "sized"]


@dataclass(frozen=True, kw_only=True)
class Iteration:
    """One round of clustering and masked prediction."""

    clusters: int
    """K."""
    features: Literal["cepstra", "whisper", "layer"] = "layer"
    """What is clustered: cepstra, Whisper's states, or what a layer of the iteration before gives."""
    layer: int = 0
    """Which layer, from 1."""
    layers: int = 0
    """Transformer layers of the network, at least those of the round before, which it then grows on; 0 = all."""
    mask: MaskConfig = field(default_factory=MaskConfig)
    """What is hidden."""
    share: float = 1.0
    """Of the recipe's updates."""


@dataclass(frozen=True, kw_only=True)
class ExpertRecipe:
    """Everything that decides what `viseme train expert` makes."""

    uses: tuple[str, ...] = ("train",)
    """Which clips of the manifest; those whose delay it does not know are left out."""
    num_recorded: int = 1500
    """Synthetic talkers with the voices of recorded people."""
    real_share: float = 0.5
    """Fraction of the clips drawn that are real."""
    size: ExpertConfig = field(
        default_factory=lambda: replace(
            SIZES["tiny"], input="landmarks", num_points=NUM_POINTS["landmarks"], phones=len(PHONES)
        )
    )
    """The network; its classes are each iteration's."""
    iterations: tuple[Iteration, ...] = (
        Iteration(clusters=100, features="cepstra", layers=2, share=1.0),
        Iteration(clusters=200, layer=2, layers=4, share=0.8),
        Iteration(clusters=500, layer=4, share=1.2),
    )
    """One after the other."""
    fit_share: float = 0.1
    """Share of the frames on which clusters are fitted."""
    batch: int = 16
    """Clips of one update."""
    longest: int = 64
    """Frames of a crop at most."""
    penalty: float = 10.0
    """Weight of the mean square of the projected features."""
    front_end_gradient: float = 1.0
    """Factor on the gradient that reaches the front ends."""
    phone_weight: float = 1.0
    """Weight of the cross-entropy of phones, where they are known."""
    masked_share: float = 0.33
    """Of a batch: clips whose hidden frames are to be told; of all, lips alone and audio alone are to agree."""
    agreement_weight: float = 1.0
    """Weight of the agreement of lips alone and audio alone."""
    ctc_weight: float = 0.0
    """Weight of CTC on the phones of lips alone, for reading by `best_phones`."""
    loop: LoopConfig = field(
        default_factory=lambda: LoopConfig(
            steps=1000, learning_rate=1e-3, warmup=0.08, weight_decay=0.01, average=0.995
        )
    )
    """The schedule of a whole iteration."""


def open_recipe() -> ExpertRecipe:
    """For what may ship: clips that may be used for it, and our own synthetic talkers."""
    return ExpertRecipe()


def sized(recipe: ExpertRecipe, sees: Sees, size: str | None) -> ExpertRecipe:
    """A recipe for another input or size: experts of pixels learn from filmed clips alone, published sizes do not grow.

    Args:
        recipe: For points.
        sees: What the video stream sees.
        size: Name of a size; None = the recipe's.
    """
    chosen = recipe.size if size is None else SIZES[size]
    chosen = replace(chosen, input=sees, num_points=NUM_POINTS[sees], phones=len(PHONES))
    made = replace(recipe, size=chosen, num_recorded=0 if sees == "pixel" else recipe.num_recorded)
    if size in (None, "tiny"):
        return made
    return replace(made, iterations=tuple(replace(each, layers=0) for each in recipe.iterations))


def quick_recipe() -> ExpertRecipe:
    """Minutes instead of hours: to see that everything runs."""
    return replace(
        open_recipe(),
        num_recorded=24,
        size=replace(open_recipe().size, layers=2, width=64, hidden=128, decoder_layers=1, projection=32),
        iterations=(Iteration(clusters=16, features="cepstra"), Iteration(clusters=24, layer=2)),
        batch=6,
        longest=50,
        fit_share=0.5,
        loop=LoopConfig(steps=20, learning_rate=1e-3, save_every=10),
    )


RECIPES = {"open": open_recipe, "quick": quick_recipe}
"""Name -> recipe."""
