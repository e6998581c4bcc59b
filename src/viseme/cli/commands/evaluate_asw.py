"""`viseme evaluate asw`: score a split of ASW beside the published rows."""

from __future__ import annotations

from typing import Any

from viseme.cli.exits import ExitCode
from viseme.cli.screen import Screen

__all__ = ["EXAMPLES", "FUNCTION", "run"]

FUNCTION = "viseme.speakers.evaluate:evaluate_asw"
EXAMPLES = (
    ("The test split", "viseme evaluate asw lookwhostalking/ videos/"),
    (
        "The validation split, without taking a delay out",
        "viseme evaluate asw lookwhostalking/ videos/ --split val --align none",
    ),
)
"""What it does, and what to type."""


def run(arguments: dict[str, Any], screen: Screen) -> int:
    """Score and print; progress goes to stderr."""
    from viseme.speakers.evaluate import evaluate_asw

    screen.say(f"{evaluate_asw(**arguments)}\n")
    return ExitCode.DONE
