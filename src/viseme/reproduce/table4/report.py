"""Table 4 as Markdown and JSON: every loss over all seeds, beside the published rows, and which pairs are told apart.

Knows answers; refuses to know how they were got.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from viseme.metrics.intervals import Interval, bootstrap_mean
from viseme.reproduce.table4.published import COLUMNS, LOSSES, PUBLISHED
from viseme.reproduce.table4.stability import stability_table
from viseme.reproduce.tables import Table, write_tables

__all__ = ["Table4Result", "write_report"]

LOWER = ("fid-mbv2", "lmd_px@256", "vsd", "lse_d")
"""Metrics of which less is better."""
DIGITS = {"psnr": 2, "fid-mbv2": 1, "lmd_px@256": 3}


@dataclass(frozen=True, kw_only=True)
class Table4Result:
    """What `viseme reproduce table4` found."""

    path: Path
    """The Markdown file; the JSON file lies beside it."""
    means: dict[str, dict[str, Interval]]
    """Loss -> metric -> mean over clips, seeds averaged."""
    text: str
    """The Markdown."""

    def __str__(self) -> str:
        return self.text


def write_report(
    out: Path, answers: Sequence[dict[str, Any]], names: Sequence[str], losses: Any, settings: dict[str, Any]
) -> Table4Result:
    """Write `table4.md` and `table4.json`.

    Args:
        out: Folder.
        answers: Of all runs: `loss`, `seed`, `clips`, `sets`.
        names: Metrics.
        losses: Of `real_losses`.
        settings: What was run; goes into the head and the record.
    """
    values = {loss: _values([a for a in answers if a["loss"] == loss]) for loss in LOSSES}
    sets = {loss: [a["sets"] for a in answers if a["loss"] == loss] for loss in LOSSES}
    of_clips = [n for n in names if any(n in clip for found in values.values() for clip in found.values())]
    means = {loss: {n: _mean(values[loss], n) for n in of_clips} for loss in LOSSES}
    tables = [
        _table(means, sets, names, answers),
        _published(),
        _pairs(values, of_clips),
        stability_table(losses),
    ]
    head = (
        "# Table 4: one talker under four sync losses\n\n"
        "Recipe {recipe} ({parameters:.2f} M parameters), {learnt} clips learnt from, the same batches, experts and "
        "{sync_steps} updates with the sync loss after one common reconstruction of each seed ({alone} updates); "
        "{num_dev} clips measured, each saying its own audio with a reference a second away, put back into its frame. "
        "Judged by {expert}, which took no part in training. Brackets: 95 % bootstrap over clips, seeds averaged. "
        "The published rows are of LRS2, of a generator of 53.1 M parameters and of AV-HuBERT: only the order compares."
    ).format(**settings)
    record = {"settings": settings, "answers": list(answers), "means": means, "stability": losses}
    path = write_tables(out, "table4", tables, record, head=head)
    return Table4Result(path=path, means=means, text=path.read_text(encoding="utf-8"))


def _values(answers: Sequence[dict[str, Any]]) -> dict[str, dict[str, float]]:
    """Clip -> metric -> mean over seeds."""
    found: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for answer in answers:
        for clip, metrics in answer["clips"].items():
            for name, value in metrics.items():
                found[clip][name].append(value)
    return {clip: {n: float(np.mean(v)) for n, v in metrics.items()} for clip, metrics in found.items()}


def _mean(values: dict[str, dict[str, float]], name: str) -> Interval:
    return bootstrap_mean(np.array([clip[name] for clip in values.values() if name in clip]))


def _table(means: Any, sets: Any, names: Sequence[str], answers: Sequence[dict[str, Any]]) -> Table:
    rows = []
    for loss in LOSSES:
        cells = []
        for name in names:
            if name in means[loss]:
                cells.append(means[loss][name].text(DIGITS.get(name, 3)))
            else:
                of_seeds = [s[name] for s in sets[loss] if name in s]
                span = f"{min(of_seeds):.1f} to {max(of_seeds):.1f}" if of_seeds else "-"
                cells.append(f"{np.mean(of_seeds):.1f} ({span})" if of_seeds else "-")
        rows.append((loss, *cells))
    seeds = len({a["seed"] for a in answers})
    left_out = sorted({f"{c}: {why}" for a in answers for c, why in a["left_out"].items()})
    return Table(
        title="Here",
        header=("sync loss", *names),
        rows=tuple(rows),
        notes=(
            f"{seeds} seeds; a distance between sets of frames: mean over seeds, least and most",
            *(f"left out: {name}" for name in left_out),
        ),
    )


def _published() -> Table:
    return Table(
        title="Published (LRS2)",
        header=("sync loss", *COLUMNS),
        rows=tuple((loss, *PUBLISHED[loss]) for loss in LOSSES),
        notes=("Yaman et al. 2024, Table 4; FID with Inception's features, LSE with SyncNet, AVS with AV-HuBERT",),
    )


def _pairs(values: dict[str, dict[str, dict[str, float]]], names: Sequence[str]) -> Table:
    """Whether each loss betters the one before it, over the same clips."""
    rows = []
    for worse, better in pairwise(LOSSES):
        cells = []
        for name in names:
            sign = -1.0 if name in LOWER else 1.0
            both = [c for c in values[worse] if name in values[worse][c] and name in values[better].get(c, {})]
            gain = bootstrap_mean(np.array([sign * (values[better][c][name] - values[worse][c][name]) for c in both]))
            told = "yes" if gain.low > 0 else "no, the other way" if gain.high < 0 else "not told apart"
            cells.append(f"{told} ({gain.text(DIGITS.get(name, 3))})")
        rows.append((f"{better} better than {worse}", *cells))
    return Table(
        title="Order",
        header=("pair", *names),
        rows=tuple(rows),
        notes=("in brackets the gain, positive = better, with its 95 % bootstrap interval over clips",),
    )
