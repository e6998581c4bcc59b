"""`viseme reproduce talker-tables`: a talker on LRS2, LRW, HDTF or open clips."""

from __future__ import annotations

from typing import Any

from viseme.cli.exits import ExitCode
from viseme.cli.screen import Screen

__all__ = ["EXAMPLES", "FUNCTION", "run"]

FUNCTION = "viseme.reproduce.talker_tables:reproduce_talker_tables"
EXAMPLES = (
    ("On your own clips", "viseme reproduce talker-tables --talker talker.safetensors --data clips/"),
    (
        "As in the paper",
        "viseme reproduce talker-tables --lrs2 mvlrs_v1/ --syncnet syncnet.model",
    ),
)
"""What it does, and what to type."""


def run(arguments: dict[str, Any], screen: Screen) -> int:
    """Dub, score, and show the tables; progress goes to stderr."""
    from viseme.reproduce.talker_tables import reproduce_talker_tables

    result = reproduce_talker_tables(**arguments)
    screen.say(f"{result}\nwritten: {result.path}\n")
    return ExitCode.DONE
