"""How a face moves while it speaks and while it does not: expression and pose at any times.

Everything is a function of continuous time evaluated on a fine grid and read off at the frame times, so any frame
rate, even or not, shows the same motion. Seeded: the same arguments give the same numbers. Refuses to know frames.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from viseme.synthetic.articulation import STEP_S, articulate, expression_curves
from viseme.synthetic.idle_motion import add_blinks_and_brows, add_idle_mouth, head_pose
from viseme.synthetic.phonemes import Phoneme
from viseme.synthetic.style import Style
from viseme.synthetic.visemes import CHANNELS

__all__ = ["Motion", "loudness_at", "move"]


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
    loudness = np.ones(num) if audio is None else loudness_at(audio, rate, t)
    lead = style.lead_s
    near = [p.shifted(-lead) for p in phonemes if p.end > start - 0.5 and p.start < end + 0.5]
    articulation = articulate(near, start, end, style=style, loudness=loudness, rng=np.random.default_rng([seed, 78]))
    stress = np.clip(gaussian_filter1d(loudness * articulation.speaking, 0.08 / STEP_S) - 1.05, 0, 1)
    units = expression_curves(articulation, style)
    add_idle_mouth(units, t, articulation.speaking, style, rng)
    add_blinks_and_brows(units, t, stress, rng)
    pose = head_pose(t, articulation.speaking, stress, style, rng)
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
        read(articulation.curves[:, CHANNELS.index("gap")]),
        read(articulation.curves[:, [CHANNELS.index(name) for name in ("tip", "dorsum", "out")]]),
    )


def loudness_at(audio: NDArray[np.float32], rate: int, t: NDArray) -> NDArray[np.float64]:
    """(G,) short-time level of `audio` (S,) at `t` (G,), seconds after its first sample, over its mean level of speech:
    near 1, in [.3, 2]."""
    step = rate // 100
    num = max(1, len(audio) // step)
    level = np.sqrt(np.square(audio[: num * step]).reshape(num, -1).mean(1)) if len(audio) >= step else np.zeros(1)
    level = gaussian_filter1d(level, 4.0)
    loud = level[level > 0.1 * level.max()] if level.max() > 0 else level
    centre = float(loud.mean()) if len(loud) and loud.mean() > 0 else 1.0
    return np.interp(t, (np.arange(num) + 0.5) * step / rate, np.clip(level / centre, 0.3, 2.0), left=0.3, right=0.3)
