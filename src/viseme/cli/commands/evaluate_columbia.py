"""`viseme evaluate columbia`: score the Columbia panel discussion."""

from __future__ import annotations

from typing import Any

from viseme.cli.exits import ExitCode
from viseme.cli.screen import Screen

__all__ = ["EXAMPLES", "FUNCTION", "run"]

FUNCTION = "viseme.speakers.evaluate:evaluate_columbia"
EXAMPLES = (
    ("The head that ships", "viseme evaluate columbia labels/ columbia.mp4"),
    (
        "As the published evaluations do",
        "viseme evaluate columbia labels/ columbia.mp4 --scorer light-asd --threshold 0",
    ),
)
"""What it does, and what to type."""


def run(arguments: dict[str, Any], screen: Screen) -> int:
    """Score and print; progress goes to stderr."""
    from viseme.speakers.evaluate import evaluate_columbia

    screen.say(f"{evaluate_columbia(**arguments)}\n")
    return ExitCode.DONE
