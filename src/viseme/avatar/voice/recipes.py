"""Complete configurations of training runs of the voice network. A variant is `dataclasses.replace` of one of these."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from viseme.avatar.voice.batches import LossWeights
from viseme.avatar.voice.network import VoiceToFace
from viseme.engine.loop import LoopConfig
from viseme.sync.augment.config import AugmentConfig

__all__ = ["RECIPES", "Lesson", "VoiceRecipe"]


@dataclass(frozen=True, kw_only=True)
class Lesson:
    """One stretch of training."""

    augment: AugmentConfig
    """What voices go through."""
    weights: LossWeights
    """What an error costs."""
    loop: LoopConfig
    """The schedule."""


_NOISY = Lesson(
    augment=AugmentConfig(noise=0.5, stretch=(0.8, 1.25)),
    weights=LossWeights(),
    loop=LoopConfig(steps=1500, average=0.99),
)
_CLOSURES = Lesson(
    augment=AugmentConfig(noise=0.3, reverb=0.25, codec=0.15, warp=(0.84, 1.2), stretch=(0.85, 1.2)),
    weights=LossWeights(channels=(1.0, 1.5, 1.0, 0.8, 1.2, 0.5, 0.4, 0.3, 0.3), motion=1.0, press=2.0),
    loop=LoopConfig(steps=700, average=0.99, seed=1),
)


@dataclass(frozen=True, kw_only=True)
class VoiceRecipe:
    """Everything that decides what `viseme train voice` makes."""

    num_engine: int = 260
    """Utterances of speech engines, 7 s each or more."""
    held_out: tuple[str, ...] = ("flite:awb", "de+", "en-gb+")
    """Voices of engines, by how their names begin, that are kept for measuring."""
    num_tuning: int = 12
    """Recorded people of the training set who are kept for setting the size of movements and the threshold of
    closures."""
    batch: int = 12
    """Crops of one update."""
    num_steps: int = 110
    """Steps of a crop: 2.2 s."""
    model: VoiceToFace.Config = field(default_factory=VoiceToFace.Config)
    """The network."""
    lessons: tuple[Lesson, ...] = (_NOISY, _CLOSURES)
    """In turn: voices in noise and rooms of all kinds, then clearer ones, where closures count more."""


RECIPES: dict[str, Callable[[], VoiceRecipe]] = {
    "open": VoiceRecipe,
    "quick": lambda: VoiceRecipe(
        num_engine=6,
        num_tuning=2,
        batch=4,
        num_steps=40,
        model=VoiceToFace.Config.tiny(),
        lessons=(replace(_NOISY, loop=LoopConfig(steps=4, save_every=2)),),
    ),
}
"""Name -> recipe. "open" makes what ships; "quick" tries it out."""
