"""The manifest of real clips, and the one guard that keeps clips for measuring out of training.

Knows a table; opens no media. Every training of this package gets its clips here.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from viseme.core.errors import DataError

__all__ = ["TRAINABLE", "ManifestRow", "read_manifest"]

TRAINABLE = ("train", "train-research")
"""Uses of the manifest that may be trained on: the first for what ships, the second for comparison only."""


@dataclass(frozen=True, kw_only=True)
class ManifestRow:
    """One clip of the manifest."""

    path: Path
    use: str
    speaker: str
    licence: str
    source: str = ""
    """Name of the corpus; empty = not said."""


def read_manifest(folder: Path, uses: Sequence[str]) -> list[ManifestRow]:
    """Rows of `folder/manifest.csv` with one of the `uses`.

    Raises:
        DataError: there is no manifest, or a use was asked for that must not be trained on.
    """
    forbidden = [use for use in uses if use not in TRAINABLE]
    if forbidden:
        raise DataError(f"clips marked {forbidden[0]!r} are for measuring and are never trained on; use {TRAINABLE}")
    try:
        with (folder / "manifest.csv").open(newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
    except FileNotFoundError:
        raise DataError(f"{folder} has no manifest.csv; pass the folder of clips with --data") from None
    return [
        ManifestRow(
            path=folder / r["file"],
            use=r["use"],
            speaker=r["speaker"],
            licence=r["licence"],
            source=r.get("source") or "",
        )
        for r in rows
        if r["use"] in uses
    ]
