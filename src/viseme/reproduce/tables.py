"""Tables that a person can check: numbers with intervals, beside the published ones, as Markdown and as JSON.

Knows numbers and files; refuses to know what was measured.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from viseme.core.errors import OutputError
from viseme.metrics.intervals import Interval

__all__ = ["Table", "write_tables"]


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
