"""`viseme weights verify`: compare weights with their recorded hashes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import tyro

from viseme.cli.exits import ExitCode, UsageError
from viseme.cli.screen import Screen

__all__ = ["EXAMPLES", "Options", "run"]

EXAMPLES = (
    ("All of them", "viseme weights verify"),
    ("One of them", "viseme weights verify sync-landmarks"),
)
"""What it does, and what to type."""


@dataclass(frozen=True, kw_only=True)
class Options:
    """Compare weights with their recorded hashes. The exit code is 1 when one is missing or different."""

    names: Annotated[tuple[str, ...], tyro.conf.Positional, tyro.conf.arg(metavar="NAME...")] = ()
    """Which weights; all of them when none is named."""


def run(options: Options, screen: Screen) -> int:
    """Verify and print one line each."""
    from viseme.core.errors import WeightsError
    from viseme.weights import WEIGHTS, verify

    unknown = [name for name in options.names if name not in WEIGHTS]
    if unknown:
        raise UsageError(f"there are no weights {unknown[0]!r}; known: {', '.join(sorted(WEIGHTS)) or 'none'}")
    failed = 0
    for name in options.names or sorted(WEIGHTS):
        try:
            verify(WEIGHTS[name])
        except WeightsError as error:
            failed += 1
            screen.error(str(error))
        else:
            screen.say(f"ok  {name}  {WEIGHTS[name].sha256[:12]}\n")
    return ExitCode.FAILED if failed else ExitCode.DONE
