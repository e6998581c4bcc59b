"""Which clips make up a training batch, and how an input is changed. Knows clips; refuses to know networks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from viseme.sync.augment.config import AugmentConfig
from viseme.sync.augment.crops import Batch, Draw, draw_frames, draw_points
from viseme.sync.clips import Clip

__all__ = ["PIXEL_INPUTS", "BatchDraw", "draw_of"]

PIXEL_INPUTS = ("raw", "rgb", "rgbd")
"""Inputs that are frames, not points."""


def draw_of(input: str) -> Draw:
    """What draws crops of an input."""
    return draw_frames if input in PIXEL_INPUTS else partial(draw_points, landmarks=input == "landmarks")


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

    def __call__(self, rng: np.random.Generator) -> Batch:
        """A batch, real clips first; the same generator gives the same batch."""
        num_real = round(self.size * self.real_share) if self.synthetic else self.size
        clips = [self.real[i] for i in rng.integers(len(self.real), size=num_real).tolist()]
        if self.synthetic:
            picked = rng.integers(len(self.synthetic), size=self.size - num_real)
            clips += [self.synthetic[i] for i in picked.tolist()]
        num = int(rng.integers(self.crop[0], self.crop[1] + 1))
        return draw_of(self.input)(clips, num, self.augment, rng)._replace(num_real=num_real)
