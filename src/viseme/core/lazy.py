"""Names of a package that are loaded when they are first read. Knows tables; refuses to know what is behind a name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from viseme.core.extras import import_part

__all__ = ["lazy_names"]


def lazy_names(package: str, table: Mapping[str, str]) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """`__getattr__` and `__dir__` of a package whose names live in modules that are slow to import.

    A name is looked up in its module every time it is read, so it is the same whatever was imported before.

    Args:
        package: `__name__` of the package.
        table: Name -> module that defines it.

    Raises:
        ValueError: a name is also that of a module in the package, which would hide it once that module is imported.

    Example:
        >>> load, names = lazy_names("demo", {"Fraction": "fractions"})
        >>> names(), load("Fraction").__name__
        (['Fraction'], 'Fraction')
    """
    for name, module in table.items():
        if f"{module}.".startswith(f"{package}.{name}."):
            raise ValueError(f"{package}.{name} is a module, which would hide the name once it is imported")

    def load(name: str) -> Any:
        if name not in table:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        return getattr(import_part(table[name]), name)

    return load, lambda: sorted(table)
