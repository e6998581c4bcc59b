"""`viseme reproduce table4`: one talker under four sync losses."""

from __future__ import annotations

from typing import Any

from viseme.cli.exits import ExitCode
from viseme.cli.screen import Screen

__all__ = ["EXAMPLES", "FUNCTION", "run"]

FUNCTION = "viseme.reproduce.table4:reproduce_table4"
EXAMPLES = (
    ("See that everything runs", "viseme reproduce table4 --data clips/ --quick"),
    ("On two cores, hours", "viseme reproduce table4 --data clips/ --out tables/"),
    ("At the paper's size", "viseme reproduce table4 --data clips/ --recipe paper --train-clips 50000 --clips 200"),
)
"""What it does, and what to type."""


def run(arguments: dict[str, Any], screen: Screen) -> int:
    """Train, measure, and show the tables; progress goes to stderr."""
    from viseme.reproduce.table4 import reproduce_table4

    result = reproduce_table4(**arguments)
    screen.say(f"{result}\nwritten: {result.path}\n")
    return ExitCode.DONE
