"""The evaluation as tables and as JSON, beside the published rows. Knows scores; measures nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeVar

from viseme.core.scores import ScoreResult
from viseme.metrics.intervals import wilson
from viseme.metrics.lip_opening import CLOSED
from viseme.metrics.metric_choice import short_name
from viseme.reproduce.lipsync3d.measured import OPENING, PersonScores
from viseme.reproduce.tables import Table, write_tables

__all__ = ["PUBLISHED", "Lipsync3dResult", "write_report"]

PUBLISHED = (
    ("LipSync3D, published (10 speakers)", ".94", ".80", ".25", "18"),
    ("Vougioukas et al. 2019, as published there", ".81", "1.32", ".26", "23"),
    ("Chen et al. 2019, as published there", ".81", "1.37", ".17", "70"),
)
"""Name, SSIM, LMD, CPBD, word errors on GRID (Lahiri et al. 2021, Table 1)."""
HEAD = """# LipSync3D: self-reenactment, leakage, other voices

Means over held-out sentences with 95 % bootstrap intervals. A dub is encoded by H.264 and marked before it is scored;
the published rows come from other crops, other encoders and another reader of lips: beside them, not against them.
"""
_T = TypeVar("_T")
KINDS = {
    "own": "own audio",
    "cross": "another sentence of the person",
    "silent": "digital silence",
    "voices": "other people's voices",
}


@dataclass(frozen=True)
class Lipsync3dResult:
    """What was measured, and where it was written."""

    path: Path
    """The Markdown file; `lipsync3d.json` lies beside it."""
    tables: tuple[Table, ...]

    def __str__(self) -> str:
        return "\n".join(table.markdown() for table in self.tables)


def write_report(
    out: Path,
    found: Sequence[PersonScores],
    settings: dict[str, Any],
    ablations: Sequence[tuple[Table, Sequence[Any]]] = (),
) -> Lipsync3dResult:
    """Write `lipsync3d.md` and `lipsync3d.json`.

    Args:
        out: Folder.
        found: People.
        settings: For the JSON file.
        ablations: Tables and their records.

    Raises:
        OutputError: the folder cannot be written.
    """
    tables = (_images(found), _sync(found), _trained(found), *(table for table, _ in ablations))
    record = {
        **settings,
        "people": [_record(person) for person in found],
        "ablations": {table.title: records for table, records in ablations},
    }
    return Lipsync3dResult(write_tables(out, "lipsync3d", tables, record, head=HEAD), tables)


def _images(found: Sequence[PersonScores]) -> Table:
    names = ("ssim", "lmd_px@256", "cpbd", "wer_lips", "ssim@lower256", "lmd_iod", "cpbd@lower256", "jitter")
    rows = []
    for person in found:
        result = person.scores["own"]
        rows.append((f"{person.name}, dubbed", *(_value(result, name) for name in names), str(len(result.clips))))
        for anchor, called in (("reference", "real"), ("still_face", "still face")):
            known = result.anchors.get(anchor, {})
            cells = (_number(_named(known, name), name) for name in names)
            rows.append((f"{person.name}, {called}", *cells, str(len(result.clips))))
    rows += [(*row, "-", "-", "-", "-", "-") for row in PUBLISHED]
    return Table(
        title="Self-reenactment",
        header=(
            "", "SSIM", "LMD, px of 256", "CPBD", "word errors, %", "SSIM, lower face", "LMD, % of the eyes",
            "CPBD, lower face", "jitter", "n",
        ),
        rows=tuple(rows),
        notes=(
            "Published LMD is in pixels of a crop that the paper does not tell; ours in those of a face of 256.",
            "Word errors of the paper are LipNet's, ours those of the speech expert that was named.",
        ),
    )  # fmt: skip


def _sync(found: Sequence[PersonScores]) -> Table:
    rows = []
    for person in found:
        real = person.scores["own"].anchors.get("reference", {})
        for kind in person.made:
            hits, num = person.in_sync(kind)
            result = person.scores.get(kind)
            cells = [_value(result, name) if result else "-" for name in ("vsc", "avs_u")]
            opening = _opening(person) if kind == "silent" else "-"
            wrong = f"{person.told_wrong(kind)} of {num}"
            rows.append(
                (person.name, KINDS[kind], wilson(hits, num).text(1, scale=100), wrong, *cells, opening, str(num))
            )
        known = (_number(_named(real, name), name) for name in ("vsc", "avs_u"))
        rows.append((person.name, "real clips", "-", "-", *known, "-", str(len(person.scores["own"].clips))))
    return Table(
        title="Does the mouth follow the audio?",
        header=("person", "audio", "in sync, %", "out of sync", "VSC", "AVS_u", "opening, % of the eyes", "n"),
        rows=tuple(rows),
        notes=(
            "What is neither in nor out of sync could not be told, as of silence.",
            "Opening: made under silence; of the real clips' tenth that opens least; of all their frames; then the "
            "first over the second. Below .2 % of the eyes, a fifth of a pixel here, a ratio compares noise.",
        ),
    )


def _opening(person: PersonScores) -> str:
    result = person.scores["silent"]
    made = result.metrics[OPENING].valid
    closed, real = (_named(result.anchors.get(name, {}), OPENING) for name in (CLOSED, "reference"))
    if person.silence is None or made is None or closed is None or real is None:
        return "-"
    low, high = person.silence.interval
    shown = ", ".join(f"{100 * value:.2f}" for value in (made, closed, real))
    return f"{shown}; {person.silence.value:.2f} [{low:.2f}, {high:.2f}]"


def _trained(found: Sequence[PersonScores]) -> Table:
    names = ("ssim", "ssim_still", "mouth_percent", "mouth_still_percent", "opening_correlation", "opening_ratio")
    return Table(
        title="Held-out frames, before a face is put into a video",
        header=("person", *names, "frames", "frames per second of a dub"),
        rows=tuple(
            (p.name, *(_number(p.trained.get(n), n) for n in names), f"{p.trained.get('frames', 0):.0f}",
             f"{p.frame_rate():.1f}")
            for p in found
        ),
        notes=("Frames per second: following, writing and checking, of the wall time of every dub.",),
    )  # fmt: skip


def _value(result: ScoreResult, name: str) -> str:
    metric = _named(result.metrics, name)
    if metric is None or metric.value is None:
        return "-"
    text = _number(metric.value, name)
    if metric.interval is None:
        return text
    return f"{text} [{_number(metric.interval[0], name)}, {_number(metric.interval[1], name)}]"


def _named(values: Mapping[str, _T], name: str) -> _T | None:
    """The value under a name, which may say in brackets whose it is."""
    return next((value for key, value in values.items() if short_name(key) == name), None)


def _number(value: float | None, name: str) -> str:
    if value is None:
        return "-"
    return f"{100 * value:.1f}" if name.startswith("wer") else f"{value:.3f}"


def _record(person: PersonScores) -> dict[str, Any]:
    return {
        "name": person.name,
        "trained": dict(person.trained),
        "made": {kind: [asdict(m) for m in some] for kind, some in person.made.items()},
        "scores": {kind: result.to_json() for kind, result in person.scores.items()},
        "silence": None if person.silence is None else asdict(person.silence),
    }
