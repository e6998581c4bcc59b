"""From the visible part of the vocal tract to ARKit's 52 weights, at the times of frames. Knows no audio, no files.

`Curves` come from the voice network or, where the phonemes are known, from the articulation itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from viseme.avatar.voice.features import CURVES, GAP, JAW, PRESS, SPEAKING
from viseme.synthetic.articulation import JAW_FULL_MM, STEP_S, Articulation, articulate, expression_curves
from viseme.synthetic.idle_motion import add_blinks_and_brows, head_pose
from viseme.synthetic.phonemes import Phoneme
from viseme.synthetic.scene import DRAWN_STRENGTH
from viseme.synthetic.style import Style
from viseme.synthetic.visemes import CHANNELS, REST

__all__ = ["Curves", "Mouth", "arkit_weights", "curves_of_phonemes", "idle_units", "mouth_at"]

SEAL_MM, PRESSED_MM = 0.5, 0.7
"""Lips that touch are soft: the mesh is closed by so much more, at rest and under p, b and m, or teeth are seen."""
TONGUE = [CHANNELS.index(name) for name in ("tip", "dorsum", "out")]


@dataclass(frozen=True, kw_only=True)
class Curves:
    """The visible part of the vocal tract over time."""

    times: NDArray[np.floating]
    """(G,) seconds, rising."""
    values: NDArray[np.floating]
    """(G, 11) `CURVES`."""


@dataclass(frozen=True, kw_only=True)
class Mouth:
    """What a frame shows of it."""

    units: dict[str, NDArray[np.float64]]
    """Expression unit -> (T,) activation."""
    tongue: NDArray[np.float32]
    """(T, 3) tip raised, back raised, blade forward."""
    speaking: NDArray[np.float64]
    """(T,) 0 in pauses to 1 in speech."""


def curves_of_phonemes(
    phonemes: Sequence[Phoneme], end: float, *, loudness: NDArray[np.floating] | None = None
) -> Curves:
    """The articulation of phonemes whose times are known, from time 0 to `end` seconds.

    Args:
        phonemes: In order.
        end: Seconds.
        loudness: (G,) see `articulate`, on its grid; None = even.
    """
    style = Style()
    moved = articulate([p.shifted(-style.lead_s) for p in phonemes], 0.0, end, style=style, loudness=loudness)
    return Curves(times=moved.times, values=np.column_stack([moved.curves, moved.press, moved.speaking]))


def mouth_at(curves: Curves, times: NDArray[np.floating], *, strength: float = 1.0) -> Mouth:
    """The mouth at the times of frames; a closure between two frames is shown by the nearer one.

    Args:
        curves: On any grid.
        times: (T,) seconds of the frames, rising evenly.
        strength: Size of speech movements, .5 mumbling to 1.5 emphatic.
    """
    found = np.stack([np.interp(times, curves.times, curves.values[:, i]) for i in range(len(CURVES))], 1)
    found[:, PRESS] = np.maximum(found[:, PRESS], _peaks(curves, times))
    size = strength * DRAWN_STRENGTH
    found[:, JAW] = REST[JAW] + (found[:, JAW] - REST[JAW]) * size
    found[:, GAP] *= size * (1 - found[:, PRESS])
    articulation = Articulation(float(times[0]), found[:, : len(CHANNELS)], found[:, PRESS], found[:, SPEAKING])
    units = expression_curves(articulation, Style())
    closed = np.clip(1 - found[:, GAP] / 2, 0, 1)
    units["mouthClose"] = units["mouthClose"] + closed * (SEAL_MM + PRESSED_MM * found[:, PRESS]) / JAW_FULL_MM
    return Mouth(
        units=units,
        tongue=np.clip(found[:, TONGUE], 0, 1).astype(np.float32),
        speaking=found[:, SPEAKING],
    )


def _peaks(curves: Curves, times: NDArray[np.floating]) -> NDArray[np.float64]:
    """(T,) how far the lips are shut at most within half a frame of each time."""
    half = 0.5 * float(times[1] - times[0]) if len(times) > 1 else 0.0
    low, high = np.searchsorted(curves.times, times - half), np.searchsorted(curves.times, times + half)
    press = np.append(curves.values[:, PRESS], 0.0)
    num = len(press) - 1
    peaks = np.zeros(len(times))
    for shift in range(int((high - low).max(initial=0))):
        at = low + shift
        peaks = np.maximum(peaks, np.where(at < high, press[np.minimum(at, num)], 0.0))
    return peaks


def idle_units(
    mouth: Mouth, times: NDArray[np.floating], *, seed: int = 0
) -> tuple[dict[str, NDArray[np.float64]], NDArray[np.float32]]:
    """Blinks, glances, brows, and a head that moves a little more in speech.

    Returns:
        Units as in `Mouth`, and (T, 3) pitch, yaw, roll in radians.
    """
    rng = np.random.default_rng([seed, 99])
    t = np.arange(float(times[0]) - 0.1, float(times[-1]) + 0.2, STEP_S)
    speaking = np.interp(t, times, mouth.speaking)
    stress = np.clip(np.interp(t, times, mouth.units["jawOpen"]) * 3 - 0.5, 0, 1) * speaking
    units: dict[str, NDArray[np.float64]] = {}
    add_blinks_and_brows(units, t, stress, rng)
    pose = head_pose(t, speaking, stress, Style(), rng)
    turned = np.stack([np.interp(times, t, pose[:, i]) for i in range(3)], 1)
    return {name: np.interp(times, t, curve) for name, curve in units.items()}, turned.astype(np.float32)


def arkit_weights(units: dict[str, NDArray[np.float64]], names: Sequence[str], num: int) -> NDArray[np.float32]:
    """(T, 52) weights from 0 to 1; units that ARKit does not have are left out."""
    weights = np.zeros((num, len(names)), np.float32)
    for index, name in enumerate(names):
        if name in units:
            weights[:, index] = np.clip(units[name], 0, 1)
    return weights
