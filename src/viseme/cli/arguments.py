"""From words on the command line to a command's options. Knows tyro; refuses to know any command.

A command module has either `Options`, a dataclass, or `FUNCTION`, the public function whose signature and docstring
are its options.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any, get_args, get_origin, get_type_hints

import tyro

from viseme.cli.exits import UsageError
from viseme.core.extras import import_part

__all__ = ["option_table", "options_of", "parse", "time_of", "with_log_named"]

_POSITIONAL = tyro.conf.Positional[int].__metadata__[0]  # type: ignore[attr-defined]


def parse(name: str, module: Any, arguments: Sequence[str]) -> Any:
    """The command's `Options` (a dictionary for a `FUNCTION`), or an exit code when help was given or asked for.

    A module may have `tidy(arguments)`, for spellings that tyro does not know.
    """
    words = list(arguments)
    if hasattr(module, "tidy"):
        words = module.tidy(words)
    target = options_of(module)
    try:
        return tyro.cli(
            target,
            prog=f"viseme {name}",
            args=_names_last(target, words),
            config=(tyro.conf.FlagCreatePairsOff, tyro.conf.PositionalRequiredArgs),
        )
    except SystemExit as stop:
        return stop.code if isinstance(stop.code, int) else 2


def options_of(module: Any) -> Callable[..., Any]:
    """What tyro reads: the dataclass, or a stand-in for the function that hands its arguments back."""
    if hasattr(module, "Options"):
        return module.Options
    source, _, attribute = module.FUNCTION.partition(":")
    function = getattr(import_part(source), attribute)
    signature = inspect.signature(function)
    kept = [
        p for p in signature.parameters.values() if not p.name.startswith("on_")
    ]  # hooks are not for a command line

    @functools.wraps(function)
    def arguments(*args: Any, **kwargs: Any) -> dict[str, Any]:
        return dict(signature.replace(parameters=kept).bind(*args, **kwargs).arguments)

    del arguments.__wrapped__
    hints = get_type_hints(function, include_extras=True)
    arguments.__signature__ = signature.replace(parameters=kept, return_annotation=dict)  # type: ignore[attr-defined]
    arguments.__annotations__ = {p.name: hints[p.name] for p in kept} | {"return": dict}
    return arguments


def option_table(target: Callable[..., Any]) -> dict[str, Any]:
    """Flag or alias -> type of its value, in the order of the help text; positional names have no dashes."""
    required = {
        p.name
        for p in inspect.signature(target).parameters.values()
        if p.default is inspect.Parameter.empty and p.kind is not inspect.Parameter.VAR_KEYWORD
    }
    hints = get_type_hints(target, include_extras=True)
    table: dict[str, Any] = {}
    for field, hint in hints.items():
        if field == "return":
            continue
        extras = getattr(hint, "__metadata__", ())
        plain = get_args(hint)[0] if extras else hint
        if field in required or _POSITIONAL in extras:
            table[field] = plain
            continue
        name = next((n for extra in extras if (n := getattr(extra, "name", None))), field)
        table[f"--{name.replace('_', '-')}"] = plain
        for extra in extras:
            table.update(dict.fromkeys(getattr(extra, "aliases", None) or (), plain))
    return table


def _names_last(target: Callable[..., Any], words: list[str]) -> list[str]:
    """File names may stand anywhere between options, and values may begin with a minus sign."""
    table = option_table(target)
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
    kind = next((k for k in get_args(kind) if get_origin(k) is tuple), kind)  # of "or None"
    return len(get_args(kind)) if get_origin(kind) is tuple else 1


def time_of(flag: str, text: str) -> Fraction:
    """Seconds of a value such as 120ms or -0.12s.

    Raises:
        UsageError: no unit, or no time.

    Example:
        >>> time_of("--delay", "-80ms")
        Fraction(-2, 25)
    """
    from viseme.core.time import parse_time

    if not text.strip().lower().endswith("s"):
        raise UsageError(f"{flag} {text!r} needs a unit: 120ms or 0.12s")
    try:
        return parse_time(text)
    except ValueError as error:
        raise UsageError(f"{flag}: {error}") from None


def with_log_named(arguments: Sequence[str], option: str) -> list[str]:
    """`--resume FILE.jsonl` spelt out as the option that names the log, and `--resume`.

    Args:
        arguments: Of a command.
        option: Which of its options names the log.

    Example:
        >>> with_log_named(["takes", "--resume", "r.jsonl", "--", "--resume"], "--log")
        ['takes', '--log=r.jsonl', '--resume', '--', '--resume']
    """
    words: list[str] = []
    rest = list(arguments)
    while rest:
        word = rest.pop(0)
        if word == "--":
            return [*words, word, *rest]
        if word == "--resume" and rest and rest[0].lower().endswith((".jsonl", ".ndjson")):
            words += [f"{option}={rest.pop(0)}", "--resume"]
        elif word.startswith("--resume="):
            words += [f"{option}={word.partition('=')[2]}", "--resume"]
        else:
            words.append(word)
    return words
