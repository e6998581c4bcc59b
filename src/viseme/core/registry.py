"""Name -> implementation, without importing any implementation until it is asked for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib import import_module
from importlib.metadata import entry_points
from typing import Generic, TypeVar

from viseme.core.errors import ConfigError

__all__ = ["Registry"]

T = TypeVar("T")


class Registry(Generic[T]):
    """A typed table of `"package.module:Name"` targets.

    Third parties add to it by an entry point in the group `viseme.<kind>`.

    Example:
        >>> table = Registry[type]("demo", {"fraction": "fractions:Fraction"})
        >>> list(table), table["fraction"].__name__
        (['fraction'], 'Fraction')
    """

    def __init__(self, kind: str, table: Mapping[str, str]) -> None:
        self.kind = kind
        self._table = dict(table)
        self._scanned = False

    def _targets(self) -> dict[str, str]:
        if not self._scanned:
            self._scanned = True
            for entry in entry_points(group=f"viseme.{self.kind}"):
                self.add(entry.name, entry.value)
        return self._table

    def add(self, name: str, target: str) -> None:
        """Register one more name.

        Raises:
            ValueError: the name is taken by another target, or the target has no colon.
        """
        if ":" not in target:
            raise ValueError(f"{self.kind} {name!r}: write the target as 'module:Name', not {target!r}")
        if self._table.get(name, target) != target:
            raise ValueError(f"{self.kind} {name!r} is already {self._table[name]!r}")
        self._table[name] = target

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(self._targets()))

    def __contains__(self, name: object) -> bool:
        return name in self._targets()

    def __getitem__(self, name: str) -> T:
        """Import and return what is registered as `name`.

        Raises:
            ConfigError: no such name; the message lists the known ones.
        """
        try:
            module, _, attribute = self._targets()[name].partition(":")
        except KeyError:
            known = ", ".join(self)
            raise ConfigError(f"there is no {self.kind} {name!r}; known: {known}") from None
        return getattr(import_module(module), attribute)
