"""Complete configurations of training runs. A variant is `dataclasses.replace` of one of these."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import NamedTuple

from viseme.engine.loop import LoopConfig
from viseme.sync.augment.config import AugmentConfig
from viseme.sync.models.two_stream import TwoStream

__all__ = ["RECIPES", "SyncRecipe", "open_recipe", "quick_recipe", "research_recipe", "shipped_recipe"]


class Crops(NamedTuple):
    """Cuts of clips, and how many make a batch."""

    least: int
    """Fewest video steps, 40 ms each."""
    most: int
    """Most video steps."""
    batch: int
    """Clips of one update."""


@dataclass(frozen=True, kw_only=True)
class SyncRecipe:
    """Everything that decides what `viseme train sync` makes."""

    uses: tuple[str, ...] = ("train",)
    """Which clips of the manifest."""
    num_synthetic: int = 3000
    """Synthetic talkers with the voices of speech engines, landmarks only."""
    num_recorded: int = 3000
    """Synthetic talkers with the voices of recorded people, landmarks only."""
    real_share: float = 0.4
    """Fraction of every batch that is real clips."""
    balanced: bool = True
    """Draw a speaker as often as the square root of the number of his clips, not as often as his clips."""
    paired: bool = True
    """Draw real clips in pairs of one person."""
    held_out: int = 40
    """At least so many real clips, recorded talkers and synthetic ones are kept for calibration, of people who are then
    not in training."""
    held_out_voices: int = 12
    """At least so many recorded people are kept for calibration."""
    num_models: int = 2
    """Networks that answer together."""
    crops: tuple[Crops, ...] = (Crops(26, 40, 32), Crops(40, 75, 20))
    """What the first network sees of a clip, the second, and so on in turn: short crops teach to tell neighbouring
    delays apart, long ones to tell the own audio from that of others."""
    num_mismatched: int = 6
    """How many other clips' audio count as wrong answers too."""
    stretch_weight: float = 1.0
    """Weight of the stretch loss beside multi-way matching."""
    phones: LoopConfig | None = field(default_factory=lambda: LoopConfig(steps=1500, average=0.99))
    """The schedule by which the audio stream first learns to tell phones of recorded people; None = it does not."""
    model: TwoStream.Config = field(default_factory=lambda: TwoStream.Config(dropout=0.2))
    """The network."""
    augment: AugmentConfig = field(default_factory=AugmentConfig)
    """What crops go through."""
    loop: LoopConfig = field(default_factory=lambda: LoopConfig(steps=2400, average=0.995))
    """The schedule."""
    num_trials: int = 2400
    """Cuts on which the calibration is fitted."""


def open_recipe() -> SyncRecipe:
    """For what ships: clips that may be used for it, and our own synthetic talkers."""
    return SyncRecipe()


def shipped_recipe() -> SyncRecipe:
    """Settings that `sync-mesh` was made with. It learnt from the clips that were marked `train` then: one speaker of
    GRID."""
    return replace(
        open_recipe(),
        num_synthetic=4000,
        num_recorded=0,
        real_share=0.35,
        balanced=False,
        paired=False,
        crops=(Crops(26, 40, 32),),
        phones=None,
        num_mismatched=3,
        loop=LoopConfig(steps=2200, average=0.995),
    )


def research_recipe() -> SyncRecipe:
    """For comparison only: the research clips as well."""
    return SyncRecipe(uses=("train", "train-research"))


def quick_recipe() -> SyncRecipe:
    """Minutes instead of tens of minutes: to see that everything runs."""
    return SyncRecipe(
        num_synthetic=60,
        num_recorded=20,
        held_out=8,
        num_models=1,
        crops=(Crops(26, 40, 8),),
        phones=LoopConfig(steps=1),
        loop=LoopConfig(steps=20, save_every=10),
        num_trials=60,
    )


RECIPES = {"open": open_recipe, "shipped": shipped_recipe, "research": research_recipe, "quick": quick_recipe}
"""Name -> recipe."""
