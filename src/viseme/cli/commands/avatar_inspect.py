"""`viseme avatar inspect`: what an avatar would learn from a video."""

from __future__ import annotations

from typing import Any

from viseme.cli.exits import ExitCode
from viseme.cli.screen import Screen

__all__ = ["EXAMPLES", "FUNCTION", "run"]

FUNCTION = "viseme.avatar.inspection:avatar_inspect"
EXAMPLES = (
    ("Is this video good enough to make an avatar of?", "viseme avatar inspect person.mp4 -o sheet.png"),
    ("More frames", "viseme avatar inspect person.mp4 -o sheet.png --frames 20"),
)
"""What it does, and what to type."""


def run(arguments: dict[str, Any], screen: Screen) -> int:
    """Look, write the sheet and say what was found."""
    from viseme.avatar.inspection import avatar_inspect

    screen.say(f"{avatar_inspect(**arguments)}\n")
    return ExitCode.DONE
