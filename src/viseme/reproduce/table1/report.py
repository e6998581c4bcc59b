"""Table I as Markdown and JSON: rows over all folds and seeds, beside the published numbers."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from viseme.metrics.intervals import Interval, bootstrap
from viseme.reproduce.table1.answers import FoldAnswer
from viseme.reproduce.table1.rows import E1_ROWS, FIT_ROWS, PUBLISHED_E1, PUBLISHED_E2
from viseme.reproduce.tables import Table, write_tables

__all__ = ["Table1Result", "e1_table", "write_report"]

KINDS = ("real", "synthetic")
TITLES = {
    "e1": "E1, DSP's Table I",
    "fit": "E1 without networks",
    "freed": "E1 against a sharper ground truth",
}
GROUND_TRUTHS = {
    "e1": "GT: E-Net trained on, on the held-out fold alone (half as many steps, same losses, no augmentation), with "
    "its columns; where that has not converged, ratios are too kind to every method alike.",
    "freed": "GT: that network's coefficients freed and fitted to the tracked landmarks: what no network can beat.",
    "fit": "No network: landmark-fit on all frames of a collection (GT), on each frame alone, which must tell "
    "pose, identity and expression apart by itself (per-image), and with the identity of every second frame for the "
    "others (shared). Published numbers are of networks.",
}


@dataclass(frozen=True, kw_only=True)
class Table1Result:
    """What `viseme reproduce table1` found."""

    path: Path
    """The Markdown file; the JSON file lies beside it."""
    ratios: dict[str, Interval]
    """Method -> mean lip distance over that of the ground truth, all collections."""
    holds: bool
    """Whether E-Net's distance lies below the per-image baseline's, intervals apart."""
    holds_without_networks: bool
    """The same of landmark-fit: with shared identity below frame by frame."""
    text: str
    """The Markdown."""

    def __str__(self) -> str:
        return self.text


def write_report(
    out: Path, found: list[FoldAnswer], fits: list[FoldAnswer], settings: dict[str, Any], seconds: float
) -> Table1Result:
    """Write `table1.md` and `table1.json`.

    Args:
        out: Folder.
        found: Of the networks, every fold and seed.
        fits: Without networks, every fold.
        settings: What was run; goes into the head and the record.
        seconds: How long it took.
    """
    names = sorted({n for a in found for n in a.names})
    tables, record = _all_tables(names, found, fits)
    e1, without = record["e1_all"], record["fit_all"]
    record |= {
        "settings": settings,
        "holds": _below(e1["E-Net: β alone"], e1["per-image: β alone"]),
        "holds_without_networks": _below(without["shared: β alone"], without["per-image: β alone"]),
        "floor_percent_of_face_width": _floor(names, found),
        "seconds": seconds,
        "collections": names,
    }
    path = write_tables(out, "table1", tables, record, head=_head(record))
    return Table1Result(
        path=path,
        ratios={k: v["ratio"] for k, v in e1.items()},
        holds=record["holds"],
        holds_without_networks=record["holds_without_networks"],
        text=path.read_text(encoding="utf-8"),
    )


def _all_tables(
    names: Sequence[str], found: list[FoldAnswer], fits: list[FoldAnswer]
) -> tuple[list[Table], dict[str, Any]]:
    """E1 of all, real and synthetic collections, three ways; E2 three ways."""
    fold_of = {n: a.fold for a in found for n in a.names}
    kinds = {"all": names}
    kinds |= {k: [n for n in names if n.startswith("synthetic/") == (k == "synthetic")] for k in KINDS}
    tables: list[Table] = []
    record: dict[str, Any] = {}
    for part, answers in (("e1", found), ("fit", fits), ("freed", found)):
        for kind, some in kinds.items():
            if some and (kind == "all" or len(some) < len(names)):
                table, record[f"{part}_{kind}"] = e1_table(part, kind, some, fold_of, answers)
                tables.append(table)
    for part, title, answers in (
        ("e2", "E2, LMID's Table 1: clip by clip", found),
        ("fit_e2", "E2 without networks", fits),
        ("motion", "E2 with constant differences taken out", found),
    ):
        table, record[part] = _e2_table(title, names, answers, part)
        tables.append(table)
    return tables, record


def _below(mine: dict[str, Any], theirs: dict[str, Any]) -> bool:
    """Whether a mean distance lies below another, intervals apart."""
    return mine["mean"].value < theirs["mean"].value and mine["mean"].apart_from(theirs["mean"])


def _floor(names: Sequence[str], found: Sequence[FoldAnswer]) -> Interval:
    """Distance of the ground truth, per cent of the face width."""
    gt = _per_collection(names, found, "e1", "GT")
    width = np.array([np.mean([a.face_px[a.names.index(n)] for a in found if n in a.names]) for n in names])
    return bootstrap([100 * gt / width], np.mean)


def _head(record: dict[str, Any]) -> str:
    """The text above the tables."""
    e1, without, settings = record["e1_all"], record["fit_all"], record["settings"]
    mine, theirs = e1["E-Net: β alone"], e1["per-image: β alone"]
    shared, alone = without["shared: β alone"], without["per-image: β alone"]
    words = {True: "holds", False: "does not hold"}
    with_networks, without_networks = (words[record[k]] for k in ("holds", "holds_without_networks"))
    people = settings["strangers"]
    start = f"a backbone trained on landmarks of {people} other synthetic people" if people else "a random start"
    return "\n\n".join(
        [
            "# Table I: lip landmark distance with expression alone exchanged",
            f"The order E-Net < per-image, intervals apart, **{with_networks}**: {mine['mean'].text()} against "
            f"{theirs['mean'].text()} px (K = {len(record['collections'])}). E-Net over GT {mine['ratio'].text()} "
            f"(published 1.137), per-image over GT {theirs['ratio'].text()} (published 2.720).",
            "Without networks (landmark-fit with the identity of the clip's other half < landmark-fit of each frame "
            f"alone) it **{without_networks}**: {shared['ratio'].text()} against "
            f"{alone['ratio'].text()} of GT.",
            "K = {K_real} real (of {K_asked_real} asked) and {K_synthetic} synthetic collections of at most M = {M} "
            "frames ({frames} in all, {subjects} subjects as far as labelled), {folds} disjoint folds, {seeds} "
            "seeds, {steps} steps a network from {start}, the same frames for all methods".format(
                **settings, start=start
            )
            + f". GT floor {e1['GT']['mean'].text()} px, {record['floor_percent_of_face_width'].text(2)} % of the face "
            f"width (coefficients freed: {record['freed_all']['GT']['mean'].text()} px). Brackets: 95 % bootstrap over "
            "collections, seeds averaged. Pixels of the 224-pixel crop, all lip landmarks weigh 1. Published numbers "
            "are of other data and other networks: only ratios compare.",
        ]
    )


def _per_collection(names: Sequence[str], found: Sequence[FoldAnswer], part: str, row: str) -> NDArray[np.float64]:
    """(K,) distances of a row, mean over seeds."""
    values: dict[str, list[float]] = defaultdict(list)
    for answer in found:
        for name, value in zip(answer.names, getattr(answer, part)[row], strict=True):
            values[name].append(float(value))
    return np.array([np.mean(values[n]) for n in names])


def e1_table(
    part: str, kind: str, names: Sequence[str], fold_of: dict[str, int], found: Sequence[FoldAnswer]
) -> tuple[Table, dict[str, Any]]:
    """One E1 table and its numbers.

    Args:
        part: "e1", "freed" or "fit".
        kind: "all", "real" or "synthetic", for the title.
        names: Collections that take part.
        fold_of: Collection -> fold in which it was held out.
        found: All answers.
    """
    gt = _per_collection(names, found, part, "GT")
    folds = np.array([fold_of[n] for n in names])
    rows, numbers = [], {}
    for row, what in FIT_ROWS if part == "fit" else E1_ROWS:
        values = _per_collection(names, found, part, row)
        groups = [values[folds == f].mean() for f in np.unique(folds)]
        mean = bootstrap([values], np.mean)
        ratio = bootstrap([values, gt], lambda a, b: float(np.mean(a) / np.mean(b)))
        published = PUBLISHED_E1.get(row)
        numbers[row] = {
            "mean": mean, "ratio": ratio, "groups": groups, "seeds": _by_seed(names, found, part, row),
            "collections": values, "published": published,
        }  # fmt: skip
        last = ("-", "-") if published is None else (f"{published[2]:.3f}", f"{published[3]:.3f}")
        rows.append((row, what, f"{min(groups):.3f}", f"{max(groups):.3f}", mean.text(), ratio.text(), *last))
    rows += [
        (f"{row}, as published", "", "-", "-", "-", "-", f"{published[2]:.3f}", f"{published[3]:.3f}")
        for row, published in PUBLISHED_E1.items()
        if row not in numbers
    ]
    relief = bootstrap(
        [numbers[r]["collections"] for r in ("per-image: β alone", "per-image: α and β")],
        lambda a, b: float(np.mean(a) / np.mean(b)),
    )
    spread = max(float(np.ptp(n["seeds"])) for n in numbers.values())
    header = ("method", "coefficients", "min", "max", "mean, px", "over GT", "published mean", "published over GT")
    notes = (
        f"n = {len(names)} collections; min and max over {len(np.unique(folds))} groups (a group is a fold).",
        f"Identity relief (β alone over α and β), per-image: {relief.text()}; published 1.258 (Deep3D), "
        "1.156 (MGCNet).",
        *(() if part == "fit" else (f"Largest difference between seeds in any row: {spread:.3f} px.",)),
        GROUND_TRUTHS[part],
        "Pose is GT's but in the rows 'all its own'.",
    )
    return Table(title=f"{TITLES[part]}: {kind} collections", header=header, rows=tuple(rows), notes=notes), numbers


def _by_seed(names: Sequence[str], found: Sequence[FoldAnswer], part: str, row: str) -> list[float]:
    """Mean over collections, of each seed alone."""
    some = set(names)
    values: dict[int, list[float]] = defaultdict(list)
    for answer in found:
        of_row = getattr(answer, part)[row]
        values[answer.seed] += [float(v) for v, n in zip(of_row, answer.names, strict=True) if n in some]
    return [float(np.mean(values[seed])) for seed in sorted(values)]


def _e2_table(title: str, names: Sequence[str], found: Sequence[FoldAnswer], part: str) -> tuple[Table, dict[str, Any]]:
    """One E2 table and its numbers."""
    base = _per_collection(names, found, part, "per-image")
    rows, numbers = [], {}
    for row in getattr(found[0], part):
        values = _per_collection(names, found, part, row)
        mean = bootstrap([values], np.mean)
        ratio = bootstrap([values, base], lambda a, b: float(np.mean(a) / np.mean(b)))
        published = PUBLISHED_E2.get(row)
        numbers[row] = {"mean": mean, "over_per_image": ratio, "collections": values, "published": published}
        last = ("-", "-") if published is None else (f"{published[2]:.3f}", f"{published[2] / 1.953:.3f}")
        rows.append((row, f"{values.min():.3f}", f"{values.max():.3f}", mean.text(), ratio.text(), *last))
    header = ("method", "min", "max", "mean, px", "over per-image", "published mean", "published over per-image")
    what = f"n = {len(names)} collections; min and max over them; every method's own pose."
    notes = (
        (what, "landmark-fit of each frame alone, with the mean of these identities, and of all frames together.")
        if part == "fit_e2"
        else (
            what,
            "All held out. Random persons are columns that E-Net's training ended with. LMID does not print how pose "
            "and constant differences are treated; both readings are given.",
        )
    )
    return Table(title=title, header=header, rows=tuple(rows), notes=notes), numbers
