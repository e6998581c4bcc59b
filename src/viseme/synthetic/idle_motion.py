"""What a face does all the time beside speaking: blinks, glances, brows, breaths, swallows, a wandering head.

Knows expression units and when somebody speaks; refuses to know words. Acts that listeners choose to do are in
`nonspeech_motion`.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from viseme.synthetic.articulation import STEP_S
from viseme.synthetic.style import Style

__all__ = ["add_blinks_and_brows", "add_idle_mouth", "head_pose"]


def _smooth_noise(rng: np.random.Generator, num: int, correlation_s: float) -> NDArray[np.float64]:
    """(num,) zero-mean, unit-variance noise that forgets over `correlation_s`."""
    stride = max(1, int(correlation_s / STEP_S / 6))
    coarse = gaussian_filter1d(rng.normal(size=num // stride + 24), correlation_s / STEP_S / stride)
    coarse /= np.sqrt(1 / (2 * np.sqrt(np.pi) * correlation_s / STEP_S / stride))
    return np.interp(np.arange(num), stride * (np.arange(len(coarse)) - 10), coarse)


def _bump(t: NDArray[np.float64], at: float, rise: float, hold: float, fall: float) -> NDArray[np.float64]:
    x = np.minimum(np.clip((t - at) / rise, 0, 1), np.clip((at + rise + hold + fall - t) / fall, 0, 1))
    return x * x * (3 - 2 * x)


def _add(units: dict[str, NDArray[np.float64]], name: str, value: NDArray[np.float64]) -> None:
    units[name] = units[name] + value if name in units else value


def add_blinks_and_brows(units: dict, t: NDArray, stress: NDArray, rng: np.random.Generator) -> None:
    """Blinks, lifted brows and glances, added to `units` (unit -> (G,) activation) on the grid `t` (G,), seconds.

    `stress` (G,) from 0 to 1 lifts the brows.
    """
    at = float(t[0] + rng.exponential(1.5))
    while at < t[-1]:
        closed = _bump(t, at, rng.uniform(0.06, 0.1), rng.uniform(0.01, 0.06), rng.uniform(0.12, 0.2))
        for side in ("Left", "Right"):
            _add(units, "eyeBlink" + side, closed * rng.uniform(0.85, 1.0))
        at += 0.4 + rng.gamma(2.0, 1.6)
    lift = np.maximum(0, 0.12 * _smooth_noise(rng, len(t), 0.8) + rng.uniform(0, 0.3) * stress)
    _add(units, "browInnerUp", lift)
    for side in ("Left", "Right"):
        _add(units, "browOuterUp" + side, 0.6 * lift)
    horizontal, vertical = np.zeros(len(t)), np.zeros(len(t))
    at = float(t[0])
    while at < t[-1]:  # fixations and saccades
        dx, dy = rng.normal(0, 0.12), rng.normal(0, 0.08)
        horizontal[t >= at], vertical[t >= at] = dx, dy
        at += 0.25 + rng.exponential(0.9)
    horizontal, vertical = (gaussian_filter1d(x, 0.012 / STEP_S) for x in (horizontal, vertical))
    _add(units, "eyeLookOutLeft", np.maximum(horizontal, 0))
    _add(units, "eyeLookInRight", np.maximum(horizontal, 0))
    _add(units, "eyeLookInLeft", np.maximum(-horizontal, 0))
    _add(units, "eyeLookOutRight", np.maximum(-horizontal, 0))
    for side in ("Left", "Right"):
        _add(units, "eyeLookUp" + side, np.maximum(vertical, 0))
        _add(units, "eyeLookDown" + side, np.maximum(-vertical, 0))


def add_idle_mouth(units: dict, t: NDArray, speaking: NDArray, style: Style, rng: np.random.Generator) -> None:
    """Breaths before phrases; swallows, licks, smiles and twitches where nothing is said; added to `units`.

    `speaking` (G,) is 1 in speech and 0 in pauses.
    """
    quiet = np.clip(1 - speaking, 0, 1)
    onsets = np.flatnonzero((speaking[1:] >= 0.5) & (speaking[:-1] < 0.5))
    for onset in onsets:
        if rng.random() < 0.5:
            breath = rng.uniform(0.04, 0.16) * _bump(t, t[onset] - rng.uniform(0.3, 0.5), 0.2, 0.1, 0.12)
            _add(units, "jawOpen", breath * quiet)
    drift = 0.02 * style.idle * _smooth_noise(rng, len(t), 0.4)
    _add(units, "jawLeft", np.maximum(drift, 0))
    _add(units, "jawRight", np.maximum(-drift, 0))
    mood = 0.06 * style.idle * _smooth_noise(rng, len(t), 1.2)
    for side in ("Left", "Right"):
        _add(units, "mouthSmile" + side, np.maximum(mood, 0))
        _add(units, "mouthFrown" + side, 0.6 * np.maximum(-mood, 0))
    at = float(t[0] + rng.exponential(1.2))
    while at < t[-1] and style.idle > 0:
        size = rng.uniform(0.4, 1.0)
        kind = rng.integers(5)
        if kind == 0:  # swallow: lips pressed, chin up
            shape = size * quiet * _bump(t, at, 0.15, 0.1, 0.25)
            for name, share in (("mouthPressLeft", 0.5), ("mouthPressRight", 0.5), ("mouthShrugLower", 0.3)):
                _add(units, name, share * shape)
        elif kind == 1:  # lick
            shape = size * quiet * _bump(t, at, 0.15, 0.2, 0.15)
            for name, share in (("jawOpen", 0.12), ("mouthRollLower", 0.4)):
                _add(units, name, share * shape)
        elif kind == 2:  # smile
            shape = size * quiet * _bump(t, at, 0.35, 0.5, 0.5)
            _add(units, "mouthSmileLeft", 0.45 * shape)
            _add(units, "mouthSmileRight", 0.45 * shape)
        elif kind == 3:  # lips part, as if to begin
            shape = size * quiet * _bump(t, at, 0.18, rng.uniform(0.05, 0.5), 0.2)
            _add(units, "jawOpen", 0.22 * shape)
        else:  # purse or press
            shape = size * quiet * _bump(t, at, 0.2, 0.3, 0.25)
            for name in ("mouthPucker", "mouthPressLeft", "mouthPressRight")[: 1 if rng.random() < 0.5 else 3]:
                _add(units, name, 0.4 * shape)
        at += 0.3 + rng.exponential(2.0 / style.idle)


def head_pose(t: NDArray, speaking: NDArray, stress: NDArray, style: Style, rng: np.random.Generator) -> NDArray:
    """(G, 6) pose of a head that wanders, more in speech, and nods on stress; see `Motion.pose`."""
    pose = np.zeros((len(t), 6))
    lively = 0.5 + 0.5 * speaking
    degrees = np.deg2rad([1.6, 2.2, 1.1]) * style.head
    for axis in range(3):
        slow, fast = _smooth_noise(rng, len(t), 0.7), _smooth_noise(rng, len(t), 0.16)
        pose[:, axis] = degrees[axis] * (slow + 0.22 * fast * lively)
    pose[:, 0] += np.deg2rad(rng.uniform(0.5, 3.0)) * style.head * gaussian_filter1d(stress, 0.05 / STEP_S)
    for axis, size in ((3, 0.05), (4, 0.03), (5, 0.08)):
        pose[:, axis] = size * style.head * _smooth_noise(rng, len(t), 0.8)
    return pose
