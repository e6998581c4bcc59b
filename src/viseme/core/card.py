"""How a result shows itself: one line in a prompt, a small table in a notebook. Knows no result."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from html import escape
from typing import Any

__all__ = ["Card"]


class Card:
    """Base of results that have `facts`: gives them a `repr` of one line and a table for notebooks.

    Example:
        >>> class Answer(Card):
        ...     def facts(self):
        ...         return {"file": "a.mp4", "audio_delay": 0.12049}
        >>> Answer()
        Answer(file='a.mp4', audio_delay=0.1205)
    """

    __slots__ = ()

    def facts(self) -> Mapping[str, Any]:
        """The few values that answer the question: name -> value, the most wanted first."""
        raise NotImplementedError

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{name}={_short(value)}' for name, value in self.facts().items())})"

    def _repr_html_(self) -> str:
        """What Jupyter shows."""
        rows = "".join(
            f'<tr><th style="text-align:left">{escape(name.replace("_", " "))}</th>'
            f'<td style="text-align:left">{escape(_plain(value))}</td></tr>'
            for name, value in self.facts().items()
        )
        return f"<table><caption>{escape(type(self).__name__)}</caption>{rows}</table>"


def _short(value: Any) -> str:
    """`repr` without classes of enumerations and with four digits of a number."""
    if isinstance(value, Enum):
        return repr(value.value)
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, tuple):
        return f"({', '.join(map(_short, value))}{',' if len(value) == 1 else ''})"
    return repr(value)


def _plain(value: Any) -> str:
    """The same for people: text without quotes, nothing for what is not known."""
    if value is None:
        return ""
    if isinstance(value, Enum):
        return str(value.value)
    if isinstance(value, tuple):
        return ", ".join(map(_plain, value))
    return value if isinstance(value, str) else _short(value)
