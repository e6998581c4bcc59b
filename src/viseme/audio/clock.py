"""The clock of audio frames: frame `n` covers [n / 100, (n + 1) / 100) seconds and is centred on (n + 1/2) / 100.

Zero is the clip's own zero, see `viseme.media`; numbers may be negative. Every path of the package, whole clips and
streams alike, counts audio frames this way. Knows numbers alone.
"""

from __future__ import annotations

import math
from fractions import Fraction

__all__ = ["FRAME_S", "HOP", "RATE", "WINDOW", "centre_sample", "first_frame", "frame_centre"]

RATE = 16_000
"""Samples per second."""
HOP = 160
"""Samples between the centres of neighbouring frames (10 ms)."""
WINDOW = 400
"""Samples that a frame's spectrum is taken from (25 ms), around its centre."""
FRAME_S = HOP / RATE
"""Seconds from one frame to the next."""


def first_frame(time: float | Fraction) -> int:
    """Number of the first frame that is centred at `time` seconds or later.

    Example:
        >>> first_frame(0), first_frame(0.0051), first_frame(-0.1)
        (0, 1, -10)
    """
    return math.ceil(time / FRAME_S - 0.5 - 1e-7)


def frame_centre(number: int) -> float:
    """Seconds of the centre of a frame.

    Example:
        >>> frame_centre(40)
        0.405
    """
    return (number + 0.5) * FRAME_S


def centre_sample(number: int) -> int:
    """Number of the sample on which a frame is centred; sample 0 lies at time zero.

    Example:
        >>> centre_sample(0), centre_sample(-1)
        (80, -80)
    """
    return number * HOP + HOP // 2
