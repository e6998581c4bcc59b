"""Features of synthetic conversations, made once for given sync weights and kept on disk. Knows files and processes;
refuses to know what is learnt from them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import torch

from viseme.core.errors import DataError
from viseme.engine.jobs import make_files
from viseme.engine.progress import Bar
from viseme.speakers.corpus import LabelledFaces, load, save, synthetic
from viseme.sync.checkpoint import SyncWeights, load_sync_weights

__all__ = ["prepare_conversations"]


def prepare_conversations(
    bundle: SyncWeights, weights: Path | None, seeds: Sequence[int], work: Path, *, num_jobs: int
) -> list[LabelledFaces]:
    """Features of synthetic conversations, kept under `work` for these sync weights; broken ones are left out."""
    key = hashlib.sha256(f"1:{bundle.name}".encode()).hexdigest()[:8]
    folder = work / f"conversations-{key}"
    folder.mkdir(parents=True, exist_ok=True)
    jobs = [(_make_one, (seed, weights), folder / f"{seed}.npz") for seed in seeds]
    return [load(path) for path in make_files(jobs, num_jobs=num_jobs, on_progress=Bar("synthetic conversations"))]


def _make_one(seed: int, weights: Path | None, out: Path) -> None:
    torch.set_num_threads(1)
    try:
        made = synthetic(load_sync_weights(weights), seed)
    except DataError:  # a speech engine broke down over its text: one conversation less
        return
    if made.faces:
        save(made, out)
