"""Which frame of the video is shown when, where the new audio is longer or shorter than the video.

Knows times; refuses to know pixels.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal, TypeAlias, get_args

import numpy as np
from numpy.typing import NDArray

from viseme.core.time import as_seconds

__all__ = ["BEYOND", "PING_PONG_S", "Beyond", "Schedule", "schedule"]

Beyond: TypeAlias = Literal["hold", "ping-pong", "cut"]
"""What happens after the end of the video, or of the audio: the last frame stands, the last seconds run back and forth,
or both end with the shorter one."""

BEYOND: tuple[Beyond, ...] = get_args(Beyond)
PING_PONG_S = 4.0
"""Seconds at the end of the video that run back and forth."""
MOST_PIXELS = 250_000_000
"""Pixels of frames that are kept for that."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Schedule:
    """Frames of the output, in order."""

    num_kept: int
    """Frames of the video that are shown at their own times, from the first on."""
    added: NDArray[np.intp]
    """Numbers of the frames that are shown again after them."""
    step: Fraction
    """Seconds between those."""
    end: Fraction
    """Seconds at which the output ends."""

    @property
    def num_held(self) -> int:
        """Frames before the end of the video that have to be kept."""
        return int(self.num_kept - self.added.min()) if len(self.added) else 0


def schedule(
    times: NDArray[np.float64], audio_s: float, beyond: Beyond, *, first: int = 0, pixels: int = 1
) -> Schedule:
    """The frames to show.

    Args:
        times: (T,) seconds of the video's frames, at least one, rising.
        audio_s: Seconds of the audio; it begins at time 0.
        beyond: What is done about different lengths. Where the audio is shorter only "cut" matters: the video goes on
            in silence otherwise.
        first: The earliest frame that may be shown again: where the last shot begins.
        pixels: Of a frame; limits how many can be kept.

    Example:
        >>> plan = schedule(np.arange(4) / 4, 2.0, "ping-pong")
        >>> plan.num_kept, plan.added.tolist()
        (4, [2, 1, 0, 1])
        >>> schedule(np.arange(4) / 4, 0.5, "cut").num_kept
        2
    """
    num = len(times)
    step = as_seconds(float(np.median(np.diff(times)))) if num > 1 else Fraction(1, 25)
    end = as_seconds(float(times[-1])) + step
    none = np.zeros(0, np.intp)
    if beyond == "cut":
        kept = max(1, int(np.searchsorted(times, audio_s - 1e-6)))
        end = min(end, max(as_seconds(audio_s), as_seconds(float(times[kept - 1]))))
        return Schedule(num_kept=kept, added=none, step=step, end=end)
    num_added = max(0, math.ceil((as_seconds(audio_s) - end) / step))
    if not num_added:
        return Schedule(num_kept=num, added=none, step=step, end=end)
    reach = 1
    if beyond == "ping-pong":
        near = num - int(np.searchsorted(times, float(times[-1]) - PING_PONG_S))
        reach = max(1, min(near, num - first, MOST_PIXELS // max(pixels, 1)))
    cycle = max(1, 2 * (reach - 1))
    phase = (np.arange(1, num_added + 1)) % cycle
    added = num - 1 - (np.minimum(phase, cycle - phase) if reach > 1 else 0 * phase)
    return Schedule(num_kept=num, added=added.astype(np.intp), step=step, end=end + num_added * step)
