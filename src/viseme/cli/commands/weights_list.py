"""`viseme weights list`: what weights there are, and their licences."""

from __future__ import annotations

import json as jsonlib
from dataclasses import asdict, dataclass

from viseme.cli.exits import ExitCode
from viseme.cli.lines import one_line
from viseme.cli.screen import Screen

__all__ = ["EXAMPLES", "Options", "run"]

EXAMPLES = (
    ("What there is", "viseme weights list"),
    ("For a program", "viseme weights list --json"),
)
"""What it does, and what to type."""


@dataclass(frozen=True, kw_only=True)
class Options:
    """What weights there are, what they were trained on, and their licences."""

    json: bool = False
    """Print JSON Lines, one object a file of weights."""


def run(options: Options, screen: Screen) -> int:
    """Print the catalogue."""
    from viseme.weights import WEIGHTS

    for record in WEIGHTS.values():
        if options.json:
            facts = {**asdict(record), "path": str(record.path), "present": record.path.is_file()}
            screen.write(jsonlib.dumps(facts) + "\n")
            continue
        state = "" if record.path.is_file() else "  NOT INSTALLED"
        screen.say(
            f"{record.name}{'  (default)' if record.default else ''}{state}\n"
            f"  for       {record.component}, {record.size / 1e6:.1f} MB, sha256 {record.sha256[:12]}\n"
            f"  licence   {record.licence}\n"
            f"  trained   {record.training_data}\n"
            f"  wants     {record.preprocessing}\n"
        )
        for name, value in record.results.items():
            screen.say(f"  {name:<9} {value}\n")
        screen.say(f"  file      {one_line(str(record.path))}\n")
    return ExitCode.DONE
