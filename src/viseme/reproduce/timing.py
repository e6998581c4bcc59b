"""How long something takes: wall clock and CPU seconds, of this process or of a command. Knows no task."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

__all__ = ["Spent", "median_of", "median_seconds", "spent_by_command", "spent_by_job"]


@dataclass(frozen=True)
class Spent:
    """What one run took."""

    wall: float
    """Seconds."""
    cpu: float
    """Seconds of all threads, of user and system."""


def median_of(runs: Sequence[Spent]) -> Spent:
    """Median of wall and median of CPU seconds."""
    return Spent(float(np.median([r.wall for r in runs])), float(np.median([r.cpu for r in runs])))


def spent_by_job(job: Callable[[], object]) -> Spent:
    """One run of a job in this process."""
    wall, cpu = time.perf_counter(), time.process_time()
    job()
    return Spent(time.perf_counter() - wall, time.process_time() - cpu)


def median_seconds(job: Callable[[], object], *, times: int = 5) -> float:
    """Median wall seconds of a job, after a run that is not counted."""
    job()
    return median_of([spent_by_job(job) for _ in range(times)]).wall


def spent_by_command(command: Sequence[str], *, times: int = 3) -> Spent:
    """Medians of a command and all it starts; its output and exit status are ignored. CPU seconds are 0 on Windows."""
    return median_of([_run(command) for _ in range(times)])


def _run(command: Sequence[str]) -> Spent:
    before, wall = os.times(), time.perf_counter()
    subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
    after = os.times()
    cpu = after.children_user + after.children_system - before.children_user - before.children_system
    return Spent(time.perf_counter() - wall, cpu)
