"""Batches that are drawn ahead: the same whatever the number of workers and wherever a run goes on."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass

import numpy as np
import pytest

from viseme.core.errors import DataError
from viseme.data.loader import Loader, step_generator


@dataclass(frozen=True)
class Numbers:
    """A batch of random numbers, and who drew it."""

    size: int = 4
    seconds: float = 0.0

    def __call__(self, rng: np.random.Generator) -> tuple[np.ndarray, int]:
        time.sleep(self.seconds * rng.random())
        return rng.normal(size=self.size), os.getpid()


@dataclass(frozen=True)
class Fault:
    """Fails at a step, or takes its process down."""

    deadly: bool

    def __call__(self, rng: np.random.Generator) -> float:
        number = rng.random()
        if number == step_generator(0, 2).random():
            if self.deadly:
                os._exit(9)
            raise ValueError("this batch cannot be drawn")
        return number


def _values(loader: Loader, steps: range, rank: int = 0) -> list[np.ndarray]:
    return [batch for batch, _ in loader(steps, rank)]


@pytest.mark.parametrize("workers", [1, 2, 3])
def test_the_number_of_workers_changes_nothing(workers):
    alone = _values(Loader(draw=Numbers(), seed=7), range(9))
    together = list(Loader(draw=Numbers(seconds=0.05), seed=7, workers=workers)(range(9)))
    np.testing.assert_array_equal(alone, [batch for batch, _ in together])
    drawn_by = {pid for _, pid in together}
    assert os.getpid() not in drawn_by
    assert len(drawn_by) <= workers


@pytest.mark.parametrize("workers", [0, 2])
def test_a_run_that_goes_on_sees_the_same_batches(workers):
    loader = Loader(draw=Numbers(), seed=1, workers=workers)
    np.testing.assert_array_equal(_values(loader, range(6))[4:], _values(loader, range(4, 6)))


def test_seeds_steps_and_ranks_draw_differently():
    loader = Loader(draw=Numbers(), seed=1)
    rows = [*_values(loader, range(3)), *_values(loader, range(3), rank=1), *_values(Loader(draw=Numbers()), range(3))]
    assert len({row.tobytes() for row in rows}) == 9


def test_the_generator_of_a_step_is_the_one_that_runs_always_had():
    assert step_generator(3, 5).random() == np.random.default_rng([3, 5]).random()
    assert step_generator(3, 5, 1).random() == np.random.default_rng([3, 5, 1]).random()


def test_batches_wait_ahead_while_the_network_is_busy():
    loader = Loader(draw=Numbers(seconds=0.0), workers=1, prefetch=3)
    batches = loader(range(8))
    next(batches)
    time.sleep(1.0)
    began = time.perf_counter()
    for _ in range(3):
        next(batches)
    assert time.perf_counter() - began < 0.2
    batches.close()


def test_leaving_early_ends_the_workers():
    batches = Loader(draw=Numbers(), workers=2)(range(1000))
    _, pid = next(batches)
    batches.close()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


@pytest.mark.parametrize("workers", [0, 2])
def test_an_error_arrives_at_its_step(workers):
    batches = Loader(draw=Fault(deadly=False), workers=workers)(range(6))
    assert [next(batches), next(batches)] == [step_generator(0, 0).random(), step_generator(0, 1).random()]
    with pytest.raises(ValueError, match="cannot be drawn"):
        next(batches)


def test_a_worker_that_dies_is_reported():
    with pytest.raises(DataError, match="died"):
        list(Loader(draw=Fault(deadly=True), workers=1)(range(6)))
