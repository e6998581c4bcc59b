"""How long something takes: wall clock and CPU seconds, of this process or of a command. Knows no task."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

__all__ = ["Spent", "median_seconds", "median_spent", "spent_by_command"]


@dataclass(frozen=True)
class Spent:
    """What one run took."""

    wall: float
    """Seconds."""
    cpu: float
    """Seconds of all threads, of user and system."""


def median_seconds(job: Callable[[], object], *, times: int = 5, warm_up: int = 1) -> float:
    """Median wall seconds of a job, after `warm_up` runs that are not counted."""
    return median_spent(job, times=times, warm_up=warm_up).wall


def median_spent(job: Callable[[], object], *, times: int = 3, warm_up: int = 0) -> Spent:
    """Medians of wall and CPU seconds of a job in this process."""
    for _ in range(warm_up):
        job()
    found = []
    for _ in range(times):
        wall, cpu = time.perf_counter(), time.process_time()
        job()
        found.append((time.perf_counter() - wall, time.process_time() - cpu))
    return Spent(*(float(v) for v in np.median(found, axis=0)))


def spent_by_command(command: Sequence[str], *, times: int = 3) -> Spent:
    """Medians of wall and CPU seconds of a command and all it starts; its output and exit status are ignored."""
    found = []
    for _ in range(times):
        before, wall = _children(), time.perf_counter()
        subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
        found.append((time.perf_counter() - wall, _children() - before))
    return Spent(*(float(v) for v in np.median(found, axis=0)))


def _children() -> float:
    """CPU seconds of processes that have ended."""
    used = os.times()
    return used.children_user + used.children_system
