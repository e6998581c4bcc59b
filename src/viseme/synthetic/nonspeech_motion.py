"""What faces do that is not speech: nods, smiles, chewing, silent laughter, yawns, turning to whoever speaks.

Knows motions; refuses to know audio. Acts are functions of continuous time, read off at a motion's times.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from viseme.synthetic.articulation import JAW_FULL_MM
from viseme.synthetic.motion import Motion
from viseme.synthetic.turns import Span

__all__ = ["ACTS", "Act", "enact", "plan_acts", "turned"]

ACTS: dict[str, tuple[float, Span]] = {
    "nod": (0.27, (0.6, 1.8)),
    "smile": (0.14, (1.0, 3.5)),
    "chew": (0.17, (1.5, 5.0)),
    "laugh": (0.14, (0.8, 2.5)),
    "mouthing": (0.18, (0.8, 3.0)),
    "shake": (0.05, (0.6, 1.4)),
    "yawn": (0.05, (1.6, 3.0)),
}
"""Act -> its share and its shortest and longest length in seconds. `mouthing` is lips that say words without voice."""

_MARGIN_S = 0.2


@dataclass(frozen=True, kw_only=True, slots=True)
class Act:
    """One thing that a face does."""

    kind: str
    """One of `ACTS`."""
    start: float
    """Seconds."""
    end: float
    strength: float = 1.0
    """1 = plain, .5 faint to 1.5 strong."""
    seed: int = 0


def plan_acts(
    quiet: Sequence[Span], rng: np.random.Generator, *, activity: float = 1.0, chewing: bool = False
) -> list[Act]:
    """Acts that lie within quiet spans, none over another.

    Args:
        quiet: Where this face says nothing.
        rng: Where chance comes from.
        activity: Acts come after 1.5 / activity seconds on average; 0 = none.
        chewing: This one chews gum whenever nothing else is done.
    """
    kinds, shares = list(ACTS), np.array([share for share, _ in ACTS.values()])
    acts: list[Act] = []
    for low, high in quiet if activity > 0 else ():
        at = low + _MARGIN_S + (0.1 if chewing else rng.exponential(1.5 / activity))
        while at < high - _MARGIN_S:
            kind = "chew" if chewing and rng.random() < 0.75 else kinds[int(rng.choice(len(kinds), p=shares))]
            shortest, longest = ACTS[kind][1]
            end = min(at + float(rng.uniform(shortest, longest)), high - _MARGIN_S)
            strength = float(np.clip(np.exp(rng.normal(0, 0.3)), 0.5, 1.6))
            seed = int(rng.integers(2**31))
            if end - at >= 0.8 * shortest:
                acts.append(Act(kind=kind, start=at, end=end, strength=strength, seed=seed))
                at = end
            at += 0.15 + (0.1 if chewing else rng.exponential(1.5 / activity))
    return acts


def enact(motion: Motion, acts: Sequence[Act]) -> Motion:
    """`motion` with the acts added; what is out of reach of every act stays as it is."""
    units = {name: value.copy() for name, value in motion.units.items()}
    pose, gap = motion.pose.copy(), motion.gap_mm.copy()
    for act in acts:
        if act.kind not in _DEEDS:
            continue
        inside = (motion.times > act.start) & (motion.times < act.end)
        if not inside.any():
            continue
        t = motion.times[inside]
        moved, turn = _DEEDS[act.kind](t, act, np.random.default_rng([act.seed, 5]))
        for name, value in moved.items():
            units.setdefault(name, np.zeros(len(motion.times)))[inside] += value
        pose[inside, :3] += turn
        gap[inside] += JAW_FULL_MM * np.maximum(
            0, moved.get("jawOpen", 0.0) - moved.get("mouthClose", np.zeros(len(t)))
        )
    units = {name: np.clip(value, 0, 1.2) for name, value in units.items()}
    return replace(motion, units=units, pose=pose, gap_mm=gap)


def _fade(t: NDArray[np.float64], act: Act, rise: float, fall: float) -> NDArray[np.float64]:
    x = np.minimum(np.clip((t - act.start) / rise, 0, 1), np.clip((act.end - t) / fall, 0, 1))
    return x * x * (3 - 2 * x)


def _cycles(t: NDArray[np.float64], act: Act, rng: np.random.Generator, rate: float) -> NDArray[np.float64]:
    """Phase in cycles from 0 on, at a rate that wavers by a sixth."""
    since = t - act.start
    waver = 0.16 * np.sin(2 * np.pi * (0.7 * since + rng.uniform(0, 1))) / (2 * np.pi * 0.7)
    return rate * (since + waver)


_Deed = tuple[dict[str, NDArray[np.float64]], NDArray[np.float64]]


def _both(units: dict[str, NDArray[np.float64]], name: str, value: NDArray[np.float64]) -> None:
    units[name + "Left"] = units[name + "Right"] = value


def _nod(t: NDArray[np.float64], act: Act, rng: np.random.Generator) -> _Deed:
    turn = np.zeros((len(t), 3))
    wave = 0.5 - 0.5 * np.cos(2 * np.pi * _cycles(t, act, rng, rng.uniform(1.3, 2.6)))
    turn[:, 0] = np.deg2rad(rng.uniform(3, 9)) * act.strength * _fade(t, act, 0.2, 0.35) * wave
    return {}, turn


def _shake(t: NDArray[np.float64], act: Act, rng: np.random.Generator) -> _Deed:
    turn = np.zeros((len(t), 3))
    wave = np.sin(2 * np.pi * _cycles(t, act, rng, rng.uniform(1.3, 2.2)))
    turn[:, 1] = np.deg2rad(rng.uniform(3, 9)) * act.strength * _fade(t, act, 0.2, 0.35) * wave
    return {}, turn


def _smile(t: NDArray[np.float64], act: Act, rng: np.random.Generator) -> _Deed:
    units: dict[str, NDArray[np.float64]] = {}
    shape = act.strength * _fade(t, act, 0.35, 0.5)
    _both(units, "mouthSmile", rng.uniform(0.3, 0.55) * shape)
    _both(units, "cheekSquint", 0.3 * shape)
    if rng.random() < 0.5:  # teeth
        bared = rng.uniform(0.2, 0.45) * shape
        _both(units, "mouthUpperUp", bared)
        units["jawOpen"] = 0.05 * shape
    return units, np.zeros((len(t), 3))


def _chew(t: NDArray[np.float64], act: Act, rng: np.random.Generator) -> _Deed:
    """Jaw cycles at 1 to 1.8 Hz with a sideways swing; lips mostly shut, some people's part at each stroke."""
    units: dict[str, NDArray[np.float64]] = {}
    cycle = _cycles(t, act, rng, rng.uniform(1.0, 1.8))
    fade = act.strength * _fade(t, act, 0.25, 0.25)
    strokes = rng.uniform(0.6, 1.2, int(cycle.max()) + 2)[cycle.astype(int)]
    wave = (0.5 - 0.5 * np.cos(2 * np.pi * cycle)) ** 1.3 * strokes
    jaw = rng.uniform(0.16, 0.34) * fade * wave
    shut = rng.uniform(0.85, 1.0) if rng.random() < 0.65 else rng.uniform(0.3, 0.8)
    units["jawOpen"], units["mouthClose"] = jaw, shut * jaw
    swing = rng.uniform(0.1, 0.3) * fade * np.sin(2 * np.pi * cycle) * (1 if rng.random() < 0.5 else -1)
    units["jawLeft"], units["jawRight"] = np.maximum(swing, 0), np.maximum(-swing, 0)
    _both(units, "mouthPress", 0.25 * shut * fade * wave)
    units["mouthPucker"] = 0.15 * fade * (0.5 + 0.5 * np.sin(2 * np.pi * cycle + 1.0))
    return units, np.zeros((len(t), 3))


