"""One clip under every change, by every network. Knows files of answers; refuses to know how they are reported."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import numpy as np

from viseme.core.errors import DataError, VisemeError
from viseme.data.manifest import ManifestRow
from viseme.media import Frame
from viseme.reproduce.figure5.changes import UNCHANGED, Change, changed_frame
from viseme.reproduce.figure5.looks import Look, look_at
from viseme.reproduce.figure5.meters import Meter, Mode, Networks, load_meters

__all__ = ["Answer", "Plan", "measure_clip", "read_answer"]


@dataclass(frozen=True)
class Plan:
    """What is done with every clip."""

    networks: Networks
    changes: tuple[Change, ...]
    modes: tuple[Mode, ...]
    seconds: float
    """From the beginning of each clip."""


@dataclass(frozen=True)
class Answer:
    """What one clip gave."""

    name: str
    speaker: str
    left_out: str
    """Why it could not be measured at all; empty = it was."""
    values: dict[tuple[str, str, float], dict[str, float]]
    """(mode, kind, value of the change) -> key of the metric -> value; empty where no face was followed."""


def measure_clip(row: ManifestRow, plan: Plan, path: Path) -> None:
    """Measure a clip and write its answer."""
    name = f"{row.path.parent.name}/{row.path.name}"
    record: dict[str, Any] = {"name": name, "speaker": row.speaker, "left_out": "", "values": []}
    try:
        clean = look_at(row.path, plan.seconds)
    except VisemeError as error:
        clean, record["left_out"] = None, str(error)
    if clean is None:
        record["left_out"] = record["left_out"] or "no face is followed for a second"
    else:
        record["values"] = _values(row.path, clean, plan)
    temporary = path.with_suffix(".partial")
    temporary.write_text(json.dumps(record), encoding="utf-8")
    temporary.replace(path)


def read_answer(path: Path) -> Answer:
    """What `measure_clip` wrote."""
    record = json.loads(path.read_text(encoding="utf-8"))
    values = {(mode, kind, value): found for mode, kind, value, found in record["values"]}
    return Answer(record["name"], record["speaker"], record["left_out"], values)


def _values(path: Path, clean: Look, plan: Plan) -> list[tuple[str, str, float, dict[str, float]]]:
    meters, out = _meters(plan.networks), []
    px = float(np.median(clean.canvas_px))
    for change in plan.changes:
        if "crop" in plan.modes:
            asked = [m for m in meters if "crop" in m.modes]
            out.append(("crop", change.kind, change.value, _measured(asked, clean, change, clean)))
        if "frame" in plan.modes:
            done = partial(changed_frame, change=change, px=px, centre=clean.centre)
            look = clean if change.is_none else _look_again(path, plan.seconds, done)
            found = {} if look is None else _measured(meters, look, UNCHANGED, clean)
            out.append(("frame", change.kind, change.value, found))
    return out


def _look_again(path: Path, seconds: float, change: Callable[[Frame], Frame]) -> Look | None:
    """None where the change has cost the face, or made two of it."""
    try:
        return look_at(path, seconds, change)
    except DataError:
        return None


def _measured(meters: list[Meter], look: Look, change: Change, clean: Look) -> dict[str, float]:
    found = {k: v for meter in meters for k, v in meter.measure(look, change, clean).items()}
    return {key: value for key, value in found.items() if np.isfinite(value)}


@lru_cache(maxsize=1)
def _meters(networks: Networks) -> list[Meter]:
    return load_meters(networks)
