"""`viseme evaluate ava`: score AVA-ActiveSpeaker, and write its prediction file."""

from __future__ import annotations

from typing import Any

from viseme.cli.exits import ExitCode
from viseme.cli.screen import Screen

__all__ = ["EXAMPLES", "FUNCTION", "run"]

FUNCTION = "viseme.speakers.evaluate:evaluate_ava"
EXAMPLES = (
    ("Labels of the validation set", "viseme evaluate ava ava_activespeaker_val/ videos/"),
    (
        "The same, with rows for the official program",
        "viseme evaluate ava ava_activespeaker_val/ videos/ --predictions rows.csv",
    ),
)
"""What it does, and what to type."""


def run(arguments: dict[str, Any], screen: Screen) -> int:
    """Score and print; progress goes to stderr."""
    from viseme.speakers.evaluate import evaluate_ava

    screen.say(f"{evaluate_ava(**arguments)}\n")
    return ExitCode.DONE
