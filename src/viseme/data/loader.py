"""Batches drawn ahead of the network that learns from them, by worker processes. Knows no task and no network.

Every step has a random generator of its own, seeded by (seed, step, rank), and batches come in the order of the steps:
however many workers draw, and wherever a run was stopped and goes on, step `n` sees the same batch.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator
from concurrent.futures import BrokenExecutor, Future, ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from typing import Any

import numpy as np

from viseme.core.errors import DataError
from viseme.engine.jobs import one_thread

__all__ = ["Loader", "step_generator"]

Draw = Callable[[np.random.Generator], Any]


def step_generator(seed: int, step: int, rank: int = 0) -> np.random.Generator:
    """The generator of one step of one process of a run."""
    return np.random.default_rng([seed, step, *([rank] if rank else [])])


@dataclass(frozen=True, kw_only=True)
class Loader:
    """Batches of a run, by step."""

    draw: Draw
    """Makes a batch with the generator of its step; goes to the workers as a pickle, once."""
    seed: int = 0
    """Of the run."""
    workers: int = 0
    """Processes that draw; 0 = batches are drawn as they are asked for."""
    prefetch: int = 2
    """Batches each worker is ahead."""

    def __call__(self, steps: range, rank: int = 0) -> Generator[Any, None, None]:
        """The batches of `steps`, for process number `rank` of the run; close it to end the workers early.

        Raises:
            DataError: a worker died.
        """
        if self.workers == 0:
            for step in steps:
                yield self.draw(step_generator(self.seed, step, rank))
            return
        context = get_context("spawn")
        with one_thread():
            pool = ProcessPoolExecutor(self.workers, context, initializer=_keep, initargs=(self.draw,))
        try:
            waiting: deque[Future[Any]] = deque()
            for step in steps:
                waiting.append(_submit(pool, self.seed, step, rank))
                if len(waiting) > self.prefetch * self.workers:
                    yield _result(waiting.popleft())
            while waiting:
                yield _result(waiting.popleft())
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


_draw: Draw | None = None


def _keep(draw: Draw) -> None:
    global _draw
    _draw = draw


def _drawn(seed: int, step: int, rank: int) -> Any:
    assert _draw is not None
    return _draw(step_generator(seed, step, rank))


def _submit(pool: ProcessPoolExecutor, *place: int) -> Future[Any]:
    with one_thread():  # workers start with the first batches that are asked of them
        try:
            return pool.submit(_drawn, *place)
        except BrokenExecutor as error:
            raise _died(error) from None


def _result(batch: Future[Any]) -> Any:
    try:
        return batch.result()
    except BrokenExecutor as error:
        raise _died(error) from None


def _died(error: BaseException) -> DataError:
    return DataError(f"a process that draws batches died ({error}); is there enough memory? try fewer --jobs")
