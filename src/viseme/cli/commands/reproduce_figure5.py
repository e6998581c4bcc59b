"""`viseme reproduce figure5`: what shifts, turns and scales do to measures of lip sync."""

from __future__ import annotations

from typing import Any

from viseme.cli.exits import ExitCode
from viseme.cli.screen import Screen

__all__ = ["EXAMPLES", "FUNCTION", "run"]

FUNCTION = "viseme.reproduce.figure5:reproduce_figure5"
EXAMPLES = (
    ("On your clips", "viseme reproduce figure5 --data clips/ --out figure/"),
    ("Beside a network that sees pixels", "viseme reproduce figure5 --data clips/ --raw raw.safetensors"),
    ("With your copy of SyncNet", "viseme reproduce figure5 --data clips/ --syncnet syncnet_v2.model"),
)
"""What it does, and what to type."""


def run(arguments: dict[str, Any], screen: Screen) -> int:
    """Measure, write every file, and show the first table; progress goes to stderr."""
    from viseme.reproduce.figure5 import reproduce_figure5

    result = reproduce_figure5(**arguments)
    screen.say(f"{result}\nwritten: {result.path}\n")
    return ExitCode.DONE
