"""What the voice network hears and what it answers, as numbers. Knows arrays; refuses to know files and networks.

The network hears log-mels every 10 ms (`viseme.audio.clock`) and answers every 20 ms with the visible part of the vocal
tract: step `k` of a stretch is centred between frames `2 k` and `2 k + 1`, so on whole multiples of 10 ms.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from viseme.synthetic.visemes import CHANNELS

__all__ = ["CURVES", "FRAMES_A_STEP", "GAP", "JAW", "PRESS", "SCALE", "SPEAKING", "loudest", "voice_features"]

FRAMES_A_STEP = 2
"""Audio frames, 10 ms each, of one step of the network."""
CURVES = (*CHANNELS, "press", "speaking")
"""What the network answers: the channels of the articulation, how far lips are shut by p, b or m, and whether somebody
speaks; the last two from 0 to 1."""
JAW, GAP, PRESS, SPEAKING = (CURVES.index(name) for name in ("jaw", "gap", "press", "speaking"))
SCALE: NDArray[np.float32] = np.array([6.0, 5.0, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 1.0, 1.0], np.float32)
"""Unit of each curve inside the network, about its spread in speech: millimetres, then shares."""

_LOUD = 200.0
"""Summed mel power that speech is brought to."""
_FLOOR = 0.02
"""Added to a mel power before its logarithm: what lies 40 dB under speech is silence."""
_QUIETEST = 0.2
"""Summed mel power, that of speech at about -50 dB of full scale, under which nothing is made louder."""


def loudest(power: NDArray[np.floating]) -> NDArray[np.float32]:
    """(...,) the level of (..., A, 40) mel powers: the 90th percentile of the frames' sums."""
    return np.quantile(power.sum(-1), 0.9, axis=-1).astype(np.float32)


def voice_features(power: NDArray[np.floating], level: float | NDArray[np.floating]) -> NDArray[np.float32]:
    """What the network hears.

    Args:
        power: (..., A, 40) mel powers.
        level: (...,) of the speech, as `loudest` measures it; what is far too quiet for speech stays quiet.

    Returns:
        (..., A, 40), about -1 to 1; digital silence is -1 everywhere.

    Example:
        >>> quiet, loud = voice_features(np.zeros((2, 40)), 0.0), voice_features(np.full((1, 40), 5.0), 200)
        >>> float(quiet.max()), round(float(loud.max()), 2)
        (-1.0, 0.41)
    """
    gain = _LOUD / np.maximum(np.asarray(level, np.float32), _QUIETEST)[..., None, None]
    logs = np.log(power * gain + np.float32(_FLOOR))
    return ((logs - np.log(_FLOOR)) / np.float32(-np.log(_FLOOR)) - 1).astype(np.float32)
