"""The same speech on another face, with other manners, seen by a worse tracker. Knows lip points alone."""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from viseme.face3d.lip_mesh import lip_basis
from viseme.faces.schemes import LIP_POINTS_MIDDLE, LIP_POINTS_MIRROR, LIPS
from viseme.sync.augment.config import AugmentConfig

__all__ = ["REGIONS", "other_face"]

REGIONS = (slice(0, 11), slice(11, 20), slice(20, 31), slice(31, 40), slice(40, 57), slice(57, 67))
"""Upper and lower outer lip, upper and lower inner lip, jaw, surroundings."""


@cache
def _mouth_units() -> NDArray[np.floating]:
    """(67, 3, U) expressions of the face model that move the mouth, each scaled to move some point by one."""
    basis = lip_basis()
    strength = np.abs(basis).max((0, 1))
    moving = strength > 0.1 * strength.max()
    return basis[..., moving] / strength[moving]


def _other_manner(
    points: NDArray[np.float32], rest: NDArray[np.floating], config: AugmentConfig, rng: np.random.Generator
) -> NDArray[np.float32]:
    """(T, 67, 3) displacements with expressions that no word asked for, from a mouth that widens as it opens."""
    top, bottom = LIP_POINTS_MIDDLE
    opening = points[:, top, 1] - points[:, bottom, 1]
    wider = 2 * rng.uniform(*config.widening) * opening[:, None]
    if rng.random() < 0.8:
        points = points.copy()
        points[:, : len(LIPS), 0] += (rest[: len(LIPS), 0] - rest[: len(LIPS), 0].mean()) * wider
    if rng.random() < 0.8:
        basis = _mouth_units()
        units = rng.integers(basis.shape[-1], size=rng.integers(2, 7))
        paths = rng.standard_normal((len(points) + 40, len(units)))
        paths = np.stack([gaussian_filter1d(p, rng.uniform(1.5, 10)) for p in paths.T], 1)[20:-20]
        moved = np.einsum("tu,kcu->tkc", paths / paths.std(0), basis[..., units])
        share = rng.uniform(0, config.manner) * points.std() / max(float(moved.std()), 1e-9)
        points = points + share * (moved - moved.mean(0))
    return points.astype(np.float32)


def _shake(
    num: int, rest: NDArray[np.floating], config: AugmentConfig, rng: np.random.Generator
) -> NDArray[np.float32]:
    """(T, K, 3) what is left of head motion: shifts, turns and sizes that err together at all points."""
    white = rng.standard_normal((num, 7))
    slow = gaussian_filter1d(rng.standard_normal((num, 7)), rng.uniform(1, 4), axis=0)
    errors = white * rng.random() + slow / slow.std() * rng.random()
    errors *= np.exp(rng.uniform(*np.log(config.shake))) * rng.uniform(0.3, 1, 7)
    turn = np.zeros((num, 3, 3))
    turn[:, [2, 0, 1], [1, 2, 0]], turn[:, [1, 2, 0], [2, 0, 1]] = errors[:, 3:6], -errors[:, 3:6]
    turn[:, range(3), range(3)] = errors[:, 6:]
    return (errors[:, None, :3] + np.einsum("tij,kj->tki", turn, rest)).astype(np.float32)


def other_face(
    points: NDArray[np.float32], config: AugmentConfig, rng: np.random.Generator, *, landmarks: bool = True
) -> NDArray[np.float32]:
    """(T, K, 3) the same speech on a face that moves a little differently, seen by a worse tracker."""
    num, rest = len(points), points.mean(0)
    points = (points - rest).astype(np.float32)
    if landmarks:
        points = _other_manner(points, rest, config, rng)
    if landmarks and rng.random() < 0.5:
        points = (points[:, LIP_POINTS_MIRROR] * np.array([-1, 1, 1])).astype(np.float32)
    axes = np.diag(np.exp(rng.normal(0, config.region_gain, 3))) * np.exp(rng.normal(0, config.region_gain))
    points = (points @ (axes + rng.normal(0, 0.1, (3, 3))).T).astype(np.float32)
    flat, rank = points.reshape(num, -1), 10
    inward = rng.standard_normal((flat.shape[1], rank), np.float32) / np.sqrt(flat.shape[1])
    outward = rng.standard_normal((rank, flat.shape[1]), np.float32) * (rng.uniform(0, config.mixing) / np.sqrt(rank))
    points = (flat + flat @ inward @ outward).reshape(num, -1, 3).astype(np.float32)
    for region in REGIONS if landmarks else ():
        points[:, region] *= np.exp(rng.normal(0, config.region_gain))
    if rng.random() < 0.4:
        blur = rng.uniform(0, 0.3)
        points[1:-1] = (1 - 2 * blur) * points[1:-1] + blur * (points[:-2] + points[2:])
    sigma = float(np.exp(rng.uniform(*np.log(config.jitter))))
    points += rng.standard_normal(points.shape, np.float32) * (0.7 * sigma)
    points += rng.standard_normal((num, 1, 3), np.float32) * (0.7 * sigma)
    points += np.cumsum(rng.standard_normal((num, 1, 3), np.float32), 0) * (0.3 * sigma)
    if rng.random() < 0.5:
        points += _shake(num, rest, config, rng)
    if rng.random() < config.frozen:
        for at in rng.integers(1, num, rng.integers(1, 4)):
            points[at] = points[at - 1]
    if rng.random() < config.hidden:
        points[:, rng.random(points.shape[1]) < rng.uniform(0, 0.4)] = 0
    return points - points.mean(0)
