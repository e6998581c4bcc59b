"""Shared functions of arrays against SciPy's."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter1d

from viseme.core.arrays import gaussian_smooth


@pytest.mark.parametrize("shape", [(1,), (2, 3), (7,), (100, 3, 3)])
@pytest.mark.parametrize("sigma", [0.05, 0.4, 0.75, 3.0])
def test_smoothing_is_scipys(shape: tuple[int, ...], sigma: float) -> None:
    values = np.random.default_rng(0).normal(size=shape)
    np.testing.assert_allclose(gaussian_smooth(values, sigma), gaussian_filter1d(values, sigma, axis=0), atol=1e-12)


def test_nothing_is_changed_in_place() -> None:
    values = np.arange(4.0)
    smoothed = gaussian_smooth(values, 0.0)
    smoothed[0] = 9
    assert values[0] == 0
