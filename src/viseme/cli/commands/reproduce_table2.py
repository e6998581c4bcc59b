"""`viseme reproduce table2`: one sync network on every visual input."""

from __future__ import annotations

from typing import Any

from viseme.cli.exits import ExitCode
from viseme.cli.screen import Screen

__all__ = ["EXAMPLES", "FUNCTION", "run"]

FUNCTION = "viseme.reproduce.table2:reproduce_table2"
EXAMPLES = (
    ("On your clips", "viseme reproduce table2 --data clips/ --out tables/"),
    ("Two inputs, one start each", "viseme reproduce table2 --data clips/ --inputs mesh,landmarks --seeds 1"),
)
"""What it does, and what to type."""


def run(arguments: dict[str, Any], screen: Screen) -> int:
    """Train, measure, write both files, and show the tables; progress goes to stderr."""
    from viseme.reproduce.table2 import reproduce_table2

    result = reproduce_table2(**arguments)
    screen.say(f"{result}\nwritten: {result.path}\n")
    return ExitCode.DONE
