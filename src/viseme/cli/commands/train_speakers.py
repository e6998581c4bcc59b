"""`viseme train speakers`: train the head that says who speaks."""

from __future__ import annotations

from typing import Any

from viseme.cli.exits import ExitCode
from viseme.cli.screen import Screen

__all__ = ["EXAMPLES", "FUNCTION", "run"]

FUNCTION = "viseme.speakers.train:train_speakers"
EXAMPLES = (
    ("Try it out on synthetic conversations alone", "viseme train speakers --recipe quick --out quick.safetensors"),
    ("With real clips that `viseme train sync` prepared", "viseme train speakers --data clips/ --clips runs/sync"),
)
"""What it does, and what to type."""


def run(arguments: dict[str, Any], screen: Screen) -> int:
    """Train until the weights are written; progress goes to stderr."""
    from viseme.engine.loop import require_accelerate
    from viseme.speakers.train import train_speakers

    require_accelerate()  # before the minutes that preparing takes
    screen.say(f"{train_speakers(**arguments)}\n")
    return ExitCode.DONE
