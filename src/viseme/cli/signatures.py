"""What a command takes: the arguments of its `Options`, or of its public function. Refuses to know any command.

A command module has either `Options`, a dataclass, or `FUNCTION`, the public function whose signature and docstring
are its options.
"""

from __future__ import annotations

import functools
import inspect
import types
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

import tyro

from viseme.core.extras import import_part
from viseme.core.time import Unit

__all__ = ["Argument", "arguments_of", "options_of"]

_POSITIONAL = tyro.conf.Positional[int].__metadata__[0]  # type: ignore[attr-defined]
_PLAIN_VALUES = {"str": "TEXT", "int": "N", "float": "NUMBER", "Path": "PATH"}
_SUFFIXES = {"px": "PIXELS", "deg": "DEGREES", "db": "DECIBELS", "wpm": "WORDS"}
"""What an option counts, from the end of its name."""


@dataclass(frozen=True, kw_only=True)
class Argument:
    """One option, or one positional argument, of a command."""

    name: str
    """Of the field or parameter."""
    flags: tuple[str, ...]
    """As typed, the shortest first; none for a positional argument."""
    value: str
    """What stands for its value in a help text, with the unit where it has one; "" for a flag."""
    kind: Any
    """Type of the value."""
    default: Any
    """`inspect.Parameter.empty` where a value must be given."""
    choices: tuple[str, ...] = ()
    """What it may be; none: anything."""
    unit: str = ""
    """Of a number, for example seconds."""
    num_values: int = 1
    """How many words follow the flag; 0 for a flag alone."""
    repeats: bool = False
    """Whether any number of words may stand here."""

    @property
    def is_needed(self) -> bool:
        """Whether a value must be given."""
        return self.default is inspect.Parameter.empty


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


def arguments_of(target: Callable[..., Any]) -> tuple[Argument, ...]:
    """What a command takes, in the order of its help text."""
    hints = get_type_hints(target, include_extras=True)
    parameters = inspect.signature(target).parameters.values()
    return tuple(_argument(p, hints[p.name]) for p in parameters if p.kind is not inspect.Parameter.VAR_KEYWORD)


def _argument(parameter: inspect.Parameter, hint: Any) -> Argument:
    kind, marks = _opened(hint)
    parts = get_args(kind) if get_origin(kind) is tuple else ()
    repeats = parts[1:] == (...,)
    unit = next((m.name for m in [*marks, *(_opened(parts[0])[1] if parts else ())] if isinstance(m, Unit)), "")
    choices = tuple(map(str, get_args(kind))) if get_origin(kind) is Literal else ()
    told = [m for m in marks if hasattr(m, "metavar")]
    needed = parameter.default is inspect.Parameter.empty
    positional = needed or _POSITIONAL in marks
    flag = "--" + (next((m.name for m in told if m.name), None) or parameter.name).replace("_", "-")
    if parameter.default is True:
        flag = "--no-" + flag[2:]
    aliases = sorted((a for m in told for a in m.aliases or ()), key=len)
    value = next((m.metavar for m in told if m.metavar), None)
    if value is None:
        value = parameter.name.upper() if positional else _value(parameter.name, kind, unit)
    return Argument(
        name=parameter.name,
        flags=() if positional else (*aliases, flag),
        value=value,
        kind=kind,
        default=parameter.default,
        choices=choices,
        unit=unit,
        num_values=0 if kind is bool else len(parts) if parts and not repeats else 1,
        repeats=repeats,
    )


def _opened(hint: Any) -> tuple[Any, list[Any]]:
    """A type without its marks and without "or None", and the marks."""
    marks: list[Any] = []
    while True:
        if get_origin(hint) is Annotated:
            marks += hint.__metadata__
            hint = get_args(hint)[0]
        elif get_origin(hint) in (Union, types.UnionType):
            hint = next(a for a in get_args(hint) if a is not type(None))
        else:
            return hint, marks


def _value(name: str, kind: Any, unit: str) -> str:
    """What stands for a value nobody named."""
    if kind is bool:
        return ""
    if get_origin(kind) is Literal:
        return "|".join(map(str, get_args(kind)))
    if unit:
        return unit.upper()
    return _SUFFIXES.get(name.rpartition("_")[2]) or _PLAIN_VALUES.get(kind.__name__, "VALUE")
