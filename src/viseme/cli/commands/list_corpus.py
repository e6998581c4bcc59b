"""`viseme list-corpus`: a corpus on your disk becomes a table for `--data`."""

from __future__ import annotations

from typing import Any

from viseme.cli.exits import ExitCode
from viseme.cli.screen import Screen

__all__ = ["FUNCTION", "run"]

FUNCTION = "viseme.data.lists:list_corpus"


def run(arguments: dict[str, Any], screen: Screen) -> int:
    """Write the table and say what is in it."""
    from viseme.data.lists import list_corpus

    screen.write(f"{list_corpus(**arguments)}\n")
    return ExitCode.DONE
