"""How a face moves while it speaks and while it does not: expression and pose at any times.

Knows phoneme times and the names of the default face model's expression units; refuses to know frames and audio
samples. Everything is a function of continuous time evaluated on a fine grid and read off at the frame times, so any
frame rate, even or not, shows the same motion. Seeded: the same arguments give the same numbers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from viseme.synthetic.phonemes import Phoneme
from viseme.synthetic.visemes import ANTICIPATION_S, CARRY_S, CHANNELS, REST, targets

__all__ = ["Articulation", "Motion", "Style", "articulate", "expression_curves", "move"]

STEP_S = 0.005
"""Grid of the motion, seconds."""

_JAW, _GAP, _WIDTH, _PROTRUDE, _DENTAL, _TIP, _BODY, _DORSUM, _OUT = range(len(CHANNELS))

SMOOTHING_S = 0.009
"""Standard deviation of the last rounding of corners."""

JAW_FULL_MM = 33.0
"""Lip gap that jawOpen = 1 makes in the default face model; mouthClose = 1 takes the same away."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Style:
    """How one person articulates."""

    strength: float = 1.0
    """Size of all speech movements, .5 mumbling to 1.5 emphatic."""
    jaw_share: float = 1.3
    """Jaw against lips in opening, .7 to 1.8."""
    rounding: float = 1.0
    """Strength of rounding and spreading, .5 to 1.5."""
    coarticulation: float = 1.0
    """Stretch of the reach of each audio, .7 crisp to 1.4 smeared."""
    closing_s: float = 0.07
    """Seconds that lips take to meet for p, b, m."""
    opening_s: float = 0.065
    """Seconds that they take to part."""
    press: float = 0.5
    """How hard closed lips are pressed, 0 to 1."""
    effort: float = 0.4
    """How much loudness widens the movement, 0 to 1."""
    asymmetry: float = 0.0
    """Left against right half of the mouth, -.3 to .3."""
    smile: float = 0.0
    """Constant smile, -.15 (frown) to .4."""
    lips_apart_mm: float = 0.0
    """Gap between the lips at rest, 0 to 3: some people's mouths are never quite shut in pauses."""
    lead_s: float = 0.01
    """Seconds by which all mouth movement runs ahead of the acoustics; lips of GRID speaker 1 run 10 to 20 ms ahead of
    this model with 0 (60 sentences, phonemes placed by time warping)."""
    head: float = 1.0
    """Size of head movement; 0 = still."""
    variability: float = 0.12
    """Relative spread of each audio's position from one saying to the next, 0 to .3."""
    habit: int | None = None
    """Seed of how this person's positions differ from the table, audio by audio; None = not at all."""
    idle: float = 1.0
    """Rate of swallows, licks and smiles outside speech; 0 = none."""

    @classmethod
    def random(cls, rng: np.random.Generator) -> Style:
        """A plausible person."""
        return cls(
            strength=float(np.clip(np.exp(rng.normal(0.0, 0.22)), 0.55, 1.5)),
            jaw_share=float(rng.uniform(0.75, 1.8)),
            rounding=float(rng.uniform(0.4, 1.3)),
            coarticulation=float(rng.uniform(0.75, 1.35)),
            closing_s=float(rng.uniform(0.05, 0.1)),
            opening_s=float(rng.uniform(0.045, 0.09)),
            press=float(rng.uniform(0.1, 1.0)),
            effort=float(rng.uniform(0.1, 0.7)),
            asymmetry=float(np.clip(rng.normal(0, 0.1), -0.3, 0.3)),
            smile=float(np.clip(rng.normal(0.04, 0.1), -0.12, 0.4)),
            lips_apart_mm=float(max(0.0, rng.normal(0.0, 1.2)) if rng.random() < 0.5 else 0.0),
            lead_s=float(rng.normal(0.01, 0.008)),
            head=float(np.clip(np.exp(rng.normal(0.0, 0.5)), 0.2, 2.5)),
            variability=float(rng.uniform(0.05, 0.28)),
            habit=int(rng.integers(2**31)),
            idle=float(rng.uniform(0.3, 1.5)),
        )


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
    t = start + STEP_S * np.arange(max(2, int(np.ceil((end - start) / STEP_S)) + 1))
    aims, doms, begins, ends = [REST + 0.0], [np.full(len(CHANNELS), 0.02)], [start - 1.0], [end + 1.0]
    aims[0][_GAP] = style.lips_apart_mm
    press, dental = np.zeros(len(t)), np.zeros(len(t))
    for index, phoneme in enumerate(phonemes):
        at, stop = _span(phonemes, index)
        for target in targets(phoneme.name):
            length = (stop - at) * target.share
            aims.append(_varied(target.aim, phoneme.name, style, rng))
            doms.append(target.dominance * min(1.0, 0.5 + length / 0.12))
            begins.append(at + 0.2 * length)
            ends.append(at + 0.8 * length)
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
            aims.append(aims[0])
            doms.append(np.full(len(CHANNELS), 0.7))
            begins.append(phoneme.end + 0.08)
            ends.append(max(following - 0.08, phoneme.end + 0.081))
    if phonemes and phonemes[0].start - start > 0.1:
        aims.append(aims[0])
        doms.append(np.full(len(CHANNELS), 0.7))
        begins.append(start - 1.0)
        ends.append(phonemes[0].start - 0.1)
    begins_, ends_ = np.array(begins)[:, None], np.array(ends)[:, None]
    before, after = np.maximum(begins_ - t, 0), np.maximum(t - ends_, 0)
    aims_, doms_ = np.array(aims), np.array(doms)
    curves = np.empty((len(t), len(CHANNELS)))
    reaches: dict[tuple[float, float], NDArray[np.float64]] = {}
    for channel in range(len(CHANNELS)):
        key = (ANTICIPATION_S[channel] * style.coarticulation, CARRY_S[channel] * style.coarticulation)
        if key not in reaches:
            reaches[key] = np.exp(-(before / key[0] + after / key[1]))
        weight = doms_[:, channel, None] * reaches[key]
        curves[:, channel] = (aims_[:, channel] @ weight) / weight.sum(0)
    curves = gaussian_filter1d(curves, SMOOTHING_S / STEP_S, axis=0, mode="nearest")
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


