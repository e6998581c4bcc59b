"""What turns over with the watermark's period in a video, added up over time. Knows times; refuses to know messages.

What stands still or drifts is taken out, so that the picture itself hides the mark only where it moves.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from viseme.provenance.watermark_spectrum import PERIOD_S, detail_of

__all__ = ["LEAST_SECONDS", "Turning"]

LEAST_SECONDS = 0.6
"""Shorter stretches tell what turns over from what drifts no more."""
_BLOCK_S = 3 * PERIOD_S
"""A stretch that is looked at by itself; where much moves in it, it weighs less."""
_DRIFT = 2
"""Highest power of time that is taken for drift."""


class Turning:
    """Accumulator of small frames, in the order of their times.

    Example:
        >>> turning = Turning()
        >>> for number in range(48):
        ...     turning.add(np.full((20, 20), 7.0, np.float32), number / 25)
        >>> bool(abs(turning.detail()).max() < 1e-3)
        True
    """

    def __init__(self) -> None:
        self._frames: list[NDArray[np.float32]] = []
        self._times: list[float] = []
        self._total: NDArray[np.complex64] | None = None

    def add(self, frame: NDArray[np.float32], time: float) -> None:
        """Take one frame, of `watermark_spectrum.reduced`, and its time in seconds."""
        if self._times and time - self._times[0] > _BLOCK_S - 1e-3:
            self._close()
        self._frames.append(frame)
        self._times.append(time)

    def detail(self) -> NDArray[np.complex64] | None:
        """(h, w) sum over all stretches; None where there is none that is long enough."""
        self._close()
        return self._total

    def _close(self) -> None:
        """Add a stretch; one that is too short is left out."""
        frames, times = self._frames, np.array(self._times)
        self._frames, self._times = [], []
        if len(times) < _DRIFT + 4 or times[-1] - times[0] + times[1] - times[0] < LEAST_SECONDS:
            return
        part = detail_of(_turning(np.stack(frames), times))
        self._total = part if self._total is None else self._total + part


def _turning(frames: NDArray[np.float32], times: NDArray[np.float64]) -> NDArray[np.complex64]:
    """(h, w) amplitude of the period, by least squares beside a drift.

    Args:
        frames: (T, h, w).
        times: (T,) seconds.
    """
    along = 2 * (times - times[0]) / (times[-1] - times[0]) - 1
    angle = 2 * np.pi * times / PERIOD_S
    basis = np.stack([np.cos(angle), np.sin(angle), *(along**power for power in range(_DRIFT + 1))], axis=1)
    cosine, sine = np.tensordot(np.linalg.pinv(basis)[:2].astype(np.float32), frames, 1)
    return (cosine - 1j * sine).astype(np.complex64)
