"""Which clips are learnt from and which are measured, in the form of every input."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from viseme.data.manifest import ManifestRow, read_held_out
from viseme.data.manifest_clips import ManifestClips
from viseme.data.prepare import View, prepare, track_clips
from viseme.data.sources import ClipSource
from viseme.engine.progress import Bar
from viseme.faces.crops import CROP_SIZE, crop_squares
from viseme.reproduce.table2.recipe import table_recipe
from viseme.sync.clips import ClipSet

__all__ = ["Study", "blurred_clips", "evenly", "measured_clips", "seen_clips"]

LEFT_OUT = ("romanian_tedx", "clearervoice", "revise")
"""Sources of the manifest whose clips have no whole face, or two."""


def evenly(rows: Sequence[Any], most: int) -> list[Any]:
    """At most `most` of the rows, evenly spaced."""
    if len(rows) <= most:
        return list(rows)
    return [rows[i] for i in np.unique(np.linspace(0, len(rows) - 1, most).round().astype(int))] if most else []


def measured_clips(data: Path, same_speaker: int, *, learnt: Collection[str]) -> list[ManifestRow]:
    """Clips that are measured: at most `same_speaker` of the speakers that are `learnt` from, all of others."""
    rows = [r for r in read_held_out(data, ("dev",)) if r.source not in LEFT_OUT]
    same = [r for r in rows if r.speaker in learnt]
    return evenly(same, same_speaker) + [r for r in rows if r.speaker not in learnt]


@dataclass(frozen=True)
class Study:
    """Everything that a network's job needs to know: clips on disk, in the form of every input."""

    real: ClipSet
    synthetic: ClipSet
    dev: ClipSet
    blurred: tuple[tuple[float, ClipSet], ...]
    """Standard deviation of the blur, pixels of the crop, and the clips under it."""
    steps: int

    def key(self) -> str:
        """Twelve hexadecimal digits of all of it."""
        parts = [self.real, self.synthetic, self.dev, *(clips for _, clips in self.blurred)]
        names = [[part.keys, part.delays] for part in parts]
        truths = [info.audio_delay for info in self.dev.infos]
        text = json.dumps([names, truths, asdict(table_recipe(self.steps))])
        return hashlib.sha256(text.encode()).hexdigest()[:12]


def seen_clips(source: ClipSource, view: View, work: Path, *, num_jobs: int, what: str) -> ClipSet:
    """Clips of a source in the form of every input, as they lie: nothing is taken out."""
    tracked = track_clips(source, work, num_jobs=num_jobs, on_progress=Bar(what))
    return ClipSet.of(prepare(tracked, view, work, num_jobs=num_jobs, on_progress=Bar(what)), "landmarks")


def blurred_clips(rows: Sequence[ManifestRow], by_px: float, work: Path) -> ManifestClips:
    """Those of the clips in which a face is found, blurred by `by_px` pixels of the crop of that face."""
    tracked = track_clips(ManifestClips(tuple(rows)), work)
    sides = [np.nanmedian(crop_squares(tracked.track(i).landmarks)[:, 2]) for i in range(len(tracked.clips))]
    found = tuple(rows[number] for number in tracked.tracked.numbers)
    return ManifestClips(found, tuple(round(by_px * float(side) / CROP_SIZE, 3) for side in sides))
