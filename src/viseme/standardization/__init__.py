"""Data standardisation: a face video in, lip motion alone out. Read `interface.py` first. Knows no audio.

    >>> from viseme.standardization import read_standardized, standardize
    >>> callable(standardize)
    True

Public names are loaded when first used.
"""

from __future__ import annotations

from viseme.core.lazy import lazy_names

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

__getattr__, __dir__ = lazy_names(__name__, _LAZY)
