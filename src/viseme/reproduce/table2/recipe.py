"""What every network of Table II is given and asked: one small recipe, training sets, cuts and blurs."""

from __future__ import annotations

from viseme.engine.loop import LoopConfig
from viseme.sync.models.two_stream import TwoStream
from viseme.sync.recipes import Crops, SyncRecipe

__all__ = ["BLURS", "LENGTHS", "MINI", "REACH", "SETS", "WINDOWS", "YAWS", "table_recipe"]

SETS = ("full", "mini")
MINI = 9
"""The small training set is every ninth clip."""
REACH = 15
"""Frames either way that are searched."""
LENGTHS = (0.6, 1.0, 2.0, 4.0)
"""Seconds of the cuts that are put under shifted audio."""
BLURS = (2.0, 4.0)
"""Standard deviations of a blur, pixels of the crop."""
YAWS = ((0, 10), (10, 20), (20, 90))
"""Classes of clips by median turn of the head, degrees."""
WINDOWS = (5, 7, 9, 11, 13, 15)
"""Frames of a window, for the protocols of PM and VocaLiST."""


def table_recipe(steps: int, *, seed: int = 0) -> SyncRecipe:
    """One small network for every input; frames get a small convolutional front of their own."""
    return SyncRecipe(
        real_share=0.5,
        num_models=1,
        crops=(Crops(26, 40, 16),),
        num_mismatched=2,
        model=TwoStream.Config(width=96, embedding=64, dropout=0.1),
        loop=LoopConfig(steps=steps, average=min(0.99, max(0.0, 1 - 10 / steps)), seed=seed, save_every=10**9),
    )
