"""Checks the shapes and types that signatures promise for arrays, and nothing else, while tests run.

`conftest.py` hands this to jaxtyping's import hook: dimension names are then bound over all arguments of a call.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any

from jaxtyping import AbstractArray

__all__ = ["ShapeError", "check_arrays"]


class ShapeError(TypeError):
    """An array is not what the signature says."""


def check_arrays(function: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap `function` so that its array arguments and array result are compared with its annotations."""
    signature = inspect.signature(function)

    @functools.cache
    def hints() -> dict[str, Any]:
        found = {name: _resolved(hint, function) for name, hint in function.__annotations__.items()}
        return {name: hint for name, hint in found.items() if _is_array(hint)}

    @functools.wraps(function)
    def checked(*args: Any, **kwargs: Any) -> Any:
        bound = signature.bind(*args, **kwargs).arguments
        for name, hint in hints().items():
            if name != "return" and name in bound and not isinstance(bound[name], hint):
                raise ShapeError(f"{function.__qualname__}: {name} is {_seen(bound[name])}, not {hint.__name__}")
        result = function(*args, **kwargs)
        hint = hints().get("return")
        if hint is not None and not isinstance(result, hint):
            raise ShapeError(f"{function.__qualname__} returned {_seen(result)}, not {hint.__name__}")
        return result

    return checked


def _resolved(hint: Any, function: Callable[..., Any]) -> Any:
    if not isinstance(hint, str):
        return hint
    try:
        return eval(hint, function.__globals__)
    except NameError:  # a name that only type checkers import; arrays are imported by everybody
        return None


def _is_array(hint: Any) -> bool:
    return isinstance(hint, type) and issubclass(hint, AbstractArray)


def _seen(value: Any) -> str:
    shape = getattr(value, "shape", None)
    return type(value).__name__ if shape is None else f"{getattr(value, 'dtype', '')}{tuple(shape)}"
