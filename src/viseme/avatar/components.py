"""Principal components of a person's shapes and lip crops, and how the closed mouth looks. Knows arrays alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from viseme.avatar.examples import Frames

__all__ = ["MOUTH", "ClosedMouth", "Components", "closed_mouth", "components_of", "mouth_opening", "shape_weights"]

MOUTH = np.array(
    [
        "61",
        "146",
        "91",
        "181",
        "84",
        "17",
        "314",
        "405",
        "321",
        "375",
        "291",
        "185",
        "40",
        "39",
        "37",
        "0",
        "267",
        "269",
        "270",
        "409",
        "78",
        "95",
        "88",
        "178",
        "87",
        "14",
        "317",
        "402",
        "318",
        "324",
        "308",
        "191",
        "80",
        "81",
        "82",
        "13",
        "312",
        "311",
        "310",
        "415",
    ],
    dtype=np.intp,
)
"""(40,) vertices of the outer and the inner lips."""
_MOUTH_WEIGHT = 3.0
"""How much more a lip vertex counts than another."""
_MOST_FRAMES = 1200
"""Frames that components are fitted on; every other one where there are more."""
_NOISE = 1e-6
"""Share of the largest variance under which products in single precision say nothing."""
_PIXELS = 4096
"""Values of a frame that are looked at at once."""


@dataclass(frozen=True, eq=False)
class Components:
    """values = mean + coefficients @ basis; coefficients have variance one over the frames they were fitted on."""

    mean: NDArray[np.float32]
    """(V,)."""
    basis: NDArray[np.float32]
    """(K, V) each times its standard deviation."""
    weights: NDArray[np.float32]
    """(V,) under which the fit was made; the basis is orthogonal under their squares."""

    @property
    def deviations(self) -> NDArray[np.float32]:
        """(K,) weighted standard deviation that each stands for, falling."""
        return np.linalg.norm(self.basis * self.weights, axis=1)

    def coefficients(self, values: NDArray[np.floating]) -> NDArray[np.float32]:
        """(T, K) of (T, V)."""
        scaled = (self.basis * self.weights**2 / np.maximum(self.deviations, 1e-9)[:, None] ** 2).T
        return ((values - self.mean) @ scaled).astype(np.float32)

    def values(self, coefficients: NDArray[np.floating]) -> NDArray[np.float32]:
        """(T, V) of (T, K)."""
        return (self.mean + coefficients @ self.basis).astype(np.float32)


def shape_weights() -> NDArray[np.float32]:
    """(1404,) lips count most."""
    weights = np.ones((468, 3), np.float32)
    weights[MOUTH] = _MOUTH_WEIGHT
    return weights.ravel()


def components_of(
    frames: Frames,
    values: Callable[[NDArray[np.int64]], NDArray[np.uint8] | NDArray[np.float32]],
    num: int,
    weights: NDArray[np.float32] | None = None,
) -> Components:
    """The `num` components of the frames' values with the largest variance.

    The matrix of products of frames is decomposed instead of the covariance, so memory holds as many values as a
    thousand frames have, whatever the length of the video. Where there are fewer, components of zero follow.

    Args:
        frames: To learn from.
        values: (N, V) of rows of the frames.
        num: Components.
        weights: (V,) how much each value counts; None = all alike.
    """
    rows = np.unique(np.linspace(0, len(frames) - 1, min(len(frames), _MOST_FRAMES)).astype(np.int64))
    data = values(rows)
    weights = np.ones(data.shape[1], np.float32) if weights is None else weights
    mean = data.mean(0, dtype=np.float64).astype(np.float32)
    products = np.zeros((len(rows), len(rows)))
    for at in range(0, data.shape[1], _PIXELS):
        part = slice(at, at + _PIXELS)
        centred = ((data[:, part] - mean[part]) * weights[part]).astype(np.float32)
        products += centred @ centred.T
    powers, vectors = np.linalg.eigh(products)
    keep = np.argsort(powers)[::-1][: min(num, len(rows) - 1)]
    keep = keep[powers[keep] > _NOISE * max(float(powers.max()), 1e-30)]
    basis = np.zeros((num, data.shape[1]), np.float32)
    for at in range(0, data.shape[1], _PIXELS):
        part = slice(at, at + _PIXELS)
        basis[: len(keep), part] = vectors[:, keep].T @ (data[:, part] - mean[part]) / np.sqrt(len(rows))
    return Components(mean, basis, weights)


def mouth_opening(vertices: NDArray[np.floating]) -> NDArray[np.floating]:
    """(T,) distance of the middles of the inner lips, in the unit of (T, 468, 3) vertices."""
    return np.linalg.norm(vertices[..., 13, :] - vertices[..., 14, :], axis=-1)


@dataclass(frozen=True, eq=False)
class ClosedMouth:
    """How a person looks while nobody speaks."""

    vertices: NDArray[np.float32]
    """(468, 3)."""
    lips: NDArray[np.float32]
    """(128, 128, 3) of one frame, in [0, 1]."""
    weights: NDArray[np.float32]
    """(52,)."""


def closed_mouth(frames: Frames) -> ClosedMouth:
    """The median shape of the most closed silent frames, or of the most closed ones where hardly any is silent."""
    vertices, silent = frames.read("vertices").astype(np.float32), frames.silent()
    opening = mouth_opening(vertices)
    among = np.flatnonzero(silent)
    if len(among) < 20:
        among = np.argsort(opening)[: max(20, len(frames) // 20)]
    chosen = among[np.argsort(opening[among])[: max(5, len(among) // 4)]]
    median = np.median(vertices[chosen], 0)
    best = chosen[np.argmin(np.square(vertices[chosen][:, MOUTH] - median[MOUTH]).sum((1, 2)))]
    return ClosedMouth(
        vertices=median.astype(np.float32),
        lips=frames.read("lips", np.array([best]))[0].astype(np.float32) / 255,
        weights=np.median(frames.read("weights", chosen), 0).astype(np.float32),
    )
