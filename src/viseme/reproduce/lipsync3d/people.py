"""Whose faces are trained and on which sentences they are measured. Knows the manifest alone."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from viseme.core.errors import DataError
from viseme.data.manifest import ManifestRow, read_held_out, read_manifest
from viseme.media.source import FileSource

__all__ = ["LEAST_CLIPS", "Person", "people", "video_seconds"]

LEAST_CLIPS = 3
"""Held-out clips that a person must have."""


@dataclass(frozen=True, kw_only=True)
class Person:
    """One person's clips."""

    name: str
    train: tuple[ManifestRow, ...]
    held: tuple[ManifestRow, ...]
    """Sentences that are never trained on."""


def video_seconds(path: Path) -> float:
    """Length of a file; 0 where it does not tell."""
    return FileSource(path).duration or 0.0


def people(
    data: Path,
    speakers: Sequence[str],
    seconds: float,
    sentences: int,
    *,
    duration: Callable[[Path], float] = video_seconds,
) -> list[Person]:
    """The people that are measured.

    Args:
        data: Folder with manifest.csv.
        speakers: Their names there; empty = everybody with enough clips that may be trained on and others that may not.
        seconds: Of video to train on, about.
        sentences: Held-out clips at most.
        duration: Seconds of a clip.

    Returns:
        Clips evenly spread over those that there are.

    Raises:
        DataError: there is no such person, or too few clips.
    """
    trained, held = _of_speakers(read_manifest(data, ("train",))), _of_speakers(read_held_out(data, ("dev",)))
    both = [name for name in sorted(trained) if len(held.get(name, ())) >= LEAST_CLIPS]
    for name in speakers:
        if name not in both:
            raise DataError(
                f"{data} has no person {name!r} with clips to train on and {LEAST_CLIPS} others; "
                f"it has {', '.join(both) or 'none'}"
            )
    found = []
    for name in speakers or both:
        total = sum(duration(row.path) for row in trained[name])
        if speakers or total >= seconds:
            num = max(1, round(len(trained[name]) * min(1.0, seconds / max(total, 1e-9))))
            found.append(Person(name=name, train=_spread(trained[name], num), held=_spread(held[name], sentences)))
    if not found:
        raise DataError(f"{data} has nobody with {seconds:.0f} s to train on and {LEAST_CLIPS} clips besides")
    return found


def _of_speakers(rows: Sequence[ManifestRow]) -> dict[str, list[ManifestRow]]:
    found: dict[str, list[ManifestRow]] = defaultdict(list)
    for row in rows:
        found[row.speaker].append(row)
    return found


def _spread(rows: Sequence[ManifestRow], num: int) -> tuple[ManifestRow, ...]:
    places = np.unique(np.linspace(0, len(rows) - 1, min(num, len(rows))).round().astype(int))
    return tuple(rows[i] for i in places.tolist())
