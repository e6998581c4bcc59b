"""From phonemes to lips, jaw and tongue in motion: targets blended over time, then the face model's expression units.

Knows phoneme times and the names of the default face model's expression units; refuses to know frames and audio
samples.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from viseme.synthetic.phonemes import Phoneme
from viseme.synthetic.style import Style
from viseme.synthetic.visemes import ANTICIPATION_S, CARRY_S, CHANNELS, REST, targets

__all__ = ["JAW_FULL_MM", "STEP_S", "Articulation", "articulate", "expression_curves", "lip_gap_mm"]

STEP_S = 0.005
"""Grid of the motion, seconds."""

_JAW, _GAP, _WIDTH, _PROTRUDE, _DENTAL = range(5)
"""The first of `CHANNELS`."""

SMOOTHING_S = 0.009
"""Standard deviation of the last rounding of corners."""

JAW_FULL_MM = 33.0
"""Lip gap that jawOpen = 1 makes in the default face model; mouthClose = 1 takes the same away."""


@dataclass(frozen=True)
class Articulation:
    """Curves of the vocal tract's visible part on a grid of `STEP_S`."""

    start: float
    """Seconds of the first row."""
    curves: NDArray[np.float64]
    """(G, C) in the units of `CHANNELS`; gap is zero wherever lips touch."""
    press: NDArray[np.float64]
    """(G,) 0 = lips free, 1 = fully closed by p, b or m."""
    speaking: NDArray[np.float64]
    """(G,) 0 in pauses to 1 in speech."""

    @property
    def times(self) -> NDArray[np.float64]:
        """(G,) seconds."""
        return np.asarray(self.start + STEP_S * np.arange(len(self.curves)), np.float64)


def _ramp(t: NDArray, contact: float, release: float, closing: float, opening: float) -> NDArray:
    """0 .. 1 .. 0: lips meet at speed and part at speed, so the ramps end with a slope, as measured lips do."""
    bend = 0.72 * np.pi
    before = np.clip(1 - (contact - t) / closing, 0, 1)
    after = np.clip(1 - (t - release) / opening, 0, 1)
    return (1 - np.cos(bend * np.minimum(before, after))) / (1 - np.cos(bend))


def articulate(
    phonemes: Sequence[Phoneme],
    start: float,
    end: float,
    *,
    style: Style | None = None,
    loudness: NDArray | None = None,
    rng: np.random.Generator | None = None,
) -> Articulation:
    """Blend the targets of all phonemes into motion between `start` and `end` seconds.

    Args:
        phonemes: In order.
        start: Seconds of the first grid point.
        end: Seconds after the last.
        style: Whose mouth.
        loudness: (G,) relative loudness around 1 on the grid; louder vowels open wider by `style.effort`.
        rng: Of `style.variability`; None = every saying alike.
    """
    style = style or Style()
    t: Any = start + STEP_S * np.arange(max(2, int(np.ceil((end - start) / STEP_S)) + 1))
    aims, press, dental = _aims(phonemes, t, start, end, style, rng)
    curves = gaussian_filter1d(aims.blended(t, style.coarticulation), SMOOTHING_S / STEP_S, axis=0, mode="nearest")
    speaking = np.zeros(len(t))
    for phoneme in phonemes:
        speaking[(t >= phoneme.start - 0.1) & (t <= phoneme.end + 0.1)] = 1
    speaking = gaussian_filter1d(speaking, 0.06 / STEP_S)

    size = style.strength * (1.0 if loudness is None else 1 + style.effort * (loudness - 1))
    curves[:, _JAW] = 1.0 + (curves[:, _JAW] - 1.0) * size * style.jaw_share
    curves[:, _GAP] *= 1 + (size - 1) * speaking
    curves[:, [_WIDTH, _PROTRUDE]] *= style.rounding
    curves[:, _PROTRUDE] = np.maximum(curves[:, _PROTRUDE], 0)
    curves[:, _GAP] = curves[:, _GAP] * (1 - dental) + 2.6 * dental
    curves[:, _DENTAL] = np.maximum(curves[:, _DENTAL] * 0.3, dental) * (1 - press)
    curves[:, _GAP] *= 1 - press
    return Articulation(start, curves, press, speaking)


