"""What a corpus reader hands out, and the counts it must find. Read this first.

Knows names and numbers; opens no media. A reader is a function of a folder and the name of a part.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from viseme.core.errors import DataError, OutputError
from viseme.core.registry import Registry
from viseme.media.files import replacing

__all__ = ["COLUMNS", "CorpusClip", "Counts", "corpora", "counts_of", "require_counts", "write_manifest"]

COLUMNS = ("file", "use", "source", "speaker", "language", "truth_delay_ms", "licence")
"""Of `manifest.csv`; readers of it look at columns by name and ignore others."""


@dataclass(frozen=True, kw_only=True)
class CorpusClip:
    """One clip of a corpus."""

    path: Path
    """The video."""
    source: str
    """Name of the corpus."""
    part: str
    """As the corpus calls it: dev, test, pretrain, ..."""
    speaker: str
    """Who speaks; the video's name where the corpus does not say."""
    video: str
    """The recording it was cut from."""
    licence: str
    """What the corpus says about use."""
    language: str = ""
    """ISO 639-1; empty = not said."""
    audio_delay: float | None = None
    """Seconds by which the audio is late, as the corpus says; None = it does not say."""


@dataclass(frozen=True)
class Counts:
    """How much of something there is; None = not published."""

    clips: int | None = None
    videos: int | None = None
    speakers: int | None = None


corpora: Registry[Callable[..., list[CorpusClip]]] = Registry(
    "corpus",
    {
        "voxceleb2": "viseme.data.voxceleb2:read_voxceleb2",
        "lrs2": "viseme.data.lrs:read_lrs2",
        "lrs3": "viseme.data.lrs:read_lrs3",
        "lrw": "viseme.data.lrw:read_lrw",
        "hdtf": "viseme.data.lrw:read_hdtf",
        "grid": "viseme.data.grid:read_grid",
    },
)
"""Name -> reader; `corpora["voxceleb2"](folder, "test")`."""


def counts_of(clips: Iterable[CorpusClip]) -> Counts:
    """Clips, distinct videos and distinct speakers."""
    some = list(clips)
    return Counts(len(some), len({(c.speaker, c.video) for c in some}), len({c.speaker for c in some}))


def require_counts(clips: Sequence[CorpusClip], expected: Counts, what: str) -> None:
    """Check clips against the published counts.

    Raises:
        DataError: a count differs; the message says all that do.
    """
    found = counts_of(clips)
    wrong = [
        f"{getattr(found, name):,} {name} instead of {number:,}"
        for name in ("clips", "videos", "speakers")
        if (number := getattr(expected, name)) is not None and getattr(found, name) != number
    ]
    if wrong:
        raise DataError(
            f"{what} has {', '.join(wrong)}: files are missing or do not belong there; "
            "pass check=False (--no-check) to go on"
        )


def write_manifest(folder: Path, clips: Sequence[CorpusClip], *, use: str, add: bool = False) -> Path:
    """Write the table of clips that training and reproductions read.

    Args:
        folder: Where `manifest.csv` goes; made when missing. Clips stay where they are.
        clips: From a reader.
        use: "train" for what is learnt from, "dev" for what is measured.
        add: Append to the table there; else a table that is there is refused.

    Raises:
        DataError: no clips, an unknown use, a table that is there and should not be added to, or one of other columns.
        OutputError: disk full, no permission.
    """
    if use not in ("train", "train-research", "dev", "dev-foreign"):
        raise DataError(f"there is no use {use!r}; known: train, train-research, dev, dev-foreign")
    if not clips:
        raise DataError("there are no clips to write into a manifest")
    path = folder / "manifest.csv"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{folder} cannot be made: {error.strerror}") from error
    if path.exists() and not add:
        raise DataError(f"{path} exists; pass add=True (--add) to append to it, or name another folder")
    kept: list[dict[str, Any]] = []
    if path.exists():
        with path.open(newline="", encoding="utf-8") as file:
            reader = csv.DictReader(file)
            kept = list(reader)
        if tuple(reader.fieldnames or ()) != COLUMNS:
            raise DataError(f"{path} has other columns than {', '.join(COLUMNS)}; name another folder")
    rows = [
        {
            "file": str(clip.path.absolute()),
            "use": use,
            "source": clip.source,
            "speaker": clip.speaker,
            "language": clip.language,
            "truth_delay_ms": "" if clip.audio_delay is None else f"{1000 * clip.audio_delay:.6g}",
            "licence": clip.licence,
        }
        for clip in clips
    ]
    table = io.StringIO(newline="")
    writer: csv.DictWriter[str] = csv.DictWriter(table, COLUMNS)
    writer.writeheader()
    writer.writerows(kept + rows)
    with replacing(path) as file:
        file.write(table.getvalue().encode())
    return path
