"""`viseme train enet`: train the network that reads expression off face frames."""

from __future__ import annotations

from typing import Any

from viseme.cli.exits import ExitCode
from viseme.cli.screen import Screen

__all__ = ["EXAMPLES", "FUNCTION", "run"]

FUNCTION = "viseme.standardization.training.train:train_enet"
EXAMPLES = (
    ("Try it out", "viseme train enet --recipe quick --data clips/ --out quick.safetensors"),
    (
        "The papers' recipe, from ImageNet weights of your own",
        "viseme train enet --recipe dsp --data clips/ --start resnet50.pth",
    ),
)
"""What it does, and what to type."""


def run(arguments: dict[str, Any], screen: Screen) -> int:
    """Train until the weights are written; progress goes to stderr."""
    from viseme.standardization.training.train import train_enet

    screen.say(f"{train_enet(**arguments)}\n")
    return ExitCode.DONE
