"""From words on the command line to a command's options. Knows tyro; refuses to know any command."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from typing import Any

import tyro

from viseme.cli.everywhere import perhaps
from viseme.cli.exits import UsageError
from viseme.cli.signatures import Argument, arguments_of, options_of
from viseme.core.time import parse_time

__all__ = ["parse", "time_of", "with_results_named"]


def parse(name: str, module: Any, arguments: Sequence[str]) -> Any:
    """The command's `Options` (a dictionary for a `FUNCTION`), or an exit code when help was given or asked for.

    A module may have `tidy(arguments)`, for spellings that tyro does not know.

    Raises:
        UsageError: a word that does not fit; the message says what would.
    """
    words = list(arguments)
    if hasattr(module, "tidy"):
        words = module.tidy(words)
    before = words[: words.index("--")] if "--" in words else words
    if "-h" in before or "--help" in before:
        from viseme.cli.help_text import print_help

        print_help(name, module)
        return 0
    target = options_of(module)
    words = _names_last(target, words, name)
    try:
        return tyro.cli(
            target,
            prog=f"viseme {name}",
            args=words,
            config=(tyro.conf.FlagCreatePairsOff, tyro.conf.PositionalRequiredArgs),
        )
    except SystemExit as stop:
        return stop.code if isinstance(stop.code, int) else 2


def _names_last(target: Callable[..., Any], words: list[str], command: str) -> list[str]:
    """File names may stand anywhere between options, values may begin with a minus sign, times may have a unit.

    Raises:
        UsageError: what does not fit, in one sentence.
    """
    arguments = arguments_of(target)
    known = {flag: a for a in arguments for flag in a.flags}
    flags: list[str] = []
    names: list[str] = []
    rest = iter(words)
    for word in rest:
        if word == "--":
            names += rest
        elif not word.startswith("-") or word == "-":
            names.append(word)
        else:
            flag, equals, value = word.partition("=")
            argument = known.get(flag) or known.get(flag := flag[:2] + flag[2:].replace("_", "-"))
            if argument is None:
                raise UsageError(f"viseme {command} has no option {flag}{perhaps(flag, list(known))}")
            flags += _flag_words(argument, flag, iter([value]) if equals else rest)
    _refuse_other_names(arguments, names, command)
    return [*flags, "--", *names] if names else flags


def _refuse_other_names(arguments: Sequence[Argument], names: Sequence[str], command: str) -> None:
    """Too few, too many, or none of those that may stand there."""
    placed = [a for a in arguments if not a.flags]
    needed = [a for a in placed if a.is_needed]
    if len(names) < len(needed):
        raise UsageError(f"give {' '.join(a.value for a in needed[len(names) :])}; see viseme {command} --help")
    if len(names) > len(placed) and not any(a.repeats for a in placed):
        raise UsageError(f"viseme {command} has no use for {names[len(placed)]!r}; see viseme {command} --help")
    for argument, name in zip(placed, names):
        _plain_value(argument, argument.value, name)


def _flag_words(argument: Argument, flag: str, rest: Iterator[str]) -> list[str]:
    """A flag and its values, as tyro reads them."""
    values = [_plain_value(argument, flag, v) for _, v in zip(range(argument.num_values), rest)]
    if len(values) < argument.num_values:
        raise UsageError(f"{flag} needs a value: {flag} {argument.value}")
    return [f"{flag}={values[0]}"] if len(values) == 1 else [flag, *values]


def _plain_value(argument: Argument, flag: str, text: str) -> str:
    """Times in seconds, whatever unit they were typed with; everything else as it is."""
    if argument.choices and text not in argument.choices:
        near = perhaps(text, argument.choices)
        raise UsageError(f"{flag} {text!r} is none of {', '.join(argument.choices)}{near}")
    if argument.unit == "seconds":
        try:
            return f"{float(parse_time(text)):.12f}".rstrip("0")
        except (ValueError, OverflowError):
            raise UsageError(f"{flag}: {text!r} is not a time; write 2, 2s or 137ms") from None
    if argument.kind in (int, float):
        try:
            argument.kind(text)
        except ValueError:
            wanted = "a whole number" if argument.kind is int else "a number"
            raise UsageError(f"{flag} needs {wanted}, not {text!r}") from None
    return text


def time_of(flag: str, text: str) -> Fraction:
    """Seconds of a value such as 120ms or -0.12s.

    Raises:
        UsageError: no unit, or no time.

    Example:
        >>> time_of("--delay", "-80ms")
        Fraction(-2, 25)
    """
    if not text.strip().lower().endswith("s"):
        raise UsageError(f"{flag} {text!r} needs a unit: 120ms or 0.12s")
    try:
        return parse_time(text)
    except ValueError as error:
        raise UsageError(f"{flag}: {error}") from None


def with_results_named(arguments: Sequence[str], option: str) -> list[str]:
    """`--resume FILE.jsonl` spelt out as the option that names the file of answers, and `--resume`.

    Args:
        arguments: Of a command.
        option: Which of its options names the file.

    Example:
        >>> with_results_named(["takes", "--resume", "r.jsonl", "--", "--resume"], "--results")
        ['takes', '--results=r.jsonl', '--resume', '--', '--resume']
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
