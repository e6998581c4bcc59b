"""`viseme --help`: the commands, what may stand anywhere, and exit codes. Loads nothing but this text."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from viseme.cli.layout import filled, two_columns

__all__ = ["EXIT_CODES", "OPTIONS", "front_page"]

OPTIONS: Mapping[str, str] = MappingProxyType(
    {
        "-h, --help": "This text; `viseme COMMAND --help` tells all about a command.",
        "--version": "The version.",
        "--quiet": "Answers and errors only: no progress, no notes on stderr.",
        "--log FILE": "Append what happens to FILE, a line with its time for each file begun, answer, note and error.",
        "--debug": "Show the traceback of an error, and what libraries print.",
    }
)
"""What may stand anywhere on the command line."""

EXIT_CODES: Mapping[str, str] = MappingProxyType(
    {
        "0": 'Done: every file was answered ("cannot tell", with its reasons, is an answer).',
        "1": "A file could not be read or written, or another error.",
        "2": "The command line makes no sense.",
        "3": "fix: the delay cannot be told, nothing was written.",
        "130": "Interrupted (Ctrl-C).",
        "141": "Whoever read the output went away.",
    }
)
"""What is left behind, and what it means."""


def front_page(groups: Mapping[str, Mapping[str, str]], width: int) -> str:
    """The text.

    Args:
        groups: Heading -> command -> what it does.
        width: Columns.
    """
    blocks = [
        "usage: viseme [options] COMMAND ...",
        filled("Check and repair the lip sync of any real video.", width),
        *(f"{heading}:\n{two_columns(told.items(), width, 24)}" for heading, told in groups.items() if told),
        f"options:\n{two_columns(OPTIONS.items(), width)}",
        f"exit codes:\n{two_columns(EXIT_CODES.items(), width, 8)}",
    ]
    return "\n\n".join(blocks) + "\n"
