"""What a head is shaded with beside its mesh: tiles of noise, the lamp's highlight, a look's colours."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from viseme.face3d.look import Look

__all__ = ["highlight", "mottle", "palette", "strands"]


def highlight(gamma: NDArray[np.float32]) -> NDArray[np.float32]:
    """(6,) half vector between the main lamp and the camera, and the lamp's RGB strength, read from bands 0 and 1.

    Args:
        gamma: (3, 9) light in the camera frame, RGB major.
    """
    grey = gamma.mean(0)
    toward = np.array([-grey[3], -grey[1], grey[2]])
    strength = float(np.linalg.norm(toward))
    half = toward / max(strength, 1e-6) + np.array([0.0, 0.0, 1.0])
    half /= max(float(np.linalg.norm(half)), 1e-6)
    colour = (0.35 * gamma[:, 0] + np.linalg.norm(gamma[:, 1:4], axis=1) * 1.2).clip(0, 2)
    return np.concatenate([half, colour]).astype(np.float32)


def palette(look: Look) -> NDArray[np.float32]:
    """(13,) hair, iris and garment RGB, gloss, grain, how far the hair is swept sideways, how ragged its edge is."""
    swept = np.random.default_rng(look.seed).uniform(-0.35, 0.35)
    ragged = 0.15 if look.hair == "shaved" else 1.0
    rest = (look.gloss, look.grain, swept, ragged)
    return np.array([*look.hair_colour, *look.eye_colour, *look.garment, *rest], dtype=np.float32)


@lru_cache(maxsize=16)
def strands(seed: int) -> NDArray[np.float32]:
    """(256, 256) periodic tile in [0, 1]: streaks along axis 0, even histogram."""
    return _even(gaussian_filter(np.random.default_rng(seed).normal(size=(256, 256)), (9, 0.8), mode="wrap"))


@lru_cache(maxsize=16)
def mottle(seed: int) -> NDArray[np.float32]:
    """(256, 256) periodic tile in [0, 1]: blotches of several sizes, even histogram."""
    rng = np.random.default_rng(seed + 1)
    layers = [gaussian_filter(rng.normal(size=(256, 256)), s, mode="wrap") for s in (1.2, 3.0, 8.0, 20.0)]
    return _even(np.sum([layer / layer.std() * w for layer, w in zip(layers, (0.5, 0.7, 0.8, 0.8))], axis=0))


def _even(noise: NDArray[Any]) -> NDArray[np.float32]:
    """The same order of values, spread evenly over [0, 1]."""
    rank = np.empty(noise.size, dtype=np.float32)
    rank[noise.ravel().argsort()] = np.linspace(0, 1, noise.size, dtype=np.float32)
    return rank.reshape(noise.shape)
