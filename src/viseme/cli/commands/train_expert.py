"""`viseme train expert`: train the network that represents speech heard, seen, or both."""

from __future__ import annotations

from typing import Any

from viseme.cli.exits import ExitCode
from viseme.cli.screen import Screen

__all__ = ["EXAMPLES", "FUNCTION", "run"]

FUNCTION = "viseme.expert.train:train_expert"
EXAMPLES = (
    ("Try it out", "viseme train expert --recipe quick --data clips/ --out quick.safetensors"),
    ("On a GPU", "viseme train expert --data clips/ --speech voices/ --device cuda"),
)
"""What it does, and what to type."""


def run(arguments: dict[str, Any], screen: Screen) -> int:
    """Train until the weights are written; progress goes to stderr."""
    from viseme.engine.loop import require_accelerate
    from viseme.expert.train import train_expert

    require_accelerate()  # before the minutes that preparing takes
    screen.say(f"{train_expert(**arguments)}\n")
    return ExitCode.DONE
