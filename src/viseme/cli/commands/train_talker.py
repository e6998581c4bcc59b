"""`viseme train talker`: train one talking-face generator for everybody."""

from __future__ import annotations

from typing import Any

from viseme.cli.exits import ExitCode
from viseme.cli.screen import Screen

__all__ = ["EXAMPLES", "FUNCTION", "run"]

FUNCTION = "viseme.talker.train:train_talker"
EXAMPLES = (
    ("Try it out", "viseme train talker clips/ --recipe quick --perceptual none --out quick.safetensors"),
    ("With your copy of VGG-19 on a GPU", "viseme train talker clips/ --recipe paper --perceptual vgg19.pth"),
    ("With the loss of Wav2Lip", "viseme train talker clips/ --sync lip-expert --out baseline.safetensors"),
)
"""What it does, and what to type."""


def run(arguments: dict[str, Any], screen: Screen) -> int:
    """Train until the generator is written; progress goes to stderr."""
    from viseme.engine.loop import require_accelerate
    from viseme.talker.train import train_talker

    require_accelerate()  # before the minutes that preparing takes
    screen.say(f"{train_talker(**arguments)}\n")
    return ExitCode.DONE
