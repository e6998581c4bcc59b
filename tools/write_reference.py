"""Writes docs/cli.md from the commands themselves. `make docs` runs it; a test compares the file with it."""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path

from viseme.cli.front_page import EXIT_CODES, OPTIONS
from viseme.cli.help_text import command_help
from viseme.cli.layout import two_columns
from viseme.cli.main import COMMANDS
from viseme.cli.signatures import Argument

PAGE = Path(__file__).resolve().parents[1] / "docs" / "cli.md"

HEAD = """\
# Commands

Written by `make docs` from the commands themselves, as is `viseme COMMAND --help`. Each command is a public function
of the same name: `viseme find-speakers a.mp4` is `viseme.find_speakers("a.mp4")`. File names may stand anywhere
between options; names that begin with a dash go behind `--`. SECONDS are a number, or a time with its unit: `2`, `2s`
and `2000ms` are the same.

```
options of every command:
{options}

exit codes:
{codes}
```
"""


def reference() -> str:
    """The page."""
    options, codes = two_columns(OPTIONS.items(), 110), two_columns(EXIT_CODES.items(), 110, 8)
    return HEAD.format(options=options, codes=codes) + "".join(section(name) for name in COMMANDS)


def section(name: str) -> str:
    """One command: what it does, its options, and examples."""
    told = command_help(name, import_module(COMMANDS[name].module))
    lines = [f"\n## viseme {name}\n", told.about, ""]
    if told.arguments:
        lines += ["| option | value | what it is |", "|---|---|---|"]
        lines += [f"| {_names(a)} | {_cell(_value(a))} | {_cell(text)} |" for a, text in told.arguments]
        lines += [""]
    if told.examples:
        lines += ["```bash", *(f"# {what}\n{line}" for what, line in told.examples), "```", ""]
    return "\n".join(lines)


def _names(argument: Argument) -> str:
    return ", ".join(f"`{n}`" for n in argument.flags or (argument.value,))


def _value(argument: Argument) -> str:
    return argument.value or "flag"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


if __name__ == "__main__":
    PAGE.write_text(reference(), encoding="utf-8")
    sys.stdout.write(f"{PAGE}\n")
