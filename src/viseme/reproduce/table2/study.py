"""Which clips are learnt from and which are measured, with the true delay of those whose delay is known."""

from __future__ import annotations

import csv
import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from viseme.data.manifest import ManifestRow
from viseme.reproduce.table2.recipe import table_recipe

__all__ = ["SEEN_SPEAKERS", "Study", "evenly", "measured_clips"]

LEFT_OUT = ("romanian_tedx", "clearervoice", "revise")
"""Sources of the manifest whose clips have no whole face, or two."""
SEEN_SPEAKERS = ("grid_s1",)


def evenly(rows: Sequence[Any], most: int) -> list[Any]:
    if len(rows) <= most:
        return list(rows)
    return [rows[i] for i in np.unique(np.linspace(0, len(rows) - 1, most).round().astype(int))] if most else []


def measured_clips(data: Path, same_speaker: int) -> tuple[list[ManifestRow], dict[str, float]]:
    """Clips that are measured, and the true delay in seconds of those whose delay is known."""
    with (data / "manifest.csv").open(newline="", encoding="utf-8") as file:
        rows = [r for r in csv.DictReader(file) if r["use"] == "dev" and r["source"] not in LEFT_OUT]
    same = [r for r in rows if r["speaker"] in SEEN_SPEAKERS]
    rows = evenly(same, same_speaker) + [r for r in rows if r["speaker"] not in SEEN_SPEAKERS]
    made = [ManifestRow(path=data / r["file"], use=r["use"], speaker=r["speaker"], licence=r["licence"]) for r in rows]
    truths = {
        f"{m.path.parent.name}/{m.path.name}": float(r["truth_delay_ms"]) / 1000
        for m, r in zip(made, rows, strict=True)
        if r["truth_delay_ms"]
    }
    return made, truths


@dataclass(frozen=True)
class Study:
    """Everything that a network's job needs to know: files for `Seen.load`, and what is true of them."""

    real: tuple[Path, ...]
    synthetic: tuple[Path, ...]
    dev: tuple[Path, ...]
    blurred: tuple[tuple[float, tuple[Path, ...]], ...]
    truths: dict[str, float]
    steps: int

    def key(self) -> str:
        """Twelve hexadecimal digits of all of it."""
        names = [[f"{p.parent.name}/{p.name}" for p in part] for part in (self.real, self.synthetic, self.dev)]
        more = [[px, len(paths)] for px, paths in self.blurred]
        text = json.dumps([names, more, self.truths, asdict(table_recipe(self.steps))])
        return hashlib.sha256(text.encode()).hexdigest()[:12]
