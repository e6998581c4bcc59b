"""What a command's help says, from the same words that docs/cli.md is written from. Refuses to know any command.

Texts of options are their docstrings. Three turns of phrase there are for Python and are put another way here:
"; None = X" becomes "Default: X", "; False = X" is the text of the option --no-..., and `name` of another parameter
becomes its flag.
"""

from __future__ import annotations

import ast
import inspect
import os
import re
import sys
import textwrap
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from viseme.cli.front_page import OPTIONS
from viseme.cli.layout import filled, screen_width, two_columns, typed
from viseme.cli.signatures import Argument, arguments_of, options_of

__all__ = ["CommandHelp", "command_help", "help_page", "print_help"]


@dataclass(frozen=True, kw_only=True)
class CommandHelp:
    """Everything that is told about a command."""

    name: str
    about: str
    """Paragraphs, with empty lines between."""
    arguments: tuple[tuple[Argument, str], ...]
    """With the text of each."""
    examples: tuple[tuple[str, str], ...]
    """What it does, and what to type."""


def command_help(name: str, module: Any) -> CommandHelp:
    """What is told about the command of a module with `Options` or `FUNCTION`, and `EXAMPLES`.

    Raises:
        MissingExtra: the command's function needs a package that is not installed.
    """
    target = options_of(module)
    about, told = _texts(target)
    known = arguments_of(target)
    flags = {a.name: a.flags[-1] if a.flags else a.value for a in known}
    return CommandHelp(
        name=name,
        about=about,
        arguments=tuple((a, _text(a, told.get(a.name, ""), flags)) for a in known),
        examples=tuple(getattr(module, "EXAMPLES", ())),
    )


def help_page(command: CommandHelp, width: int, *, bold: Callable[[str], str] = str) -> str:
    """The text of `viseme COMMAND --help`, no line longer than `width` where words allow it.

    Args:
        command: What to tell.
        width: Columns.
        bold: Makes a heading stand out.
    """
    named = [(a, t) for a, t in command.arguments if a.flags]
    placed = [(a, t) for a, t in command.arguments if not a.flags]
    usage = f"usage: viseme {' '.join([command.name, '[options]', *(a.value for a, _ in placed)])}"
    rows = [(_left(a), text) for a, text in named]
    everywhere = ", ".join(name for name in OPTIONS if name not in ("-h, --help", "--version"))
    rows += [("-h, --help", "Show this text."), (everywhere, "Of every command; see viseme --help.")]
    parts = [usage, *(filled(p, width) for p in _paragraphs(command.about))]
    if placed:
        parts.append(f"{bold('arguments:')}\n{two_columns([(a.value, text) for a, text in placed], width)}")
    parts.append(f"{bold('options:')}\n{two_columns(rows, width)}")
    if command.examples:
        told = "\n".join(_example(what, line, width) for what, line in command.examples)
        parts.append(f"{bold('examples:')}\n{told}")
    return "\n\n".join(parts) + "\n"


def print_help(name: str, module: Any) -> None:
    """Write the page to stdout, as wide as the terminal."""
    plain = not sys.stdout.isatty() or "NO_COLOR" in os.environ or os.environ.get("TERM") == "dumb"
    page = help_page(
        command_help(name, module), screen_width(), bold=str if plain else lambda text: f"\x1b[1m{text}\x1b[0m"
    )
    sys.stdout.write(page)
    sys.stdout.flush()


def _paragraphs(text: str) -> Iterator[str]:
    for paragraph in text.split("\n\n"):
        yield " ".join(paragraph.split())


def _left(argument: Argument) -> str:
    """`-o, --out FILE`: the value once, however many spellings there are."""
    return " ".join(filter(None, (", ".join(argument.flags), argument.value)))


def _example(what: str, line: str, width: int) -> str:
    return f"{filled(what, width, '  ', '  ')}\n{typed(line, width)}"


def _text(argument: Argument, told: str, flags: Mapping[str, str]) -> str:
    """What an argument is, with its choices and its default."""
    text = " ".join(told.split())
    text = re.sub(r"`(\w+)`", lambda found: flags.get(found[1], found[0]), text)
    text, _, otherwise = text.partition("; False = ")
    if argument.default is True:
        text = otherwise[:1].upper() + otherwise[1:]
    text, _, missing = text.partition("; None = ")
    text = text.rstrip(".") + "."
    if argument.choices and not argument.flags:
        text += f" One of: {', '.join(argument.choices)}."
    default = missing.rstrip(".") if missing else _default(argument)
    return f"{text} Default: {default}." if default else text


def _default(argument: Argument) -> str:
    """The value that stands where none is given, if it says something."""
    value = argument.default
    if value is inspect.Parameter.empty or value is None or isinstance(value, bool) or value in ((), ""):
        return ""
    words = " ".join(f"{v:g}" if isinstance(v, float) else str(v) for v in (value if type(value) is tuple else [value]))
    return f"{words} s" if argument.unit == "seconds" else words


def _texts(target: Callable[..., Any]) -> tuple[str, Mapping[str, str]]:
    """Description of a command, and of each of its arguments."""
    if inspect.isclass(target):
        return inspect.cleandoc(target.__doc__ or ""), _field_texts(target)
    from docstring_parser import DocstringStyle, parse

    parsed = parse(target.__doc__ or "", style=DocstringStyle.GOOGLE)
    told = {n.strip(): p.description or "" for p in parsed.params for n in p.arg_name.split(",")}
    parts = [parsed.short_description, parsed.long_description]
    return "\n\n".join(p for p in parts if p), told


def _field_texts(target: type) -> dict[str, str]:
    (body,) = [
        n for n in ast.walk(ast.parse(textwrap.dedent(inspect.getsource(target)))) if isinstance(n, ast.ClassDef)
    ]
    texts = {}
    for field, text in zip(body.body, body.body[1:]):
        if isinstance(field, ast.AnnAssign) and isinstance(text, ast.Expr) and isinstance(text.value, ast.Constant):
            assert isinstance(field.target, ast.Name)
            texts[field.target.id] = str(text.value.value)
    return texts
