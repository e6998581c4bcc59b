"""`viseme evaluate folder`: clips under their own and under mismatched audio."""

from __future__ import annotations

from typing import Any

from viseme.cli.exits import ExitCode
from viseme.cli.screen import Screen

__all__ = ["FUNCTION", "run"]

FUNCTION = "viseme.speakers.evaluate:evaluate_folder"


def run(arguments: dict[str, Any], screen: Screen) -> int:
    """Score and print; progress goes to stderr."""
    from viseme.speakers.evaluate import evaluate_folder

    screen.write(f"{evaluate_folder(**arguments)}\n")
    return ExitCode.DONE
