"""Tables that a person can check: numbers with intervals, beside the published ones, as Markdown and as JSON.

Knows numbers and files; refuses to know what was measured.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from viseme.core.errors import OutputError

__all__ = ["Interval", "Table", "bootstrap", "write_tables"]


@dataclass(frozen=True)
class Interval:
    """A number and the interval that holds it in 95 of 100 repetitions."""

    value: float
    low: float
    high: float

    def text(self, digits: int = 3, *, scale: float = 1.0) -> str:
        """ "1.137 [1.101, 1.174]"; "-" where nothing was measured."""
        if not np.isfinite(self.value):
            return "-"
        return f"{scale * self.value:.{digits}f} [{scale * self.low:.{digits}f}, {scale * self.high:.{digits}f}]"

    def apart_from(self, other: Interval) -> bool:
        """Whether the two intervals do not overlap."""
        return self.high < other.low or other.high < self.low


@dataclass(frozen=True, kw_only=True)
class Table:
    """A title, a header, rows of text, and what a reader must know to read them."""

    title: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    notes: tuple[str, ...] = ()

    def markdown(self) -> str:
        """GitHub's pipes."""
        lines = [f"### {self.title}", "", _piped(self.header), _piped("---" for _ in self.header)]
        lines += [_piped(row) for row in self.rows]
        lines += ["", *(f"- {note}" for note in self.notes)]
        return "\n".join(lines).rstrip() + "\n"


def _piped(cells: Any) -> str:
    return "| " + " | ".join(str(c).replace("|", "\\|") for c in cells) + " |"


def bootstrap(
    groups: Sequence[NDArray[np.floating]],
    statistic: Callable[..., float],
    *,
    num: int = 1000,
    seed: int = 0,
) -> Interval:
    """Percentile interval of a statistic over independent units.

    Args:
        groups: Arrays (U, ...) over the same units; all are resampled together, so that ratios are paired.
        statistic: Takes the resampled arrays.
        num: Resamplings.
        seed: Of chance.

    Returns:
        The statistic of the data as they are, and its 2.5 and 97.5 percentiles. NaN without units.

    Example:
        >>> bootstrap([np.array([1.0, 1.0])], np.mean).text()
        '1.000 [1.000, 1.000]'
    """
    count = len(groups[0])
    if count == 0:
        return Interval(float("nan"), float("nan"), float("nan"))
    rng = np.random.default_rng(seed)
    drawn = []
    for _ in range(num):
        rows = rng.integers(count, size=count)
        drawn.append(statistic(*(np.asarray(g)[rows] for g in groups)))
    low, high = np.nanpercentile(drawn, [2.5, 97.5])
    return Interval(float(statistic(*groups)), float(low), float(high))


def write_tables(folder: Path, name: str, tables: Sequence[Table], record: dict[str, Any], *, head: str) -> Path:
    """Write `name.md` and `name.json` under `folder`.

    Args:
        folder: Made when missing.
        name: Of both files.
        tables: In order.
        record: What the JSON file holds.
        head: Text above the tables.

    Returns:
        The Markdown file.

    Raises:
        OutputError: the folder or a file cannot be written.
    """
    text = head.rstrip() + "\n\n" + "\n".join(table.markdown() for table in tables)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{name}.json").write_text(json.dumps(record, indent=1, default=_plain) + "\n", encoding="utf-8")
        (folder / f"{name}.md").write_text(text, encoding="utf-8")
    except OSError as error:
        raise OutputError(f"{folder} cannot be written: {error.strerror}; name another folder with --out") from error
    return folder / f"{name}.md"


def _plain(value: Any) -> Any:
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, Interval):
        return {"value": value.value, "low": value.low, "high": value.high}
    return str(value)
