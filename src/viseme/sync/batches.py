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

__all__ = ["PIXEL_INPUTS", "BatchDraw", "balanced", "draw_of", "mismatched"]

PIXEL_INPUTS = ("raw", "rgb", "rgbd")
"""Inputs that are frames, not points."""


OF_TALKERS = 2
"""Synthetic talkers among the crops whose audio does not belong to a real one."""


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
    num_mismatched: int
    """How many other clips' audio count as wrong answers of a clip too."""
    real_odds: NDArray[np.float64] | None = None
    """(R,) how often each real clip is drawn, see `balanced`; sums to 1. None = all alike."""
    real_speakers: Sequence[str] = ()
    """Who is seen in each real clip: they then come in pairs of one person, whose two sentences are the hardest to tell
    apart. Empty = nobody is known."""

    def __call__(self, rng: np.random.Generator) -> Batch:
        """A batch, real clips first; the same generator gives the same batch."""
        num_real = round(self.size * self.real_share) if self.synthetic else self.size
        real = [self.real[i] for i in self._real_numbers(num_real, rng)]
        synthetic = []
        if self.synthetic:
            picked = rng.integers(len(self.synthetic), size=self.size - num_real)
            synthetic = [self.synthetic[i] for i in picked.tolist()]
        num = int(rng.integers(self.crop[0], self.crop[1] + 1))
        batch = draw_of(self.input)([*real, *synthetic], num, self.augment, rng)
        return batch._replace(mismatched=mismatched(real, synthetic, self.num_mismatched))

    def _real_numbers(self, num: int, rng: np.random.Generator) -> list[int]:
        """Which real clips: half of them by their odds, each followed by another of the same person."""
        size, known = len(self.real), np.array(self.real_speakers)
        first = (num + 1) // 2 if len(known) else num
        drawn = rng.choice(size, size=first, replace=first > size, p=self.real_odds).tolist()
        if not len(known):
            return drawn
        chosen: list[int] = []
        for number in drawn:
            others = np.setdiff1d(np.flatnonzero(known == known[number]), [*drawn, *chosen])
            if not len(others):
                others = np.setdiff1d(np.arange(size), [*drawn, *chosen])
            chosen += [number, int(rng.choice(others)) if len(others) else int(rng.integers(size))]
        return chosen[:num]


def mismatched(real: Sequence[Clip], synthetic: Sequence[Clip], num: int) -> NDArray[np.int64]:
    """(B, M) crops whose audio does not belong to each crop, real ones first; M is at most `num`.

    Of a real clip: other clips of the same person, of other people, and `OF_TALKERS` synthetic ones. Of a synthetic
    one: talkers with another voice, as two may say one recording. A clip itself never. M = 0 where a crop has none.
    """
    found = []
    for at, clip in enumerate(real):
        others = [i for i, other in enumerate(real) if other.name != clip.name]
        others = [*others[at:], *others[:at]]  # not always the first ones of the batch
        others.sort(key=lambda i: real[i].speaker != clip.speaker)
        talkers = [(at + k) % len(synthetic) + len(real) for k in range(len(synthetic))]
        few = max(1, num - OF_TALKERS)
        found.append([*others[:few], *talkers, *others[few:]])
    for at, clip in enumerate(synthetic):
        around = [*range(at + 1, len(synthetic)), *range(at)]
        found.append([i + len(real) for i in around if synthetic[i].speaker != clip.speaker])
    least = min(map(len, found))
    return np.array([(others * num)[:num] for others in found] if least else [[]] * len(found), np.int64)
