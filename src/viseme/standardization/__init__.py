"""Data standardisation: a face video in, lip motion alone out. Read `interface.py` first. Knows no audio.

    >>> from viseme.standardization import read_standardized, standardize
    >>> callable(standardize)
    True

Public names are loaded when first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

_LAZY = {
    "Coefficients": "viseme.standardization.interface",
    "StandardFace": "viseme.standardization.synthesis",
    "StandardizeResult": "viseme.standardization.results",
    "StandardizedClip": "viseme.standardization.files",
    "read_standardized": "viseme.standardization.files",
    "standardize": "viseme.standardization.pipeline",
    "standardize_many": "viseme.standardization.batch",
}

__all__ = sorted(_LAZY)


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module 'viseme.standardize' has no attribute {name!r}")
    return getattr(import_module(_LAZY[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
