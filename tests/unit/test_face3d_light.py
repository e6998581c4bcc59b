"""Spherical harmonics against the convention's constants and against the integral they stand for."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from viseme.face3d.light import UNIFORM_LIGHT, lamp, sh_basis, shade


def test_golden_basis_values() -> None:
    x, y, z = 0.6, 0.0, 0.8
    expected = [0.886227, 0, 1.772454 * z, -1.772454 * x, 0, 0, 0.700624 * (3 * z * z - 1)]
    expected += [-2.427032 * x * z, 1.213516 * x * x]
    np.testing.assert_allclose(sh_basis(np.array([x, y, z])), expected, atol=1e-12)
    up = sh_basis(np.array([0.0, 1, 0]))
    np.testing.assert_allclose(up, [0.886227, -1.772454, 0, 0, 0, 0, -0.700624, 0, -1.213516], atol=1e-12)


def test_uniform_light_returns_the_albedo() -> None:
    assert UNIFORM_LIGHT[[0, 9, 18]] == pytest.approx(1.128379, abs=2e-6)
    normals = np.random.default_rng(0).normal(size=(50, 3))
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    albedo = np.random.default_rng(1).uniform(size=(50, 3))
    np.testing.assert_allclose(shade(albedo, normals, UNIFORM_LIGHT), albedo, atol=1e-12)


@pytest.mark.parametrize("direction", [(0, 0, 1), (0.5, 0.5, 0.7), (-1, 0, 0), (0.2, -0.9, 0.1)])
def test_a_lamp_is_close_to_a_clamped_cosine(direction: tuple[float, ...]) -> None:
    normals = np.random.default_rng(0).normal(size=(4000, 3))
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    toward = np.array(direction) / np.linalg.norm(direction)
    light = shade(np.ones((4000, 3)), normals, lamp(direction, ambient=(0.1, 0.2, 0.3)))
    expected = np.maximum(normals @ toward, 0)[:, None] + [0.1, 0.2, 0.3]
    assert abs(light - expected).max() < 3 / 32 + 1e-6  # at grazing light: 1/4 - 5/32
    assert abs((light - expected).mean()) < 0.01


def test_red_comes_first() -> None:
    gamma = np.zeros(27)
    gamma[0] = 1 / 0.886227
    np.testing.assert_allclose(shade(np.ones(3), np.array([0, 0, 1.0]), gamma), [1, 0, 0], atol=1e-6)


def test_torch_agrees_with_numpy(device, dtype, agree) -> None:
    rng = np.random.default_rng(2)
    given = rng.uniform(size=(5, 3)), rng.normal(size=(5, 3)), rng.normal(size=27)
    agree(shade(*(torch.from_numpy(v).to(device, dtype) for v in given)), shade(*given))
