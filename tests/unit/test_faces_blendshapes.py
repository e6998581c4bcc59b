"""Coefficients by ARKit's names."""

from __future__ import annotations

import numpy as np

from viseme.faces.blendshapes import ARKIT_NAMES, arkit_coefficients
from viseme.faces.schemes import RIGID, RIGID_SHAPE


def landmarks(num: int) -> np.ndarray:
    points = np.random.default_rng(0).normal(size=(num, 478, 3)).astype(np.float32) * 20 + 200
    points[:, RIGID] = 200 + 80 * RIGID_SHAPE * (1, -1, -1)
    return points


def test_every_coefficient_has_a_name_of_its_own() -> None:
    assert len(ARKIT_NAMES) == len(set(ARKIT_NAMES)) == 52
    assert ARKIT_NAMES[0] == "_neutral"
    assert ARKIT_NAMES.index("jawOpen") == 25


def test_frames_are_independent_whatever_their_number() -> None:
    points = landmarks(70)
    found = arkit_coefficients(points)
    assert found.shape == (70, 52)
    assert ((found >= 0) & (found <= 1)).all()
    np.testing.assert_allclose(arkit_coefficients(points[66:67])[0], found[66], atol=1e-6)
    assert arkit_coefficients(points[:0]).shape == (0, 52)


def test_place_size_and_depth_do_not_matter() -> None:
    points = landmarks(2)
    moved = points * (3, 3, 0) + (50, -20, 4)
    np.testing.assert_allclose(arkit_coefficients(moved), arkit_coefficients(points), atol=1e-4)