class _Aims:
    """What the mouth aims at, how strongly and from when to when."""

    def __init__(self) -> None:
        self._aims: list[NDArray[np.float64]] = []
        self._dominances: list[NDArray[np.float64]] = []
        self._begins: list[float] = []
        self._ends: list[float] = []

    def add(self, aim: NDArray[np.float64], dominance: NDArray[np.float64], begin: float, end: float) -> None:
        """Aim at (C,) with dominance (C,) between two seconds."""
        self._aims.append(aim)
        self._dominances.append(dominance)
        self._begins.append(begin)
        self._ends.append(end)

    def blended(self, t: NDArray[np.float64], coarticulation: float) -> NDArray[np.float64]:
        """(G, C) mean of all aims at each instant, weighted by dominance and by how near they are in time."""
        begins, ends = np.array(self._begins)[:, None], np.array(self._ends)[:, None]
        before, after = np.maximum(begins - t, 0), np.maximum(t - ends, 0)
        aims, dominances = np.array(self._aims), np.array(self._dominances)
        curves = np.empty((len(t), len(CHANNELS)))
        reaches: dict[tuple[float, float], NDArray[np.float64]] = {}
        for channel in range(len(CHANNELS)):
            key = (ANTICIPATION_S[channel] * coarticulation, CARRY_S[channel] * coarticulation)
            if key not in reaches:
                reaches[key] = np.exp(-(before / key[0] + after / key[1]))
            weight = dominances[:, channel, None] * reaches[key]
            curves[:, channel] = (aims[:, channel] @ weight) / weight.sum(0)
        return curves


def _aims(
    phonemes: Sequence[Phoneme],
    t: NDArray[np.float64],
    start: float,
    end: float,
    style: Style,
    rng: np.random.Generator | None,
) -> tuple[_Aims, NDArray[np.float64], NDArray[np.float64]]:
    """The aims of all phonemes and of the rests between them; (G,) how far lips are shut, and touch the teeth."""
    aims, press, dental = _Aims(), np.zeros(len(t)), np.zeros(len(t))
    rest = REST + 0.0
    rest[_GAP] = style.lips_apart_mm
    resting = np.full(len(CHANNELS), 0.7)
    aims.add(rest, np.full(len(CHANNELS), 0.02), start - 1.0, end + 1.0)
    for index, phoneme in enumerate(phonemes):
        at, stop = _span(phonemes, index)
        for target in targets(phoneme.name):
            length = (stop - at) * target.share
            aim = _varied(target.aim, phoneme.name, style, rng)
            dominance = target.dominance * min(1.0, 0.5 + length / 0.12)
            aims.add(aim, dominance, at + 0.2 * length, at + 0.8 * length)
            if target.lips_close:
                contact, release = phoneme.closure or (at, at + 0.7 * length)
                if rng is not None:
                    contact, release = contact + rng.normal(0, 0.004), release + rng.normal(0, 0.004)
                    release = max(release, contact + 0.015)
                press = np.maximum(press, _ramp(t, contact, release, style.closing_s, style.opening_s))
            if target.teeth_touch:
                dental = np.maximum(dental, _ramp(t, at + 0.01, at + length - 0.005, 0.07, 0.06))
            at += length
        following = phonemes[index + 1].start if index + 1 < len(phonemes) else end + 1.0
        if following - phoneme.end > 0.1:
            aims.add(rest, resting, phoneme.end + 0.08, max(following - 0.08, phoneme.end + 0.081))
    if phonemes and phonemes[0].start - start > 0.1:
        aims.add(rest, resting, start - 1.0, phonemes[0].start - 0.1)
    return aims, press, dental


_SPREAD = np.array([1.0, 1.0, 0.8, 0.8, 0.0, 0.0, 0.0, 0.0, 0.0])


def _varied(aim: NDArray[np.float64], name: str, style: Style, rng: np.random.Generator | None) -> NDArray[np.float64]:
    """An aim as this person has it, this time: millimetres vary in proportion, width and protrusion by a shift."""
    off = np.zeros(len(aim))
    if style.habit is not None:
        off += 0.2 * _habit(style.habit, name)
    if rng is not None and style.variability > 0:
        off += style.variability * rng.standard_normal(len(aim))
    off *= _SPREAD
    varied = aim * np.exp(off)
    varied[_WIDTH:] = (aim + off)[_WIDTH:]
    return varied


@lru_cache(maxsize=4096)
def _habit(seed: int, name: str) -> NDArray[np.float64]:
    return np.random.default_rng([seed, *map(ord, name)]).standard_normal(len(CHANNELS))


