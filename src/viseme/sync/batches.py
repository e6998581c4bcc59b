"""Which clips make up a training batch, and how an input is changed. Knows clips; refuses to know networks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from viseme.sync.augment.config import AugmentConfig
from viseme.sync.augment.crops import Batch, Draw, draw_frames, draw_points
from viseme.sync.clips import Clip

__all__ = ["PIXEL_INPUTS", "BatchDraw", "balanced", "draw_of"]

PIXEL_INPUTS = ("raw", "rgb", "rgbd")
"""Inputs that are frames, not points."""


def draw_of(input: str) -> Draw:
    """What draws crops of an input."""
    return draw_frames if input in PIXEL_INPUTS else partial(draw_points, landmarks=input == "landmarks")


def balanced(speakers: Sequence[str]) -> NDArray[np.float64]:
    """(R,) how often each clip is drawn so that a speaker is drawn as the square root of the number of his clips.

    Example:
        >>> balanced(["a", "a", "a", "a", "b"]).round(3).tolist()
        [0.167, 0.167, 0.167, 0.167, 0.333]
    """
    counts = Counter(speakers)
    odds = np.array([counts[name] ** -0.5 for name in speakers], np.float64)
    return odds / odds.sum()


@dataclass(frozen=True, kw_only=True)
class BatchDraw:
    """Draws batches; goes to the processes that do so as a pickle."""

    real: Sequence[Clip]
    """Real clips."""
    synthetic: Sequence[Clip]
    """Synthetic talkers; may be empty."""
    input: str
    """What they show."""
    size: int
    """Clips of a batch."""
    real_share: float
    """Fraction of a batch that is real clips, where there are synthetic ones."""
    crop: tuple[int, int]
    """Least and most video steps of a crop."""
    augment: AugmentConfig
    """What crops go through."""
    real_odds: NDArray[np.float64] | None = None
    """(R,) how often each real clip is drawn, see `balanced`; sums to 1. None = all alike."""

    def __call__(self, rng: np.random.Generator) -> Batch:
        """A batch, real clips first; the same generator gives the same batch."""
        num_real = round(self.size * self.real_share) if self.synthetic else self.size
        odds, num = self.real_odds, len(self.real)
        drawn = rng.integers(num, size=num_real) if odds is None else rng.choice(num, size=num_real, p=odds)
        clips = [self.real[i] for i in drawn.tolist()]
        if self.synthetic:
            picked = rng.integers(len(self.synthetic), size=self.size - num_real)
            clips += [self.synthetic[i] for i in picked.tolist()]
        num = int(rng.integers(self.crop[0], self.crop[1] + 1))
        return draw_of(self.input)(clips, num, self.augment, rng)._replace(num_real=num_real)
