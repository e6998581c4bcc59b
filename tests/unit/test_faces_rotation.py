"""Pitch, yaw and roll: their signs, their inverse, and the rotation nearest to a matrix."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from viseme.faces.rotation import nearest_rotation, rotation_angles, rotation_matrix

RIGHT, NOSE = np.array([1.0, 0, 0]), np.array([0, 0, 1.0])
ANGLE = st.floats(-1.4, 1.4)


@pytest.mark.parametrize(
    ("angles", "point", "goes_to"),
    [
        ((0.3, 0, 0), NOSE, (0, -np.sin(0.3), np.cos(0.3))),  # positive pitch looks down
        ((0, 0.3, 0), NOSE, (np.sin(0.3), 0, np.cos(0.3))),  # positive yaw: nose to image right
        ((0, 0, 0.3), RIGHT, (np.cos(0.3), np.sin(0.3), 0)),  # positive roll: counter-clockwise
    ],
)
def test_signs_of_the_angles(angles: tuple[float, ...], point: np.ndarray, goes_to: tuple[float, ...]) -> None:
    np.testing.assert_allclose(rotation_matrix(np.array(angles)) @ point, goes_to, atol=1e-12)


@given(ANGLE, ANGLE, ANGLE)
def test_rotations_are_rotations(pitch: float, yaw: float, roll: float) -> None:
    rotation = rotation_matrix(np.array([pitch, yaw, roll]))
    np.testing.assert_allclose(rotation @ rotation.T, np.eye(3), atol=1e-12)
    assert np.linalg.det(rotation) == pytest.approx(1)


@given(ANGLE, ANGLE, ANGLE)
def test_angles_are_the_inverse(pitch: float, yaw: float, roll: float) -> None:
    many = rotation_matrix(np.tile([pitch, yaw, roll], (2, 1)))
    np.testing.assert_allclose(rotation_angles(many), np.tile([pitch, yaw, roll], (2, 1)), atol=1e-9)


@given(ANGLE, ANGLE, ANGLE, st.integers(0, 99))
def test_the_nearest_rotation_of_a_rotation_is_itself(pitch: float, yaw: float, roll: float, seed: int) -> None:
    rotation = rotation_matrix(np.array([pitch, yaw, roll]))
    stretch = np.diag(np.random.default_rng(seed).uniform(0.5, 2, 3))
    found, trace = nearest_rotation((rotation @ stretch)[None])
    np.testing.assert_allclose(found[0], rotation, atol=1e-9)
    assert trace[0] == pytest.approx(np.trace(stretch))


def test_a_reflection_is_never_the_nearest() -> None:
    found, _ = nearest_rotation(np.diag([1.0, 1.0, -0.1])[None])
    assert np.linalg.det(found[0]) == pytest.approx(1)