def _span(phonemes: Sequence[Phoneme], index: int) -> tuple[float, float]:
    """When a position is held: closures from contact to release, the rest between the closures beside it."""
    phoneme = phonemes[index]
    if phoneme.closure is not None:
        start = min(phoneme.closure[0], phoneme.start)
        return start, max(start + 0.01, min(phoneme.closure[1], phoneme.end))
    start, end = phoneme.start, phoneme.end
    before = phonemes[index - 1].closure if index else None
    after = phonemes[index + 1].closure if index + 1 < len(phonemes) else None
    if before is not None and start - 0.15 < before[1] < start:
        start = before[1]
    if after is not None and start + 0.01 < after[0] < end:
        end = after[0]
    return start, end


# Activation per unit of a channel, and the lip gap (mm) that full activation brings in the default model.
_GAP_EFFECT_MM = {
    "jawOpen": JAW_FULL_MM, "mouthFunnel": 14.0, "mouthPucker": -0.1, "mouth-pursing": 1.2,
    "mouthRollLower": -3.2, "mouthRollUpper": -4.6, "mouthSmileLeft": -1.7, "mouthSmileRight": -1.5,
    "mouthPressLeft": -1.5, "mouthPressRight": -1.4, "mouthStretchLeft": 0.2, "mouthStretchRight": 0.2,
    "mouthShrugLower": -5.0,
}  # fmt: skip
_LOWER_UP_MM = 2.0  # of each of mouthLowerDownLeft/Right and mouthUpperUpLeft/Right


def lip_gap_mm(units: Mapping[str, NDArray[np.float64]]) -> NDArray[np.float64]:
    """(T,) millimetres between the lips that (T,) activations make in the default face model: what `expression_curves`
    solves for, read back."""
    gap = -JAW_FULL_MM * units["mouthClose"]
    gap = gap + sum(effect * units[name] for name, effect in _GAP_EFFECT_MM.items() if name in units)
    for side in ("Left", "Right"):
        gap = gap + _LOWER_UP_MM * (units["mouthLowerDown" + side] + units["mouthUpperUp" + side])
    return np.asarray(gap, np.float64)


def expression_curves(articulation: Articulation, style: Style) -> dict[str, NDArray[np.float64]]:
    """(G,) activation of each expression unit that speech moves; 1 = the unit's full shape.

    The lip gap is solved for: whatever the other units do to it, mouthClose, mouthLowerDown and mouthUpperUp make it
    what the articulation asks, so that p, b and m close whatever the jaw does.
    """
    c, press = articulation.curves, articulation.press * style.press
    spread, purse = np.maximum(c[:, _WIDTH], 0), np.maximum(-c[:, _WIDTH], 0)
    smile = np.full(len(c), max(style.smile, 0.0))
    units: dict[str, NDArray[np.float64]] = {
        "jawOpen": np.clip(c[:, _JAW], 0, 25) / JAW_FULL_MM,
        "mouthPucker": 0.42 * purse,
        "mouth-pursing": 0.14 * purse,
        "mouthFunnel": 0.32 * c[:, _PROTRUDE],
        "jawForward": 0.08 * c[:, _PROTRUDE],
        "mouthRollLower": 0.65 * c[:, _DENTAL] + 0.25 * press,
        "mouthRollUpper": 0.2 * press,
        "mouthShrugLower": 0.1 * press,
        "mouthDimpleLeft": 0.08 * press,
        "mouthDimpleRight": 0.08 * press,
    }
    for side, sign in (("Left", 1.0), ("Right", -1.0)):
        share = 1 + sign * style.asymmetry
        units["mouthStretch" + side] = 0.55 * spread * share
        units["mouthSmile" + side] = (0.2 * spread + smile) * share
        units["mouthPress" + side] = 0.35 * press * share
        units["mouthFrown" + side] = np.full(len(c), max(-style.smile, 0.0))
    bared = 0.12 * c[:, _DENTAL]
    gap = (
        c[:, _GAP]
        - 2 * _LOWER_UP_MM * bared
        - sum(_GAP_EFFECT_MM.get(name, 0.0) * value for name, value in units.items())
    )
    units["mouthClose"] = np.maximum(-gap, 0) / JAW_FULL_MM
    part = np.maximum(gap, 0) / (4 * _LOWER_UP_MM)
    for side, sign in (("Left", 1.0), ("Right", -1.0)):
        share = 1 + sign * style.asymmetry
        units["mouthLowerDown" + side] = 1.1 * part * share
        units["mouthUpperUp" + side] = 0.9 * part * share + bared
    return units
