"""`viseme reproduce table1`: how much of the lips survives when only expression is kept."""

from __future__ import annotations

from typing import Any

from viseme.cli.exits import ExitCode
from viseme.cli.screen import Screen

__all__ = ["EXAMPLES", "FUNCTION", "run"]

FUNCTION = "viseme.reproduce.table1:reproduce_table1"
EXAMPLES = (
    ("On your clips", "viseme reproduce table1 --data clips/ --out tables/"),
    ("Smaller and sooner", "viseme reproduce table1 --data clips/ --folds 2 --seeds 1 --steps 100"),
)
"""What it does, and what to type."""


def run(arguments: dict[str, Any], screen: Screen) -> int:
    """Measure, write both files, and show the tables; progress goes to stderr."""
    from viseme.reproduce.table1 import reproduce_table1

    result = reproduce_table1(**arguments)
    screen.say(f"{result}\nwritten: {result.path}\n")
    return ExitCode.DONE
