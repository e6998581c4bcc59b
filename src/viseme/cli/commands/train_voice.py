"""`viseme train voice`: train the network that moves the head by any voice."""

from __future__ import annotations

from typing import Any

from viseme.cli.exits import ExitCode
from viseme.cli.screen import Screen

__all__ = ["EXAMPLES", "FUNCTION", "run"]

FUNCTION = "viseme.avatar.voice.train:train_voice"
EXAMPLES = (
    ("Try it out on a few voices of speech engines", "viseme train voice --recipe quick --out quick.safetensors"),
    ("With recordings of people whose phones are known", "viseme train voice --speech speech/"),
)
"""What it does, and what to type."""


def run(arguments: dict[str, Any], screen: Screen) -> int:
    """Train until the weights are written; progress goes to stderr."""
    from viseme.avatar.voice.train import train_voice
    from viseme.engine.loop import require_accelerate

    require_accelerate()  # before the minutes that preparing takes
    screen.say(f"{train_voice(**arguments)}\n")
    return ExitCode.DONE
