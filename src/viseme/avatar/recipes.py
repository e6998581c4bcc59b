"""Complete configurations of training runs of an avatar. A variant is `dataclasses.replace` of one of these."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from viseme.avatar.networks import CompactAvatar, LipSync3D
from viseme.engine.loop import LoopConfig

__all__ = ["RECIPES", "CompactRecipe", "PaperRecipe", "begun_recipe"]


@dataclass(frozen=True, kw_only=True)
class CompactRecipe:
    """Everything that decides what preset `compact` makes."""

    model: CompactAvatar.Config = field(default_factory=CompactAvatar.Config)
    """The network."""
    start: str = ""
    """Talker for everybody, name or file, with whose layers it begins; "" = with none."""
    voices: tuple[tuple[float, float], ...] = ((1.0, 60.0), (0.86, 25.0), (1.16, 20.0), (0.94, 15.0))
    """Versions of the audio: factor on pitch and formants, and decibels of the speech over added noise."""
    batch: int = 128
    """Frames of one update, each with the one after it."""
    silent_weight: float = 2.0
    """How much a silent frame counts."""
    silence: float = 0.04
    """Share of a batch that is digital silence, under which the mouth is closed."""
    motion: float = 1.0
    """Weight of the change from frame to frame beside the value."""
    emphasis: float = 1.1
    """Factor on the coefficients that were learnt: what least squares learns moves less than the person does."""
    loop: LoopConfig = field(
        default_factory=lambda: LoopConfig(
            steps=2500, learning_rate=2e-3, warmup=0.05, weight_decay=0.05, average=0.995, save_every=250
        )
    )
    """The schedule."""


@dataclass(frozen=True, kw_only=True)
class PaperRecipe:
    """Everything that decides what presets `paper` and `light` make."""

    model: LipSync3D.Config = field(default_factory=LipSync3D.Config)
    """The network."""
    batch: int = 128
    """Frames of one update."""
    epochs: int = 600
    """Passes over the frames; the paper: 500 to 1000."""
    forget: float = 0.2
    """Probability that the frame before is not shown."""
    gain_db: float = 6.0
    """Largest random gain of the audio, either way."""
    noise_db: tuple[float, float] = (20.0, 40.0)
    """Decibels of the speech over added noise, least and most."""
    silent_weight: float = 2.0
    """How much a silent frame counts."""
    silence: float = 0.04
    """Share of a batch that is digital silence, under which the mouth is closed."""
    loop: LoopConfig = field(
        default_factory=lambda: LoopConfig(
            steps=1, learning_rate=3e-4, warmup=0.02, weight_decay=0.0, clip=5.0, save_every=50
        )
    )
    """The schedule; its steps follow from `epochs`."""


def begun_recipe(start: str) -> CompactRecipe:
    """The compact model that begins with a talker for everybody: few updates, small ones."""
    recipe = CompactRecipe(start=start)
    return replace(recipe, loop=replace(recipe.loop, steps=600, learning_rate=5e-4, average=0.99))


def paper_recipe() -> PaperRecipe:
    """Lahiri et al. 2021, with the encoder of the frame before at its published size."""
    return PaperRecipe(model=LipSync3D.Config(memory_widths=(128, 256, 512, 1024, 2048)))


def quick_recipe() -> PaperRecipe:
    """A quarter of the channels of "light", for a CPU."""
    model = LipSync3D.Config(
        memory_widths=(8, 16, 32, 64, 128),
        audio_widths=(18, 27, 40, 61, *(64,) * 8),
        texture_widths=(256, 128, 64, 32, 16),
    )
    loop = replace(PaperRecipe().loop, learning_rate=1e-3)
    return PaperRecipe(model=model, batch=32, epochs=6, loop=loop)


RECIPES: dict[str, Callable[[], CompactRecipe | PaperRecipe]] = {
    "compact": CompactRecipe,
    "light": PaperRecipe,
    "paper": paper_recipe,
    "quick": quick_recipe,
}
"""Preset -> recipe."""
