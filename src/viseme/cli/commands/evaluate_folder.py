"""`viseme evaluate folder`: clips under their own and under mismatched audio."""

from __future__ import annotations

from typing import Any

from viseme.cli.exits import ExitCode
from viseme.cli.screen import Screen

__all__ = ["EXAMPLES", "FUNCTION", "run"]

FUNCTION = "viseme.speakers.evaluate:evaluate_folder"
EXAMPLES = (
    ("Clips of your own", "viseme evaluate folder clips/"),
    ("Scores over 1 s, of 50 clips", "viseme evaluate folder clips/ --window 1s --most 50"),
)
"""What it does, and what to type."""


def run(arguments: dict[str, Any], screen: Screen) -> int:
    """Score and print; progress goes to stderr."""
    from viseme.speakers.evaluate import evaluate_folder

    screen.say(f"{evaluate_folder(**arguments)}\n")
    return ExitCode.DONE
