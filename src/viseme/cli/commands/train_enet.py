"""`viseme train enet`: train the network that reads expression off face frames."""

from __future__ import annotations

from typing import Any

from viseme.cli.exits import ExitCode
from viseme.cli.screen import Screen

__all__ = ["FUNCTION", "run"]

FUNCTION = "viseme.standardization.training.train:train_enet"


def run(arguments: dict[str, Any], screen: Screen) -> int:
    """Train until the weights are written; progress goes to stderr."""
    from viseme.standardization.training.train import train_enet

    screen.write(f"{train_enet(**arguments)}\n")
    return ExitCode.DONE
