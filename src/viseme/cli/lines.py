"""Text that fits the screen: on one line, shortened, or broken at words. Knows text alone."""

from __future__ import annotations

import re
from typing import Any

__all__ = ["one_line", "shortened", "wrapped"]


def one_line(text: str) -> str:
    """Text that stays on its line and leaves the terminal alone: what cannot be printed is escaped.

    Example:
        >>> print(one_line("two\\nlines \\x1b[2J.mp4"))
        two\\nlines \\x1b[2J.mp4
    """
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)


def shortened(name: str, width: int) -> str:
    """A file name of at most `width` characters: the middle goes, the beginning and the extension stay.

    Example:
        >>> shortened("interview_with_the_director_take_7.mp4", 20)
        'interview_…ake_7.mp4'
    """
    if len(name) <= width:
        return name
    tail = (width - 1) // 2
    return f"{name[: width - 1 - tail]}…{name[len(name) - tail :]}"


def wrapped(text: Any, width: int) -> Any:
    """Rich text whose lines break at words; what follows stands below the value, behind its label.

    Example:
        >>> from rich.text import Text
        >>> print(wrapped(Text("  delay     one two three four"), 24).plain)
          delay     one two
                    three four
    """
    from rich.text import Text

    if not isinstance(text, Text):
        return text
    lines = [part for line in text.split("\n", allow_blank=True) for part in _lines_of(line, width)]
    return Text("\n").join(lines)


def _lines_of(line: Any, width: int) -> list[Any]:
    """One line as lines of at most `width` characters; a longer word, or a number and its unit, stays whole."""
    label = re.match(r" *\S{0,14} {2,}(?=\S)| *", line.plain)
    indent = min(label.end() if label else 0, width // 2)
    lines = []
    while len(line) > width:
        start = indent if lines else label.end() if label else 0
        spaces = [m.start() for m in re.finditer(r" (?!ms\b|s\b|%)", line.plain) if m.start() > start]
        cut = next((at for at in reversed(spaces) if at <= width), spaces[0] if spaces else None)
        if cut is None:
            break
        head, rest = line.divide([cut])
        head.rstrip()
        lines.append(head)
        rest = rest[len(rest.plain) - len(rest.plain.lstrip()) :]
        rest.pad_left(indent)
        line = rest
    return [*lines, line]
