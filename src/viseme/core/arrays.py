"""Small functions of arrays that several rooms share. Imports neither torch nor SciPy."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["array_namespace", "gaussian_smooth"]


def array_namespace(array: Any) -> Any:
    """The module whose `sin`, `stack` and the like fit an array: `torch` for its tensors, otherwise `numpy`.

    Example:
        >>> array_namespace(np.zeros(3)) is np
        True
    """
    return sys.modules["torch"] if type(array).__module__.startswith("torch") else np


def gaussian_smooth(values: NDArray[np.floating], sigma: float) -> NDArray[np.float64]:
    """Smooth along the first axis with a Gaussian; ends are mirrored.

    The same as `scipy.ndimage.gaussian_filter1d(values, sigma, axis=0)`; importing that takes half a second.

    Args:
        values: (T, ...).
        sigma: Standard deviation, steps; 0 = as it is.

    Example:
        >>> gaussian_smooth(np.array([0.0, 0.0, 1.0, 0.0, 0.0]), 1.0).round(2).tolist()
        [0.06, 0.24, 0.4, 0.24, 0.06]
    """
    reach = int(4.0 * sigma + 0.5)
    if reach == 0:
        return np.array(values, np.float64)
    weights = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2)
    weights /= weights.sum()
    padded = np.pad(np.asarray(values, np.float64), [(reach, reach), *[(0, 0)] * (np.ndim(values) - 1)], "symmetric")
    num = len(values)
    return sum((w * padded[k : k + num] for k, w in enumerate(weights)), np.zeros(np.shape(values)))
