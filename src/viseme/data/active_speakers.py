"""Labels of three active-speaker corpora, as they are published, with their counts. Knows files of labels only.

ASW: `json/<video>.json` and `split/<name>set.list` of clovaai/lookwhostalking. AVA-ActiveSpeaker: one CSV a video, or
one for all. Columbia: `<speaker>.txt` of one long video. Media are never downloaded here.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from viseme.core.errors import DataError

__all__ = [
    "ASW_COUNTS",
    "AVA_LABELS",
    "COLUMBIA_SPEAKERS",
    "AswCounts",
    "LabelledTrack",
    "ava_rows",
    "check_asw_counts",
    "read_asw",
    "read_ava",
    "read_columbia",
]


@dataclass(frozen=True)
class LabelledTrack:
    """One face as the labels give it."""

    video: str
    entity: str
    times: NDArray[np.float64]
    """(T,) seconds."""
    boxes: NDArray[np.float64]
    """(T, 4) xyxy in fractions of the frame (Columbia: see there); may leave it."""
    speaking: NDArray[np.bool_]
    """(T,)"""
    scored: NDArray[np.bool_]
    """(T,) whether the instant counts."""


@dataclass(frozen=True)
class AswCounts:
    """What one split of ASW holds."""

    videos: int
    tracks: int
    scored: int
    active: int | None = None


ASW_COUNTS: Mapping[str, AswCounts] = MappingProxyType(
    {
        "dev": AswCounts(106, 4676, 240_536),
        "val": AswCounts(53, 3483, 171_269),
        "test": AswCounts(53, 3392, 142_691, 60_833),
    }
)
"""Counted in the published labels. (The papers print hours that look swapped: 4.5 active, 3.4 inactive; counted are
3.38 active, 4.55 inactive.)"""


def read_asw(folder: Path, split: str = "test") -> list[LabelledTrack]:
    """Tracks of one split of ASW.

    Args:
        folder: A copy of clovaai/lookwhostalking: `json/` and `split/`.
        split: "dev", "val" or "test".

    Raises:
        DataError: a file is missing or not what it should be.
    """
    listing = folder / "split" / f"{split}set.list"
    try:
        names = [line.split()[0] for line in listing.read_text(encoding="utf-8").splitlines() if line.strip()]
    except FileNotFoundError:
        raise DataError(f"there is no {listing}; give a copy of clovaai/lookwhostalking") from None
    tracks: list[LabelledTrack] = []
    for name in names:
        video = Path(name).name.removesuffix(".json")
        path = folder / "json" / f"{video}.json"
        try:
            entries = json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise DataError(f"{listing.name} names {video}, but there is no {path}") from None
        except ValueError as error:
            raise DataError(f"{path} is not JSON: {error}") from None
        try:
            tracks += [_asw_track(video, entity, rows) for entity, rows in entries.items() if rows]
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise DataError(f"{path} is not an ASW label file: {error!r}") from None
    return tracks


def _asw_track(video: str, entity: str, rows: Sequence[Mapping]) -> LabelledTrack:
    return LabelledTrack(
        video=video,
        entity=entity,
        times=np.array([r["time"] for r in rows], float),
        boxes=np.array([r["bbox"] for r in rows], float).reshape(-1, 4),
        speaking=np.array([int(r["label"]) == 1 for r in rows]),
        scored=np.array([int(r["eval"]) == 1 for r in rows]),
    )


def check_asw_counts(tracks: Sequence[LabelledTrack], split: str) -> AswCounts:
    """Count the labels and compare with what was published.

    Raises:
        DataError: another number of videos, tracks, scored or active instants: not the split it says it is.
    """
    wanted = ASW_COUNTS[split]
    scored = sum(int(t.scored.sum()) for t in tracks)
    active = sum(int((t.scored & t.speaking).sum()) for t in tracks)
    found = AswCounts(len({t.video for t in tracks}), len(tracks), scored, active)
    for name in ("videos", "tracks", "scored", "active"):
        expected = getattr(wanted, name)
        if expected is not None and getattr(found, name) != expected:
            raise DataError(
                f"ASW {split} should hold {expected} {name}, these labels hold {getattr(found, name)}; "
                "get them again, or pass --any-labels to score what is there"
            )
    return found


AVA_COLUMNS = ("video_id", "frame_timestamp", "x1", "y1", "x2", "y2", "label", "entity_id")
AVA_LABELS = ("NOT_SPEAKING", "SPEAKING_NOT_AUDIBLE", "SPEAKING_AUDIBLE")


def read_ava(path: Path) -> list[LabelledTrack]:
    """Tracks of AVA-ActiveSpeaker: a CSV, or a folder of them; with or without a header line.

    A row counts as speaking when its label is SPEAKING_AUDIBLE, also where the speech is dubbed.

    Raises:
        DataError: a file is missing, a row is malformed, a label unknown, or a key comes twice.
    """
    files = sorted(path.glob("*.csv")) if path.is_dir() else [path]
    if not files:
        raise DataError(f"{path} holds no CSV of labels")
    grouped: dict[tuple[str, str], list[tuple[float, tuple[float, ...], str]]] = {}
    seen: set[tuple[str, str]] = set()
    for file in files:
        for number, row in enumerate(ava_rows(file), start=1):
            try:
                video, stamp, *corners = row[:6]
                label, entity = row[6], row[7]
                box = tuple(float(c) for c in corners)
                time = float(stamp)
            except (IndexError, ValueError):
                raise DataError(f"{file.name}, row {number}: not a row of AVA-ActiveSpeaker: {row}") from None
            if label not in AVA_LABELS:
                raise DataError(f"{file.name}, row {number}: unknown label {label!r}; known: {', '.join(AVA_LABELS)}")
            key = (stamp, entity)
            if key in seen:
                raise DataError(f"{file.name}, row {number}: {stamp}:{entity} comes twice")
            seen.add(key)
            grouped.setdefault((video, entity), []).append((time, box, label))
    tracks = []
    for (video, entity), rows in grouped.items():
        rows.sort()
        tracks.append(
            LabelledTrack(
                video=video,
                entity=entity,
                times=np.array([t for t, _, _ in rows]),
                boxes=np.array([b for _, b, _ in rows]).reshape(-1, 4),
                speaking=np.array([label == "SPEAKING_AUDIBLE" for _, _, label in rows]),
                scored=np.ones(len(rows), bool),
            )
        )
    return tracks


def ava_rows(file: Path) -> Iterable[list[str]]:
    """Rows of a CSV without its header, if it has one.

    Raises:
        DataError: it cannot be read.
    """
    try:
        with file.open(newline="", encoding="utf-8") as text:
            rows = [row for row in csv.reader(text) if row]
    except (FileNotFoundError, UnicodeDecodeError) as error:
        raise DataError(f"{file} cannot be read as CSV: {error}") from None
    return rows[1:] if rows and rows[0][0] == "video_id" else rows


COLUMBIA_SPEAKERS = ("bell", "boll", "lieb", "long", "sick")
"""Those of the mean; Abbas is labelled and left out, as everybody does."""
COLUMBIA_RATE = 29.97


def read_columbia(folder: Path, *, width: int = 640, height: int = 360) -> list[LabelledTrack]:
    """Tracks of the Columbia panel discussion: `<speaker>.txt`, rows of frame, x, y, width, label, tab-separated.

    Frame `f` of 29.97 a second stands for frame `int(f / 29.97 * 25)` of the video at 25 a second, as the published
    evaluations have it. Boxes are squares.

    Args:
        folder: Of the text files.
        width: Of the frames that the boxes speak of, pixels.
        height: Of these frames.

    Raises:
        DataError: a speaker's file is missing or malformed.
    """
    tracks = []
    for name in COLUMBIA_SPEAKERS:
        path = folder / f"{name}.txt"
        try:
            lines = path.read_text(encoding="utf-8").split("\n")
        except FileNotFoundError:
            raise DataError(f"there is no {path}; give the folder with {', '.join(COLUMBIA_SPEAKERS)}.txt") from None
        try:
            rows = [[float(v) for v in line.split("\t")[:5]] for line in lines if line.strip()]
            frames, x, y, side, label = np.array(rows, float).reshape(-1, 5).T
        except ValueError:
            raise DataError(f"{path} is not a Columbia label file (frame, x, y, width, label by tabs)") from None
        frames = np.floor(np.floor(frames) / COLUMBIA_RATE * 25)
        tracks.append(
            LabelledTrack(
                video="columbia",
                entity=name,
                times=frames / 25,
                boxes=np.stack([x / width, y / height, (x + side) / width, (y + side) / height], -1),
                speaking=label == 1,
                scored=np.ones(len(rows), bool),
            )
        )
    return tracks