# ---------------------------------------------------------------- everything but speech


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


def _blinks_and_brows(units: dict, t: NDArray, stress: NDArray, rng: np.random.Generator) -> None:
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


def _idle_mouth(units: dict, t: NDArray, speaking: NDArray, style: Style, rng: np.random.Generator) -> None:
    """Breaths before phrases; swallows, licks, smiles and twitches where nothing is said."""
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


def _head_pose(t: NDArray, speaking: NDArray, stress: NDArray, style: Style, rng: np.random.Generator) -> NDArray:
    """(G, 6) wandering, busier in speech, with nods on stress."""
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


@dataclass(frozen=True)
class Motion:
    """What the face does at each frame."""

    times: NDArray[np.float64]
    """(T,) seconds."""
    units: dict[str, NDArray[np.float64]]
    """Expression unit -> (T,) activation, 1 = full shape."""
    pose: NDArray[np.float64]
    """(T, 6) pitch, yaw, roll (radians), tx, ty, tz (dm), around a frontal head."""
    gap_mm: NDArray[np.float64]
    """(T,) asked lip gap."""
    tongue: NDArray[np.float64]
    """(T, 3) tip raised, back raised, blade forward between the teeth, each 0..1."""

    def beta(self, model) -> NDArray[np.float32]:
        """(T, E) coefficients for a `FaceModel`; units it lacks are left out."""
        beta = np.zeros((len(self.times), len(model.expression_names)), np.float32)
        for index, name in enumerate(model.expression_names):
            if name in self.units:
                beta[:, index] = self.units[name] / model.expression_sigma[index]
        return beta


def move(
    phonemes: Sequence[Phoneme],
    times: NDArray[np.float64],
    *,
    style: Style | None = None,
    seed: int = 0,
    audio: NDArray[np.float32] | None = None,
    rate: int = 16_000,
) -> Motion:
    """Motion of a face that says `phonemes`, at `times`.

    Args:
        phonemes: Times in the same clock as `times`.
        times: (T,) seconds, rising.
        style: Whose face.
        seed: Of everything that is not speech.
        audio: (S,) the voice, first sample at time 0; its loudness drives effort, nods and brows. None = even effort.
        rate: Samples a second of `audio`.
    """
    style = style or Style()
    rng = np.random.default_rng([seed, 77])
    start, end = float(times[0]) - 0.3, float(times[-1]) + 0.3
    num = max(2, int(np.ceil((end - start) / STEP_S)) + 1)
    t = start + STEP_S * np.arange(num)
    loudness = np.ones(num) if audio is None else _loudness(audio, rate, t)
    lead = style.lead_s
    near = [p.shifted(-lead) for p in phonemes if p.end > start - 0.5 and p.start < end + 0.5]
    articulation = articulate(near, start, end, style=style, loudness=loudness, rng=np.random.default_rng([seed, 78]))
    stress = np.clip(gaussian_filter1d(loudness * articulation.speaking, 0.08 / STEP_S) - 1.05, 0, 1)
    units = expression_curves(articulation, style)
    _idle_mouth(units, t, articulation.speaking, style, rng)
    _blinks_and_brows(units, t, stress, rng)
    pose = _head_pose(t, articulation.speaking, stress, style, rng)
    at = (np.asarray(times) - start) / STEP_S
    low = np.minimum(at.astype(int), num - 2)
    part = at - low

    def read(curve: NDArray) -> NDArray:
        share = part if curve.ndim == 1 else part[:, None]
        return curve[low] * (1 - share) + curve[low + 1] * share

    return Motion(
        np.asarray(times, np.float64),
        {name: np.clip(read(curve), 0, 1.2) for name, curve in units.items()},
        read(pose),
        read(articulation.curves[:, _GAP]),
        read(articulation.curves[:, [_TIP, _DORSUM, _OUT]]),
    )


def _loudness(audio: NDArray[np.float32], rate: int, t: NDArray) -> NDArray[np.float64]:
    """Short-time level at `t` over the clip's mean level of speech, near 1, in [.3, 2]."""
    step = rate // 100
    num = max(1, len(audio) // step)
    level = np.sqrt(np.square(audio[: num * step]).reshape(num, -1).mean(1)) if len(audio) >= step else np.zeros(1)
    level = gaussian_filter1d(level, 4.0)
    loud = level[level > 0.1 * level.max()] if level.max() > 0 else level
    centre = float(loud.mean()) if len(loud) and loud.mean() > 0 else 1.0
    return np.interp(t, (np.arange(num) + 0.5) * step / rate, np.clip(level / centre, 0.3, 2.0), left=0.3, right=0.3)
