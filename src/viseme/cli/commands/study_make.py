"""`viseme study make`: folders of clips become a user study that needs no server."""

from __future__ import annotations

from typing import Any

from viseme.cli.exits import ExitCode
from viseme.cli.lines import one_line
from viseme.cli.screen import Screen

__all__ = ["EXAMPLES", "FUNCTION", "run"]

FUNCTION = "viseme.reproduce.user_study.make:study_make"
EXAMPLES = (
    ("How natural is each of two methods?", "viseme study make ours/ theirs/ --out study/"),
    ("Which of three methods is better, side by side", "viseme study make ours/ theirs/ real/ --kind ranking"),
)
"""What it does, and what to type."""


def run(arguments: dict[str, Any], screen: Screen) -> int:
    """Write the study, and say what to hand out and what to keep."""
    from viseme.reproduce.user_study.make import study_make

    made = study_make(**arguments)
    screen.write(
        f"{one_line(made.page)}  {made.num_screens} screens ({made.num_checks} attention checks), "
        f"{made.num_clips} clips of {len(made.methods)} methods\n"
        f"  hand out  the folder around it, whole\n"
        f"  keep      {one_line(made.key)}\n"
    )
    return ExitCode.DONE
