"""Complete configurations of training runs of the head. A variant is `dataclasses.replace` of one of these."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from viseme.engine.loop import LoopConfig
from viseme.speakers.models.speaker_head import SpeakerHead

__all__ = ["RECIPES", "SpeakersRecipe"]


@dataclass(frozen=True, kw_only=True)
class SpeakersRecipe:
    """Everything that decides what `viseme train speakers` makes."""

    num_conversations: int = 1200
    """Synthetic conversations of 12 s to learn from."""
    num_held_out: int = 100
    """With voices, faces and scenes that training never meets."""
    num_pairs: int = 1500
    """Real clips under their own or another's audio, drawn once."""
    real_share: float = 0.25
    """Fraction of every batch that is real clips."""
    batch: int = 32
    """Stretches of one update."""
    crop: int = 200
    """Steps of a stretch: 8 s; real clips are shorter."""
    model: SpeakerHead.Config = field(default_factory=SpeakerHead.Config)
    """The network."""
    loop: LoopConfig = field(default_factory=lambda: LoopConfig(steps=2500, learning_rate=2e-3, average=0.995))
    """The schedule."""


RECIPES: dict[str, Callable[[], SpeakersRecipe]] = {
    "open": SpeakersRecipe,
    "quick": lambda: SpeakersRecipe(
        num_conversations=4,
        num_held_out=2,
        num_pairs=8,
        batch=4,
        model=SpeakerHead.Config.tiny(),
        loop=LoopConfig(steps=10, save_every=5),
    ),
}
"""Name -> recipe. "open" makes what ships; "quick" tries it out."""
