"""Memory that is free goes back to the system. Knows the C library; refuses to know who used it."""

from __future__ import annotations

import ctypes
import sys
from functools import cache
from typing import Any

__all__ = ["return_free_memory"]


def return_free_memory() -> bool:
    """Hand memory that was freed in pieces back to the system, which glibc keeps for each thread that asked for it.

    Where passes over a clip alternate between large arrays of many sizes, what is kept grows with the length of the
    clip although what is used does not. It takes some milliseconds.

    Returns:
        Whether anything was handed back; False where the C library has no such function.
    """
    trim = _malloc_trim()
    return trim is not None and bool(trim(0))


@cache
def _malloc_trim() -> Any:
    return getattr(ctypes.CDLL(None), "malloc_trim", None) if sys.platform.startswith("linux") else None
