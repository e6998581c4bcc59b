"""Files that are made once, in processes, and found again by the next run. Knows nothing of what is in them."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from multiprocessing import get_context
from pathlib import Path
from typing import Any

__all__ = ["make_files", "one_thread", "run_jobs"]


@contextmanager
def one_thread() -> Iterator[None]:
    """Processes started here compute in one thread each: more, on tiny matrices, only wait for each other."""
    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
    before = {name: os.environ.get(name) for name in names}
    os.environ.update(dict.fromkeys(names, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def run_jobs(jobs: Sequence[tuple[Callable[..., Any], tuple[Any, ...]]], *, num_jobs: int) -> Iterator[Any]:
    """Call `function(*arguments)` of every job, in this process or in `num_jobs`; what they return, as they finish."""
    if num_jobs <= 1:
        for function, arguments in jobs:
            yield function(*arguments)
    elif jobs:
        with one_thread(), ProcessPoolExecutor(num_jobs, mp_context=get_context("spawn")) as pool:
            try:
                for future in as_completed([pool.submit(function, *arguments) for function, arguments in jobs]):
                    yield future.result()
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)  # do not finish what nobody will use
                raise


def make_files(
    jobs: Sequence[tuple[Callable[..., None], tuple, Path]],
    *,
    num_jobs: int,
    on_progress: Callable[[int, int], None],
) -> list[Path]:
    """Call `function(*arguments, path)` for every path that does not exist yet; return those that exist afterwards.

    Functions write their file under another name first and rename it, so that a stop leaves no half file; one that
    finds nothing to write leaves none.
    """
    waiting = [(function, (*arguments, path)) for function, arguments, path in jobs if not path.exists()]
    done = len(jobs) - len(waiting)
    on_progress(done, len(jobs))
    for _ in run_jobs(waiting, num_jobs=num_jobs):
        done += 1
        on_progress(done, len(jobs))
    return [path for _, _, path in jobs if path.exists()]
