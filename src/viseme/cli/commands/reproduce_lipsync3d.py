"""`viseme reproduce lipsync3d`: personal talking faces on sentences they were not trained on."""

from __future__ import annotations

from typing import Any

from viseme.cli.exits import ExitCode
from viseme.cli.screen import Screen

__all__ = ["EXAMPLES", "FUNCTION", "run"]

FUNCTION = "viseme.reproduce.lipsync3d:reproduce_lipsync3d"
EXAMPLES = (
    ("Everybody with four minutes", "viseme reproduce lipsync3d --data clips/ --consent consent.toml"),
    ("Other voices too", "viseme reproduce lipsync3d --data clips/ --consent consent.toml --voices speech/"),
    ("An avatar that is there", "viseme reproduce lipsync3d --data clips/ --speakers s1 --avatar s1.vis"),
)
"""What it does, and what to type."""


def run(arguments: dict[str, Any], screen: Screen) -> int:
    """Train, dub, score, write both files, and show the tables; progress goes to stderr."""
    from viseme.reproduce.lipsync3d import reproduce_lipsync3d

    result = reproduce_lipsync3d(**arguments)
    screen.say(f"{result}\nwritten: {result.path}\n")
    return ExitCode.DONE
