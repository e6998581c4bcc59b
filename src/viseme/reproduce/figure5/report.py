"""Figure 5 as a plot, as tables and as JSON. Knows curves; draws with matplotlib (extra `[bench]`)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from viseme.reproduce.figure5.changes import FARTHEST, KINDS, SCALES, Change
from viseme.reproduce.figure5.curves import Point, curve, metric_keys, points_of_kind
from viseme.reproduce.figure5.measure import Answer, Plan
from viseme.reproduce.tables import Table, write_tables

__all__ = ["Figure5Result", "write_report"]

SUMMARY = (
    *(Change("shift", sign * by) for by in (8.0, FARTHEST) for sign in (-1, 1)),
    *(Change("rotation", sign * 15.0) for sign in (-1, 1)),
    *(Change("scale", by) for by in (SCALES[0], SCALES[-1])),
)
"""What the first table shows, or what is nearest to it: changes of at most 3 % here are the goal for our speech
expert."""
HEAD = """# Figure 5: what shifts, turns and scales do to measures of lip sync

Mean over clips with 95 % bootstrap intervals over clips. `crop`: the aligned crop is changed, which asks the network;
`frame`: the frame is changed about the face before faces are sought, which asks everything. Shifts are in pixels of the
256-pixel canvas on which AV-HuBERT aligns faces (outer eye corners 74 apart), turns counter-clockwise. Numbers of
different networks are not comparable; losses are.
"""


@dataclass(frozen=True)
class Figure5Result:
    """What was measured, and where it was written."""

    path: Path
    """The Markdown file; `figure5.json`, `figure5.png` and `figure5.svg` lie beside it."""
    tables: tuple[Table, ...]

    def __str__(self) -> str:
        return self.tables[0].markdown()


def write_report(out: Path, answers: Sequence[Answer], plan: Plan, settings: dict[str, Any]) -> Figure5Result:
    """Write everything.

    Args:
        out: Folder.
        answers: Of all clips.
        plan: What was done.
        settings: For the JSON file.

    Raises:
        OutputError: the folder cannot be written.
    """
    used = [a for a in answers if not a.left_out]
    tables = [_summary(used, answers, plan)]
    curves: dict[tuple[str, str, str], list[Point]] = {}
    for mode in plan.modes:
        keys = metric_keys(used, mode)
        for kind in KINDS:
            changes = points_of_kind(plan.changes, kind)
            found = {key: curve(used, key, mode, changes) for key in keys}
            curves |= {(mode, kind, key): points for key, points in found.items()}
            if keys and len(changes) > 1:
                tables.append(_table(mode, kind, found, changes))
    record = {
        **settings,
        "clips": [{"name": a.name, "left_out": a.left_out} for a in answers],
        "points": [_record(mode, kind, key, p) for (mode, kind, key), points in curves.items() for p in points],
    }
    path = write_tables(out, "figure5", tables, record, head=HEAD)
    _draw(out, curves)
    return Figure5Result(path, tuple(tables))


def _summary(used: Sequence[Answer], answers: Sequence[Answer], plan: Plan) -> Table:
    """Losses at the changes of the goal."""
    kinds = {c.kind for c in plan.changes}
    asked = list(dict.fromkeys(_nearest(plan.changes, wanted) for wanted in SUMMARY if wanted.kind in kinds))
    rows = []
    for mode in plan.modes:
        for key in metric_keys(used, mode):
            points = curve(used, key, mode, asked)
            rows.append((key, mode, *(f"{p.loss.text(1, scale=100)} (n {p.num})" for p in points)))
    left_out = [f"left out: {a.name}: {a.left_out}" for a in answers if a.left_out]
    speakers = len({a.speaker for a in used})
    return Table(
        title="Loss in % of the unchanged value (of distances: gain)",
        header=(
            "metric",
            "mode",
            *(f"{c.kind} {c.value:g}" if c.kind == "scale" else f"{c.kind} {c.value:+g}" for c in asked),
        ),
        rows=tuple(rows),
        notes=(f"n = {len(used)} clips of {speakers} speakers; no clip is trained on", *left_out),
    )


def _nearest(changes: Sequence[Change], wanted: Change) -> Change:
    return min((c for c in changes if c.kind == wanted.kind), key=lambda c: abs(c.value - wanted.value))


def _table(mode: str, kind: str, found: dict[str, list[Point]], changes: Sequence[Change]) -> Table:
    rows = []
    for number, change in enumerate(changes):
        points = [points[number] for points in found.values()]
        nums = sorted({(p.num, p.num_lost) for p in points})
        counts = ", ".join(f"{num}" + (f" ({lost} lost)" if lost else "") for num, lost in nums)
        rows.append(
            (
                f"{change.value:+g}" if kind != "scale" else f"{change.value:g}",
                *map(str, (p.mean for p in points)),
                counts,
            )
        )
    unit = KINDS[kind]  # type: ignore[index]
    notes = ("lost: no face was followed under the change",) if mode == "frame" else ()
    return Table(title=f"{kind}, {mode}", header=(unit, *found, "n"), rows=tuple(rows), notes=notes)


def _record(mode: str, kind: str, key: str, point: Point) -> dict[str, Any]:
    return {
        "mode": mode, "kind": kind, "value": point.change.value, "metric": key, "mean": point.mean, "loss": point.loss,
        "n": point.num, "lost": point.num_lost,
    }  # fmt: skip


def _draw(out: Path, curves: dict[tuple[str, str, str], list[Point]]) -> None:
    """A row for each metric, a column for each kind of change, a line for each mode."""
    from matplotlib.figure import Figure

    keys = list(dict.fromkeys(key for _, _, key in curves))
    figure = Figure(figsize=(10.5, 2.1 * max(len(keys), 1) + 0.6), layout="constrained")
    axes = figure.subplots(max(len(keys), 1), len(KINDS), squeeze=False, sharey="row")
    for row, key in zip(axes, keys):
        for axis, (kind, unit) in zip(row, KINDS.items()):
            for mode, colour in (("crop", "#b3541e"), ("frame", "#1f5fa8")):
                points = curves.get((mode, kind, key), [])
                if not points:
                    continue
                x = [p.change.value for p in points]
                axis.plot(x, [p.mean.value for p in points], color=colour, marker="o", markersize=3, label=mode)
                axis.fill_between(
                    x,
                    [p.mean.low for p in points],
                    [p.mean.high for p in points],
                    color=colour,
                    alpha=0.18,
                    linewidth=0,
                )
            axis.set_xlabel(f"{kind}, {unit}")
            axis.grid(alpha=0.25)
        row[0].set_ylabel(key.replace("[", "\n["), fontsize=7)
        row[0].legend(fontsize=8)
        row[0].set_ylim(bottom=min(0.0, row[0].get_ylim()[0]))  # or a change of a percent fills the axis
    for suffix in ("png", "svg"):
        figure.savefig(out / f"figure5.{suffix}", dpi=130, metadata={} if suffix == "png" else {"Date": None})
