"""Synthetic conversations of 12 s that no training meets."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from viseme.core.errors import DataError
from viseme.speakers.conversations import prepare_conversations
from viseme.speakers.interface import SpeakerScorer
from viseme.speakers.measurement import measure
from viseme.sync.checkpoint import SyncWeights
from viseme.synthetic.conversation import HELD_OUT_SEED

__all__ = ["FRESH_SEED", "conversation_lines"]

FRESH_SEED = HELD_OUT_SEED + 1_000_000
"""First conversation of this bench; `viseme train speakers` looks at others."""


def conversation_lines(
    bundle: SyncWeights, scorers: Sequence[SpeakerScorer], work: Path, num: int, jobs: int
) -> Iterator[str]:
    """Synthetic conversations of 12 s.

    Raises:
        DataError: none could be made.
    """
    made = prepare_conversations(bundle, None, range(FRESH_SEED, FRESH_SEED + num), work, num_jobs=jobs)
    if not made:
        raise DataError("no conversation could be made: are espeak-ng and the recorded voices installed?")
    for scorer in scorers:
        yield f"--- {scorer.name}\n{measure(scorer, made)}"
