"""What the package promises: names, documentation, registries."""

from __future__ import annotations

import ast
import importlib
import pkgutil
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

import viseme
from viseme.core.registry import Registry

SOURCE = Path(viseme.__file__).parent


def modules() -> Iterator[str]:
    yield "viseme"
    for info in pkgutil.walk_packages([str(SOURCE)], "viseme."):
        yield info.name


@cache
def tree(name: str) -> ast.Module:
    path = SOURCE.parent / Path(*name.split("."))
    file = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    return ast.parse(file.read_text(encoding="utf-8"))


def exported(name: str) -> list[str]:
    """Literal entries of `__all__`, or nothing."""
    for node in tree(name).body:
        if isinstance(node, ast.Assign) and any(isinstance(t, ast.Name) and t.id == "__all__" for t in node.targets):
            names = node.value.elts if isinstance(node.value, (ast.List, ast.Tuple)) else []
            return [n.value for n in names if isinstance(n, ast.Constant)]
    return []


def sort_key(name: str) -> tuple[int, str]:
    """Constants, then classes, then functions, as the linter keeps them."""
    return (0 if name.isupper() else 1 if name[:1].isupper() else 2, name)


@pytest.mark.parametrize("name", sorted(modules()))
def test_exported_names_are_sorted_exist_and_are_unique(name: str) -> None:
    names = exported(name)
    assert len(names) == len(set(names))
    if name != "viseme":
        assert names == sorted(names, key=sort_key)
    defined = {n.id for n in ast.walk(tree(name)) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
    for node in ast.walk(tree(name)):
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            defined.add(node.name)
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            defined |= {alias.asname or alias.name for alias in node.names}
    assert set(names) <= defined, f"{name} exports what it does not define"


@pytest.mark.parametrize("name", sorted(modules()))
def test_every_module_says_what_it_is(name: str) -> None:
    module = tree(name)
    assert ast.get_docstring(module) or not module.body, f"{name} has no docstring"


@pytest.mark.parametrize("name", sorted(modules()))
def test_every_exported_function_and_class_is_documented(name: str) -> None:
    names = set(exported(name))
    bare = [
        node.name
        for node in tree(name).body
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)) and node.name in names and not ast.get_docstring(node)
    ]
    assert bare == [], f"{name}: no docstring"


def test_every_public_name_of_the_package_loads() -> None:
    assert viseme.__all__[1:] == sorted(viseme.__all__[1:])
    missing = {}
    for name in viseme.__all__:
        try:
            getattr(viseme, name)
        except (ImportError, AttributeError) as error:
            missing[name] = str(error)
    assert missing == {}
    with pytest.raises(AttributeError, match="no attribute 'nosuch'"):
        viseme.nosuch  # noqa: B018 - reading it is the test


def registries() -> list[tuple[str, str]]:
    """(module, variable) of every registry in the package."""
    found = []
    for name in modules():
        for node in tree(name).body:
            targets = [node.target] if isinstance(node, ast.AnnAssign) else getattr(node, "targets", [])
            value = getattr(node, "value", None)
            called = value.func if isinstance(value, ast.Call) else None
            called = called.value if isinstance(called, ast.Subscript) else called
            if isinstance(called, ast.Name) and called.id == "Registry":
                found += [(name, t.id) for t in targets if isinstance(t, ast.Name)]
    return found


def test_registries_are_found() -> None:
    assert registries(), "a test that walks nothing passes in silence"


@pytest.mark.parametrize(("module", "variable"), registries())
def test_every_registered_name_loads_and_is_documented(module: str, variable: str) -> None:
    registry = getattr(importlib.import_module(module), variable)
    assert isinstance(registry, Registry)
    for name in registry:
        assert registry[name].__doc__, f"{variable}[{name!r}] has no docstring"


def test_errors_are_one_tree() -> None:
    from viseme.core import errors

    assert all(issubclass(getattr(errors, name), errors.VisemeError) for name in errors.__all__)
    assert all(getattr(errors, name).__doc__ for name in errors.__all__)
