"""Scores as one page that needs nothing else: a table of metrics with bars between floor and real video, then clips.

Knows results alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import viseme
from viseme.core.score_comparison import ScoreComparison
from viseme.core.scores import MetricProtocol, ScoreResult
from viseme.report.files import replacing_text
from viseme.report.pages import page_templates
from viseme.report.score_tables import ARROWS, digits, fixed, leakage_text, words

__all__ = ["write_score_report"]

MOST_CLIPS = 500
"""Clips of a method that get a row; the page says how many there are."""


def write_score_report(
    results: Sequence[ScoreResult], path: str | Path, *, comparison: ScoreComparison | None = None
) -> None:
    """Write a page about one method or several.

    Args:
        results: Of `viseme.score`, one a method.
        path: The page; appears complete or not at all.
        comparison: Of the same results, where there are several.

    Raises:
        OutputError: the page cannot be written.
    """
    pages = page_templates(digits=digits, fixed=fixed, leakage=leakage_text, words=words)
    with replacing_text(path) as file:
        for piece in pages.get_template("scores.html.j2").generate(
            methods=[_method(result) for result in results],
            comparison=comparison,
            arrows=ARROWS,
            most_clips=MOST_CLIPS,
            version=viseme.__version__,
        ):
            file.write(piece.encode("utf-8", "backslashreplace").decode("utf-8"))


def _method(result: ScoreResult) -> dict[str, Any]:
    rows = [_row(p, result) for p in result.protocols]
    return {"result": result, "rows": rows, "clip_rows": [row for row in rows if not row["protocol"].of_set]}


def _row(protocol: MetricProtocol, result: ScoreResult) -> dict[str, Any]:
    """A metric with its place between floor and real video, percent of the bar's width."""
    found = result.metrics[protocol.name]
    floor = result.anchors.get(protocol.floor, {}).get(protocol.name) if protocol.floor else protocol.worst
    return {
        "protocol": protocol,
        "arrow": ARROWS[protocol.better],
        "found": found,
        "floor": floor,
        "real": result.anchors.get("reference", {}).get(protocol.name),
        "bar": None if found.relative is None else round(100 * min(1.0, max(0.0, found.relative))),
    }
