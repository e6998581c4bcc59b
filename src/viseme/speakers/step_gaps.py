"""Long stretches of a file without a face and without audio, closed: what is scored of a file lies in short arrays.

Knows numbers of steps; refuses to know what lies at them. A recording whose time stamps leap by ten hours is ten hours
long, but there is nothing in most of it.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from viseme.speakers.interface import STEP_S

__all__ = ["KEEP_STEPS", "StepGaps"]

KEEP_STEPS = 500
"""Steps that are left of a gap: 20 seconds, farther than any score or state looks."""


class StepGaps:
    """Numbers of steps as recorded <-> numbers of steps with the long gaps closed.

    Example:
        >>> gaps = StepGaps([(0, 100), (90_000, 90_100)])
        >>> gaps.closed(90_010), gaps.recorded(610), gaps.closed(50)
        (610, 90010, 50)
    """

    def __init__(self, occupied: Iterable[tuple[int, int]]) -> None:
        """Find the gaps.

        Args:
            occupied: First step and step after the last of everything there is, in any order.
        """
        starts, cuts, reached = [], [], None
        for begin, end in sorted(occupied):
            if reached is not None and begin - reached > KEEP_STEPS:
                starts.append(begin)
                cuts.append(begin - reached - KEEP_STEPS)
            reached = end if reached is None else max(reached, end)
        self._starts = np.array(starts, np.int64)
        """Steps, as recorded, at which something begins after a gap."""
        self._cut = np.concatenate([[0], np.cumsum(np.array(cuts, np.int64))])
        """Steps left out before the first gap, the second, ..."""

    def closed(self, step: int) -> int:
        """The number of a recorded step with the gaps closed; of one inside a gap, at most that of the gap's end."""
        number = int(np.searchsorted(self._starts, step, side="right"))
        behind = step - int(self._cut[number])
        if number == len(self._starts):
            return behind
        return min(behind, int(self._starts[number] - self._cut[number + 1]))

    def recorded(self, step: int) -> int:
        """The number as recorded of a step with the gaps closed; one within a gap belongs to the nearer side."""
        edges = self._starts - self._cut[1:] - KEEP_STEPS // 2
        return step + int(self._cut[int(np.searchsorted(edges, step, side="right"))])

    def recorded_s(self, time: float) -> float:
        """The same of seconds."""
        return time + (self.recorded(int(np.floor(time / STEP_S))) - int(np.floor(time / STEP_S))) * STEP_S
