"""From words on the command line to a command's `Options`. Knows tyro; refuses to know any command."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, get_args, get_origin, get_type_hints

import tyro

__all__ = ["option_table", "parse"]


def parse(name: str, module: Any, arguments: Sequence[str]) -> Any:
    """The command's `Options`, or an exit code when help was asked for or the words make no sense.

    A module may have `tidy(arguments)`, for spellings that tyro does not know.
    """
    words = list(arguments)
    if hasattr(module, "tidy"):
        words = module.tidy(words)
    try:
        return tyro.cli(
            module.Options,
            prog=f"viseme {name}",
            args=_names_last(module.Options, words),
            config=(tyro.conf.FlagCreatePairsOff,),
        )
    except SystemExit as stop:
        return stop.code if isinstance(stop.code, int) else 2


def option_table(options: type) -> dict[str, Any]:
    """Flag or alias -> type of its value, in the order of the help text; positional names have no dashes."""
    table: dict[str, Any] = {}
    for field, hint in get_type_hints(options, include_extras=True).items():
        extras = getattr(hint, "__metadata__", ())
        plain = get_args(hint)[0] if extras else hint
        if tyro.conf.Positional[int].__metadata__[0] in extras:  # type: ignore[attr-defined]
            table[field] = plain
            continue
        table[f"--{field.replace('_', '-')}"] = plain
        for extra in extras:
            table.update(dict.fromkeys(getattr(extra, "aliases", None) or (), plain))
    return table


def _names_last(options: type, words: list[str]) -> list[str]:
    """File names may stand anywhere between options, and values may begin with a minus sign."""
    table = option_table(options)
    flags: list[str] = []
    names: list[str] = []
    rest = iter(words)
    for word in rest:
        if word == "--":
            names += rest
        elif not word.startswith("-") or word == "-":
            names.append(word)
        elif "=" in word or word not in table:
            flags.append(word)
        else:
            values = [value for _, value in zip(range(_num_values(table[word])), rest)]
            joined = len(values) == 1 and not values[0].startswith("--")
            flags += [f"{word}={values[0]}"] if joined else [word, *values]
    return [*flags, "--", *names] if names else flags


def _num_values(kind: Any) -> int:
    if kind is bool:
        return 0
    return len(get_args(kind)) if get_origin(kind) is tuple else 1
