"""`viseme train sync`: train the model that listens and reads lips."""

from __future__ import annotations

from typing import Any

from viseme.cli.exits import ExitCode
from viseme.cli.screen import Screen

__all__ = ["FUNCTION", "run"]

FUNCTION = "viseme.sync.train:train_sync"


def run(arguments: dict[str, Any], screen: Screen) -> int:
    """Train until the weights are written; progress goes to stderr."""
    from viseme.engine.loop import require_accelerate
    from viseme.sync.train import train_sync

    require_accelerate()  # before the minutes that preparing takes
    screen.write(f"{train_sync(**arguments)}\n")
    return ExitCode.DONE
