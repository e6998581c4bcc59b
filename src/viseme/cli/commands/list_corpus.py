"""`viseme list-corpus`: a corpus on your disk becomes a table for `--data`."""

from __future__ import annotations

from typing import Any

from viseme.cli.exits import ExitCode
from viseme.cli.screen import Screen

__all__ = ["EXAMPLES", "FUNCTION", "run"]

FUNCTION = "viseme.data.lists:list_corpus"
EXAMPLES = (
    ("The papers' small training set", "viseme list-corpus voxceleb2 vox2/ lists/ --part dev --mini --use train"),
    ("Add what is measured", "viseme list-corpus voxceleb2 vox2/ lists/ --add"),
)
"""What it does, and what to type."""


def run(arguments: dict[str, Any], screen: Screen) -> int:
    """Write the table and say what is in it."""
    from viseme.data.lists import list_corpus

    screen.say(f"{list_corpus(**arguments)}\n")
    return ExitCode.DONE
