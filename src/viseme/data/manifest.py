"""The manifest of real clips, and the one guard that keeps clips for measuring out of training.

Knows a table; opens no media. Every training of this package gets its clips from `read_manifest`, every bench from
`read_held_out`.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from viseme.core.errors import DataError
from viseme.data.grid import grid_words
from viseme.data.sources import ClipInfo

__all__ = ["HELD_OUT", "TRAINABLE", "ManifestRow", "read_held_out", "read_manifest"]

TRAINABLE = ("train", "train-research")
"""Uses of the manifest that may be trained on: the first for what ships, the second for comparison only."""
HELD_OUT = ("dev", "dev-foreign")
"""Uses of the manifest that are measured and never trained on: clips as recorded, clips under mismatched audio."""


@dataclass(frozen=True, kw_only=True)
class ManifestRow:
    """One clip of the manifest."""

    path: Path
    use: str
    speaker: str
    licence: str
    source: str = ""
    """Name of the corpus; empty = not said."""
    audio_delay: float | None = None
    """Seconds by which the audio is late (`truth_delay_ms`); None = not known."""
    text: str = ""
    """What is said, where the corpus tells; empty = not known."""

    def info(self) -> ClipInfo:
        """What is known of the clip before it is read; a speaker "..._unlabelled" is named after the clip."""
        name = f"{self.path.parent.name}/{self.path.name}"
        return ClipInfo(
            name=name,
            speaker=name if self.speaker.endswith("unlabelled") else self.speaker,
            source=self.source,
            licence=self.licence,
            audio_delay=self.audio_delay,
        )


def read_manifest(folder: Path, uses: Sequence[str]) -> list[ManifestRow]:
    """Rows of `folder/manifest.csv` with one of the `uses`.

    Raises:
        DataError: there is no manifest, a use was asked for that must not be trained on, or a delay is no number.
    """
    forbidden = [use for use in uses if use not in TRAINABLE]
    if forbidden:
        raise DataError(f"clips marked {forbidden[0]!r} are for measuring and are never trained on; use {TRAINABLE}")
    return _rows(folder, uses)


def read_held_out(folder: Path, uses: Sequence[str] = HELD_OUT) -> list[ManifestRow]:
    """Rows of `folder/manifest.csv` that are measured: those whose use is one of `uses`, of which none is trained on.

    Raises:
        DataError: there is no manifest, a use was asked for that is trained on, or a delay is no number.
    """
    trained = [use for use in uses if use not in HELD_OUT]
    if trained:
        raise DataError(f"clips marked {trained[0]!r} are trained on and measure nothing; use {HELD_OUT}")
    return _rows(folder, uses)


def _rows(folder: Path, uses: Sequence[str]) -> list[ManifestRow]:
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
            licence=r.get("licence") or "",
            source=r.get("source") or "",
            audio_delay=_seconds(r.get("truth_delay_ms"), folder, r["file"]),
            text=_text(r.get("source") or "", Path(r["file"])),
        )
        for r in rows
        if r["use"] in uses
    ]


def _text(source: str, file: Path) -> str:
    """What is said in a sentence of GRID, from its file name, after a "_" where there is one."""
    if source.split("_")[0] != "grid":
        return ""
    try:
        return " ".join(grid_words(file.stem.split("_")[-1]))
    except DataError:
        return ""


def _seconds(text: str | None, folder: Path, file: str) -> float | None:
    if not text or not text.strip():
        return None
    try:
        return float(text) / 1000
    except ValueError:
        raise DataError(f"{folder / 'manifest.csv'}: truth_delay_ms of {file} is {text!r}, not a number") from None
