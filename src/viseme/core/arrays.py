"""Functions that take NumPy arrays or torch tensors and answer in kind. Imports no torch of its own."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

__all__ = ["array_namespace"]


def array_namespace(array: Any) -> Any:
    """The module whose `sin`, `stack` and the like fit an array: `torch` for its tensors, otherwise `numpy`.

    Example:
        >>> array_namespace(np.zeros(3)) is np
        True
    """
    return sys.modules["torch"] if type(array).__module__.startswith("torch") else np
