"""Mouth shapes of limited animation, A to H and X, from ARKit weights. Knows weights; refuses to know files.

Shapes are those of Rhubarb Lip Sync: A closed (p b m), B teeth together (most consonants, ee), C open (eh, ae), D wide
open (aa), E a little rounded (aw, er), F puckered (oo, w), G teeth on the lip (f v), H tongue raised (l), X at rest.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import median_filter

from viseme.avatar.animation.interface import FaceAnimation
from viseme.synthetic.articulation import lip_gap_mm

__all__ = ["SHAPES", "Cue", "CueLimits", "mouth_cues", "shapes_of"]

SHAPES = "ABCDEFGHX"
MIN_S = 0.08
"""Shortest cue."""
TICK_S = 0.01
"""Times are whole multiples of this."""


@dataclass(frozen=True)
class Cue:
    """One shape from `start` to `end` seconds."""

    start: float
    end: float
    value: str


@dataclass(frozen=True, kw_only=True)
class CueLimits:
    """Where one shape ends and the next begins; chosen on voices whose phones are known (docs/decisions.md)."""

    shut_mm: float = 0.7
    """Lip gap under which the mouth is closed."""
    open_mm: float = 4.5
    """Lip gap from which it is open (C)."""
    wide_mm: float = 8.25
    """Lip gap from which it is wide open (D)."""
    pucker: float = 0.3
    """`mouthPucker` from which it is puckered (F)."""
    round: float = 0.14
    """`mouthPucker` from which an open mouth is a little rounded (E)."""
    dental: float = 0.5
    """`mouthRollLower` with parted lips from which the teeth are on the lip (G)."""
    tongue: float = 0.75
    """Tip of the tongue raised, in an open mouth (H)."""
    rest_s: float = 0.25
    """A closed mouth that stays so as long is at rest (X)."""


def shapes_of(animation: FaceAnimation, limits: CueLimits | None = None) -> NDArray[np.str_]:
    """(T,) shape of every frame, without regard to its neighbours but for rest."""
    limits = limits or CueLimits()
    gap = lip_gap_mm({name: animation.column(name).astype(np.float64) for name in animation.names})
    pucker, roll = animation.column("mouthPucker"), animation.column("mouthRollLower")
    out = np.full(len(gap), "B")
    out[gap >= limits.open_mm] = "C"
    out[gap >= limits.wide_mm] = "D"
    if animation.tongue is not None:
        out[(animation.tongue[:, 0] >= limits.tongue) & (gap >= limits.open_mm)] = "H"
    out[(pucker >= limits.round) & (gap >= 0.6 * limits.open_mm)] = "E"
    out[pucker >= limits.pucker] = "F"
    out[roll >= limits.dental] = "G"
    shut = gap < limits.shut_mm
    out[shut] = "A"
    for begin, end in _runs(shut):
        if end - begin >= limits.rest_s * float(animation.rate):
            out[begin:end] = "X"
    return out


def mouth_cues(animation: FaceAnimation, limits: CueLimits | None = None) -> list[Cue]:
    """Cues that cover the audio without a gap: none under 80 ms, and never from A or B to D but through C."""
    limits = limits or CueLimits()
    num = max(1, round(animation.duration / TICK_S))
    found = shapes_of(animation, limits)
    at = np.clip(np.rint(np.arange(num) * TICK_S * float(animation.rate)).astype(int), 0, len(found) - 1)
    codes = np.array([SHAPES.index(value) for value in found[at]])
    codes = np.where(codes == 0, 0, median_filter(codes, 5, mode="nearest"))
    steps = [[begin, end, SHAPES[code]] for begin, end, code in _coded(codes)]
    return [Cue(round(a * TICK_S, 2), round(b * TICK_S, 2), value) for a, b, value in _eased(_long_enough(steps))]


def _runs(flags: NDArray[np.bool_]) -> list[tuple[int, int]]:
    edges = np.flatnonzero(np.diff(np.concatenate([[False], flags, [False]]).astype(np.int8)))
    return list(zip(edges[::2].tolist(), edges[1::2].tolist()))


def _coded(codes: NDArray[np.int64]) -> list[tuple[int, int, int]]:
    edges = [0, *(np.flatnonzero(np.diff(codes)) + 1).tolist(), len(codes)]
    return [(a, b, int(codes[a])) for a, b in pairwise(edges)]


def _long_enough(steps: Sequence[list]) -> list[list]:
    """Cues of at least `MIN_S`: closures grow, others give way to the longer neighbour."""
    least = round(MIN_S / TICK_S)
    cues = [list(cue) for cue in steps]
    while len(cues) > 1:
        short = min(range(len(cues)), key=lambda i: (cues[i][1] - cues[i][0], cues[i][2] in "AG"))
        begin, end, value = cues[short]
        if end - begin >= least:
            break
        before = cues[short - 1] if short else None
        after = cues[short + 1] if short + 1 < len(cues) else None
        need = least - (end - begin)
        giver = max((c for c in (before, after) if c is not None), key=lambda c: c[1] - c[0])
        if value in "AG" and giver[1] - giver[0] >= least + need:  # a closure must be seen: it takes time
            cues[short][0], cues[short][1] = (begin - need, end) if giver is before else (begin, end + need)
            giver[1 if giver is before else 0] += -need if giver is before else need
        elif before is not None and after is not None and value not in "AG" and before[2] != after[2]:
            middle = (begin + end) // 2
            before[1] = after[0] = middle
            del cues[short]
        else:
            giver[0], giver[1] = min(giver[0], begin), max(giver[1], end)
            del cues[short]
        cues = _joined(cues)
    return cues


def _joined(cues: list[list]) -> list[list]:
    """Neighbours of one shape as one cue."""
    out: list[list] = []
    for cue in cues:
        if out and out[-1][2] == cue[2]:
            out[-1][1] = cue[1]
        else:
            out.append(cue)
    return out


def _eased(cues: list[list]) -> list[list]:
    """A mouth opens wide through C: half of a long D before it, or C instead of a short one."""
    least = round(MIN_S / TICK_S)
    out: list[list] = []
    for begin, end, value in cues:
        if value == "D" and out and out[-1][2] in "AB":
            if end - begin >= 2 * least:
                out.append([begin, begin + least, "C"])
                begin += least
            else:
                value = "C"
        out.append([begin, end, value])
    return _joined(out)
