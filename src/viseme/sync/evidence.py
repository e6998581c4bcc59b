"""Evidence for the delay of the audio, summed from scored steps: one delay curve for every two seconds of a face.

Knows scored steps; refuses to know where they come from. Memory grows by one curve every two seconds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from viseme.sync.comparer import ScoredSteps, score_points
from viseme.sync.embeddings import VIDEO_STEP
from viseme.sync.estimator import DelayCurve
from viseme.sync.interface import SyncModel

__all__ = ["BLOCK", "ENOUGH", "PART", "EvidenceBlock", "FaceEvidence", "blocks_of", "compare"]

BLOCK = 50
"""Steps of one block: two seconds."""
PART = 10
"""Steps of one part of a block: .4 seconds."""
ENOUGH = 20
"""Pairs from which the evidence per step of a block means something."""


@dataclass(frozen=True, eq=False)
class EvidenceBlock:
    """Evidence of up to two seconds of one face."""

    start: float
    """Seconds of the first step."""
    end: float
    """Seconds after the last one."""
    scores: NDArray[np.float32]
    """(L,) summed log-likelihood ratios."""
    counts: NDArray[np.int16]
    """(L,) pairs summed."""
    num_windows: int
    """Steps that took part."""
    parts: NDArray[np.float16] | None = None
    """(P, L) `scores` of every .4 s, coarsely: where in the block a delay jumps. None = not kept."""


def blocks_of(scored: ScoredSteps, columns: slice = slice(None)) -> list[EvidenceBlock]:
    """Sums over every two seconds of scored steps, at some of their candidate delays."""
    ratios, present, times = scored.ratios[:, columns], scored.present[:, columns], scored.times
    return [
        EvidenceBlock(
            float(times[at]),
            float(times[min(at + BLOCK, len(times)) - 1] + VIDEO_STEP),
            ratios[at : at + BLOCK].sum(0).astype(np.float32),
            present[at : at + BLOCK].sum(0).astype(np.int16),
            min(BLOCK, len(times) - at),
            _parts(ratios[at : at + BLOCK]),
        )
        for at in range(0, len(times), BLOCK)
    ]


def _parts(ratios: NDArray[np.floating]) -> NDArray[np.float16]:
    return np.add.reduceat(ratios, np.arange(0, len(ratios), PART), axis=0).astype(np.float16)


@dataclass
class FaceEvidence:
    """What is known of one face so far."""

    track_id: int
    blocks: list[EvidenceBlock] = field(default_factory=list)

    @property
    def seconds(self) -> float:
        """Seconds of steps that were compared."""
        return sum(block.num_windows for block in self.blocks) * VIDEO_STEP

    def curve(self, lags: NDArray[np.int64], start: float = -np.inf, end: float = np.inf) -> DelayCurve:
        """Sum of the blocks whose middle lies in [start, end)."""
        scores, counts = np.zeros(len(lags)), np.zeros(len(lags), np.int64)
        best = np.full(len(lags), -np.inf)
        for block in self.blocks:
            if start <= (block.start + block.end) / 2 < end:
                scores += block.scores
                counts += block.counts
                level = block.scores / np.maximum(block.counts, 1)
                best = np.maximum(best, np.where(block.counts >= ENOUGH, level, -np.inf))
        return DelayCurve(lags, scores, counts, best)


def compare(
    models: Sequence[SyncModel],
    times: NDArray[np.floating],
    points: NDArray[Any],
    first_frame: int,
    power: NDArray[np.floating],
    lags: NDArray[np.int64],
) -> list[EvidenceBlock]:
    """Evidence of prepared lips against prepared audio, as training and calibration have them.

    Args:
        models: Sync models of one visual input.
        times: (T,) seconds, multiples of 40 ms.
        points: (T, K, 3) what the models see there, or (T, C, H, W) uint8 images.
        first_frame: Number of the first audio frame, see `viseme.audio.clock`.
        power: (A, M) mel powers; only what really exists.
        lags: (L,) candidate delays in 10 ms steps.

    Returns:
        One entry for every two seconds.
    """
    steps = np.rint(np.asarray(times) / VIDEO_STEP).astype(np.int64)
    return blocks_of(score_points(models, steps, points, first_frame, power, lags))
