"""`viseme train lip-expert`: train a network that tells whether lips fit audio."""

from __future__ import annotations

from typing import Any

from viseme.cli.exits import ExitCode
from viseme.cli.screen import Screen

__all__ = ["EXAMPLES", "FUNCTION", "run"]

FUNCTION = "viseme.talker.train_experts:train_lip_expert"
EXAMPLES = (
    ("The expert of Wav2Lip, small", "viseme train lip-expert clips/ --out lips.safetensors"),
    ("A speech expert that sees mouths", "viseme train lip-expert clips/ --kind speech --out speech.safetensors"),
)
"""What it does, and what to type."""


def run(arguments: dict[str, Any], screen: Screen) -> int:
    """Train until the weights are written; progress goes to stderr."""
    from viseme.engine.loop import require_accelerate
    from viseme.talker.train_experts import train_lip_expert

    require_accelerate()  # before the minutes that preparing takes
    screen.say(f"{train_lip_expert(**arguments)}\n")
    return ExitCode.DONE
