"""Text for people in as many columns as they have. Knows nothing of commands, and loads nothing."""

from __future__ import annotations

import re
import shutil
import textwrap
from collections.abc import Iterable

__all__ = ["filled", "screen_width", "two_columns", "typed"]

WIDEST = 120
"""Columns: longer lines are hard to read."""
_SPACE = "\N{NO-BREAK SPACE}"


def screen_width() -> int:
    """Columns to write in: those of the terminal, 80 in a pipe, never more than can be read."""
    return min(shutil.get_terminal_size().columns, WIDEST)


def filled(text: str, width: int, first: str = "", rest: str = "") -> str:
    """Lines that break between words, and not between a number and its unit.

    Args:
        text: One paragraph; backticks are for pages and are left out.
        width: Columns.
        first: Stands before the first line.
        rest: Stands before the other lines.

    Example:
        >>> print(filled("a delay of 120 ms", 14, rest="  "))
        a delay of
          120 ms
    """
    whole = re.sub(
        r"(\d) (ms|s|%|dB)\b|(Default:) (?=\S{1,20}( |$))", lambda m: m[0].replace(" ", _SPACE), text.replace("`", "")
    )
    lines = textwrap.fill(
        whole, width, initial_indent=first, subsequent_indent=rest, break_long_words=False, break_on_hyphens=False
    )
    return lines.replace(_SPACE, " ")


def two_columns(rows: Iterable[tuple[str, str]], width: int, indent: int | None = None) -> str:
    """Names and texts; a name too long for its column has a line for itself.

    Args:
        rows: Name and text.
        width: Columns in all.
        indent: Where texts begin; None = as suits the width.
    """
    indent = indent or (22 if width >= 80 else 14)
    lines = []
    for name, text in rows:
        fits = len(name) + 4 <= indent
        first = f"  {name:<{indent - 4}}  " if fits else " " * indent
        lines += [*([] if fits else [f"  {name}"]), filled(text, width, first, " " * indent)]
    return "\n".join(lines)


def typed(line: str, width: int) -> str:
    """A command line to copy; a long one is continued as a shell reads it."""
    whole = re.sub(r'"[^"]*"|(?<= )-\S+ (?=[^-|])', lambda m: m[0].replace(" ", _SPACE), line)
    lines = textwrap.wrap(
        whole,
        width - 2,
        initial_indent="    ",
        subsequent_indent="        ",
        break_long_words=False,
        break_on_hyphens=False,
    )
    return " \\\n".join(lines).replace(_SPACE, " ")