def _laugh(t: NDArray[np.float64], act: Act, rng: np.random.Generator) -> _Deed:
    """Laughter without voice: a broad smile, open mouth, jaw and head shaken at 4 to 6 Hz."""
    units: dict[str, NDArray[np.float64]] = {}
    fade = act.strength * _fade(t, act, 0.25, 0.5)
    shake = np.sin(2 * np.pi * _cycles(t, act, rng, rng.uniform(4.0, 6.0)))
    _both(units, "mouthSmile", 0.55 * fade)
    _both(units, "cheekSquint", 0.5 * fade)
    _both(units, "eyeSquint", 0.4 * fade)
    _both(units, "mouthUpperUp", 0.3 * fade)
    units["jawOpen"] = rng.uniform(0.1, 0.32) * fade * (1 + 0.35 * shake)
    turn = np.zeros((len(t), 3))
    turn[:, 0] = fade * (np.deg2rad(rng.uniform(-6, 4)) + np.deg2rad(0.8) * shake)
    return units, turn


def _yawn(t: NDArray[np.float64], act: Act, rng: np.random.Generator) -> _Deed:
    units: dict[str, NDArray[np.float64]] = {}
    length = act.end - act.start
    fade = _fade(t, act, 0.45 * length, 0.3 * length)
    units["jawOpen"] = rng.uniform(0.5, 0.85) * fade
    units["mouthFunnel"] = 0.25 * fade
    _both(units, "eyeSquint", 0.6 * fade)
    _both(units, "eyeBlink", 0.7 * fade)
    turn = np.zeros((len(t), 3))
    turn[:, 0] = np.deg2rad(-rng.uniform(2, 8)) * fade
    return units, turn


_DEEDS = {"nod": _nod, "shake": _shake, "smile": _smile, "chew": _chew, "laugh": _laugh, "yawn": _yawn}


def turned(
    times: NDArray[np.float64], seat: int, heard: Sequence[tuple[float, float, int | None]], rng: np.random.Generator
) -> NDArray[np.float64]:
    """(T,) radians of yaw by which somebody on `seat` turns to whoever speaks, late and part of the way.

    Args:
        times: (T,) seconds, rising.
        seat: Of this person; seats count from image left.
        heard: Start, end and seat of each voice; None = nobody in the scene, looked for in the camera.
        rng: Where chance comes from.
    """
    step, start = 0.04, float(times[0]) - 1.0
    grid = start + step * np.arange(int((float(times[-1]) - start + 1.0) / step) + 1)
    aim = np.zeros(len(grid))
    share = rng.uniform(0.3, 1.0)
    for begin, end, other in sorted(heard, key=lambda h: h[0]):
        late = rng.uniform(0.1, 0.5)
        inside = (grid >= begin + late) & (grid < end + late + rng.uniform(0.2, 1.5))
        if other is None:
            aim[inside] = 0.0
        elif other != seat:
            aim[inside] = np.sign(other - seat) * np.deg2rad(9 + 5 * abs(other - seat)) * share
        else:
            aim[inside] = rng.normal(0, np.deg2rad(7))
    return np.interp(times, grid, gaussian_filter1d(aim, rng.uniform(0.15, 0.35) / step))
