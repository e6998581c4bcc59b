"""Writes docs/cli.md from the commands themselves. `make docs` runs it; a test compares the file with it."""

from __future__ import annotations

import ast
import inspect
import sys
import textwrap
import types
from collections.abc import Callable, Iterator, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from docstring_parser import DocstringStyle, parse

from viseme.cli.arguments import options_of
from viseme.cli.main import COMMANDS, HELP

PAGE = Path(__file__).resolve().parents[1] / "docs" / "cli.md"

HEAD = """\
# Commands

Written by `make docs` from the commands themselves. Each command is a public function of the same name:
`viseme find-speakers a.mp4` is `viseme.find_speakers("a.mp4")`. File names may stand anywhere between options; names
that begin with a dash go behind `--`. `--debug`, anywhere, adds tracebacks and what libraries print.

{exits}
"""


def reference() -> str:
    """The page."""
    exits = "```\n" + HELP[HELP.index("exit codes:") :] + "```"
    return HEAD.format(exits=exits) + "".join(section(name) for name in COMMANDS)


def section(name: str) -> str:
    """One command: what it does and its options."""
    target = options_of(import_module(COMMANDS[name].module))
    what, told = _texts(target)
    lines = [f"\n## viseme {name}\n", what, ""]
    rows = list(_rows(target, told))
    if rows:
        lines += ["| option | value | what it is |", "|---|---|---|", *rows, ""]
    return "\n".join(lines)


def _texts(target: Callable[..., Any]) -> tuple[str, Mapping[str, str]]:
    """Description of a command, and of each of its options."""
    if inspect.isclass(target):
        return inspect.cleandoc(target.__doc__ or ""), _field_texts(target)
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


def _rows(target: Callable[..., Any], told: Mapping[str, str]) -> Iterator[str]:
    hints = get_type_hints(target, include_extras=True)
    for parameter in inspect.signature(target).parameters.values():
        extras = getattr(hints[parameter.name], "__metadata__", ())
        marks = [e for e in extras if hasattr(e, "metavar")]
        kind = get_args(hints[parameter.name])[0] if extras else hints[parameter.name]
        shown = next((m.metavar for m in marks if m.metavar), None) or _kind(kind)
        off = "no-" if parameter.default is True else ""
        flag = "--" + off + (next((m.name for m in marks if m.name), None) or parameter.name).replace("_", "-")
        aliases = [alias for m in marks for alias in m.aliases or ()]
        if parameter.default is inspect.Parameter.empty or any("Positional" in repr(e) for e in extras):
            names = f"`{parameter.name.upper() if shown == _kind(kind) else shown}`"
        else:
            names = ", ".join(f"`{n}`" for n in (flag, *aliases))
        text = " ".join(told.get(parameter.name, "").split())
        text = f"Not: {text}" if off else text
        assert text, f"{target}: {parameter.name} is not documented"
        yield f"| {names} | {_cell(shown)}{_default(parameter.default)} | {_cell(text)} |"


def _kind(kind: Any) -> str:
    """What a value looks like."""
    if kind is bool:
        return "flag"
    origin, args = get_origin(kind), get_args(kind)
    if origin is Literal:
        return ", ".join(map(str, args))
    if origin in (Union, types.UnionType):
        return _kind(next(a for a in args if a is not type(None)))
    if origin is tuple:
        return f"{_kind(args[0])}..." if args[1:] == (...,) else " ".join(map(_kind, args))
    return {"str": "text", "int": "whole number", "float": "number", "Path": "path"}.get(kind.__name__, kind.__name__)


def _default(value: Any) -> str:
    if value is inspect.Parameter.empty or value in (None, False, True, (), ""):
        return ""
    words = " ".join(map(str, value)) if isinstance(value, tuple) else str(value)
    return f" = {words}"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


if __name__ == "__main__":
    PAGE.write_text(reference(), encoding="utf-8")
    sys.stdout.write(f"{PAGE}\n")
