"""`viseme train sync`: train the model that listens and reads lips."""

from __future__ import annotations

from typing import Any

from viseme.cli.exits import ExitCode
from viseme.cli.screen import Screen

__all__ = ["EXAMPLES", "FUNCTION", "run"]

FUNCTION = "viseme.sync.train:train_sync"
EXAMPLES = (
    ("Try it out", "viseme train sync --recipe quick --data clips/ --out quick.safetensors"),
    ("On the mesh instead of landmarks, on a GPU", "viseme train sync --data clips/ --input mesh --device cuda"),
)
"""What it does, and what to type."""


def run(arguments: dict[str, Any], screen: Screen) -> int:
    """Train until the weights are written; progress goes to stderr."""
    from viseme.engine.loop import require_accelerate
    from viseme.sync.train import train_sync

    require_accelerate()  # before the minutes that preparing takes
    screen.say(f"{train_sync(**arguments)}\n")
    return ExitCode.DONE
