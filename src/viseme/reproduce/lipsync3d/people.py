"""Whose faces are trained and on which sentences they are measured. Knows the manifest alone."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from viseme.core.errors import DataError
from viseme.data.manifest import ManifestRow, read_held_out, read_manifest

__all__ = ["LEAST_CLIPS", "Person", "people"]

LEAST_CLIPS = 3
"""Held-out clips that a person must have."""


@dataclass(frozen=True, kw_only=True)
class Person:
    """One person's clips."""

    name: str
    train: tuple[ManifestRow, ...]
    held: tuple[ManifestRow, ...]
    """Sentences that are never trained on."""


def people(data: Path, speakers: Sequence[str], seconds: float, clip_s: float, sentences: int) -> list[Person]:
    """The people that are measured.

    Args:
        data: Folder with manifest.csv.
        speakers: Their names there; empty = everybody with enough clips that may be trained on and others that may not.
        seconds: Of video to train on, about.
        clip_s: Length of a clip, about.
        sentences: Held-out clips at most.

    Returns:
        Clips evenly spread over those that there are.

    Raises:
        DataError: there is no such person, or too few clips.
    """
    trained, held = _of_speakers(read_manifest(data, ("train",))), _of_speakers(read_held_out(data, ("dev",)))
    wanted = max(1, round(seconds / clip_s))
    both = [name for name in sorted(trained) if len(held.get(name, ())) >= LEAST_CLIPS]
    chosen = list(speakers) or [name for name in both if len(trained[name]) >= wanted]
    for name in chosen:
        if name not in both:
            raise DataError(
                f"{data} has no person {name!r} with clips to train on and {LEAST_CLIPS} others; "
                f"it has {', '.join(both) or 'none'}"
            )
    if not chosen:
        raise DataError(f"{data} has nobody with {seconds:.0f} s to train on and {LEAST_CLIPS} clips besides")
    return [
        Person(name=name, train=_spread(trained[name], wanted), held=_spread(held[name], sentences)) for name in chosen
    ]


def _of_speakers(rows: Sequence[ManifestRow]) -> dict[str, list[ManifestRow]]:
    found: dict[str, list[ManifestRow]] = defaultdict(list)
    for row in rows:
        found[row.speaker].append(row)
    return found


def _spread(rows: Sequence[ManifestRow], num: int) -> tuple[ManifestRow, ...]:
    places = np.unique(np.linspace(0, len(rows) - 1, min(num, len(rows))).round().astype(int))
    return tuple(rows[i] for i in places.tolist())
