"""One number a line: what was measured, its value, n, and the target."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

__all__ = ["line", "mean_and_range"]


def mean_and_range(values: Sequence[float]) -> str:
    """ "0.950 [0.931, 0.962]": the mean, the least and the greatest."""
    return f"{np.mean(values):.3f} [{min(values):.3f}, {max(values):.3f}]"


def line(what: str, value: str, n: str, target: str = "") -> str:
    """Columns of one width, so that two runs can be compared line by line."""
    return f"{what:62s} {value:24s} {n}" + (f"   {target}" if target else "")
