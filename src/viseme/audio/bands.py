"""Power in narrow bands, fine enough that mel filters of any vocal tract can be read from it: what training keeps.

Knows samples with a start time; refuses to know files. Frames are those of `viseme.audio.clock`.
"""

from __future__ import annotations

from fractions import Fraction
from functools import cache

import numpy as np
from numpy.typing import NDArray

from viseme.audio.features import mel_filters, power_frames

__all__ = ["BAND_CENTRES_HZ", "BAND_WIDTHS_HZ", "NUM_BANDS", "band_filters", "bands"]

_EDGES = np.concatenate([np.arange(0, 32), np.arange(32, 96, 2), np.arange(96, 257, 4)])
_WIDTHS = np.diff(np.append(_EDGES, 257))
NUM_BANDS = len(_EDGES)
BAND_WIDTHS_HZ = _WIDTHS * 31.25
"""(105,) widths of the bands, hertz."""
BAND_CENTRES_HZ = (_EDGES + (_WIDTHS - 1) / 2) * 31.25
"""(105,) centres of the bands, hertz."""


def bands(samples: NDArray[np.floating], start: Fraction | float = 0) -> tuple[int, NDArray[np.float16]]:
    """Logarithm of the power in bands, every 10 ms of the clip's clock.

    Args:
        samples: (S,) at 16 kHz, full scale 1.
        start: Seconds of the first sample.

    Returns:
        Number of the first frame, and (A, 105) float16: every frame whose centre lies within the samples; half a
        window beyond either end counts as silence.

    Example:
        >>> first, power = bands(np.zeros(1600), Fraction(1, 4))
        >>> first, len(power), bands(np.zeros(0))[1].shape
        (25, 10, (0, 105))
    """
    first, power = power_frames(samples, start)
    return first, np.log(np.add.reduceat(power, _EDGES, axis=-1) + 1e-7).astype(np.float16)


@cache
def band_filters(warp: float = 1.0) -> NDArray[np.float32]:
    """(105, 40) mel filters over the power in bands, for a vocal tract scaled by `warp`."""
    return (np.add.reduceat(mel_filters(warp=warp), _EDGES, axis=0) / _WIDTHS[:, None]).astype(np.float32)
