"""Complete configurations of training runs of a talker. A variant is `dataclasses.replace` of one of these."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from viseme.engine.loop import LoopConfig
from viseme.expert.sizes import SIZES as EXPERT_SIZES
from viseme.expert.sizes import ExpertConfig
from viseme.talker.networks import SIZES, TalkerConfig

__all__ = ["RECIPES", "ExpertsRecipe", "TalkerRecipe"]

SMALL_EXPERT = ExpertConfig(
    layers=3, width=128, hidden=384, heads=4, video_width=8, classes=8, projection=16, decoder_layers=1, units=8
)
"""A speech expert that sees pixels and is trained in minutes on a CPU."""


@dataclass(frozen=True, kw_only=True)
class ExpertsRecipe:
    """How the experts are trained that judge generated lips."""

    lip_width: int = 32
    """Channels of the first layer of the lip expert's face encoder."""
    lip_batch: int = 64
    """Windows of one update of it."""
    lip_loop: LoopConfig = field(
        default_factory=lambda: LoopConfig(
            steps=100_000, learning_rate=1e-4, weight_decay=0.0, clip=10.0, save_every=1000, schedule="constant"
        )
    )
    """Its schedule."""
    speech_size: ExpertConfig = field(default_factory=lambda: replace(EXPERT_SIZES["tiny"], classes=8, projection=16))
    """The speech expert."""
    speech_batch: int = 16
    """Crops of one update of it."""
    speech_frames: int = 64
    """Frames of a crop, at most."""
    speech_loop: LoopConfig = field(
        default_factory=lambda: LoopConfig(steps=30_000, learning_rate=5e-4, weight_decay=0.01, save_every=500)
    )
    """Its schedule."""


@dataclass(frozen=True, kw_only=True)
class TalkerRecipe:
    """Everything that decides what `viseme train talker` makes, but for the sync loss."""

    uses: tuple[str, ...] = ("train",)
    """Which clips of the manifest; those whose delay it does not know are left out."""
    size: TalkerConfig = field(default_factory=lambda: SIZES["paper"])
    """The generator."""
    disc_width: int = 32
    """Channels of the first layer of the discriminator."""
    batch: int = 16
    """Windows of five frames of one update."""
    other_share: float = 0.1
    """How often the identity reference is of another clip of the person."""
    validate_every: int = 2000
    """Updates between two looks at held-out clips, and between sample frames."""
    patience: int = 4
    """Looks without a better one after which the reconstruction has levelled off and the sync loss begins."""
    least_gain: float = 0.005
    """Share by which a look must be better to count."""
    most_alone: int = 150_000
    """Updates after which the sync loss begins at the latest."""
    sync_steps: int = 100_000
    """Updates with the sync loss."""
    learning_rate: float = 1e-4
    """Of Adam, both networks."""
    experts: ExpertsRecipe = field(default_factory=ExpertsRecipe)
    """How experts are trained that are not given."""
    seed: int = 0
    """Of everything random."""


def paper_recipe() -> TalkerRecipe:
    """Yaman et al. 2024 at its size, for a GPU; numbers of updates are ours, as the paper gives none."""
    return TalkerRecipe()


def large_recipe() -> TalkerRecipe:
    """The same with faces of 192 pixels."""
    return replace(paper_recipe(), size=SIZES["talker-192"])


def small_recipe() -> TalkerRecipe:
    """A twelfth of the parameters, an hour on two CPU cores."""
    lip = LoopConfig(steps=1500, learning_rate=3e-4, weight_decay=0.0, clip=10.0, schedule="constant")
    return TalkerRecipe(
        size=SIZES["small"],
        disc_width=8,
        batch=4,
        validate_every=100,
        patience=3,
        least_gain=0.02,
        most_alone=1500,
        sync_steps=600,
        learning_rate=5e-4,
        experts=ExpertsRecipe(
            lip_width=8,
            lip_batch=16,
            lip_loop=lip,
            speech_size=SMALL_EXPERT,
            speech_batch=8,
            speech_frames=40,
            speech_loop=LoopConfig(steps=1000, learning_rate=1e-3, weight_decay=0.01),
        ),
    )


def tiny_recipe() -> TalkerRecipe:
    """The experts of `small_recipe`, a generator of 0.75 M parameters beside its audio encoder, and few updates."""
    return replace(small_recipe(), size=SIZES["tiny"], disc_width=4, most_alone=400, sync_steps=200)


def quick_recipe() -> TalkerRecipe:
    """Seconds: to see that everything runs."""
    few = LoopConfig(steps=6, learning_rate=1e-3, weight_decay=0.0, save_every=5)
    size = replace(SMALL_EXPERT, layers=1, width=32, hidden=48, heads=2, video_width=2)
    experts = ExpertsRecipe(
        lip_width=2,
        lip_batch=4,
        lip_loop=few,
        speech_size=size,
        speech_batch=3,
        speech_frames=20,
        speech_loop=few,
    )
    return replace(
        small_recipe(),
        size=SIZES["tiny"],
        disc_width=4,
        batch=2,
        validate_every=5,
        patience=1,
        most_alone=10,
        sync_steps=5,
        experts=experts,
    )


RECIPES: dict[str, Callable[[], TalkerRecipe]] = {
    "paper": paper_recipe,
    "talker-192": large_recipe,
    "small": small_recipe,
    "tiny": tiny_recipe,
    "quick": quick_recipe,
}
"""Name -> recipe."""
