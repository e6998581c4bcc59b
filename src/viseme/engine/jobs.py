"""Files that are made once, in processes, and found again by the next run. Knows nothing of what is in them."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from multiprocessing import get_context
from pathlib import Path

__all__ = ["make_files", "one_thread"]


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
    waiting = [job for job in jobs if not job[2].exists()]
    done = len(jobs) - len(waiting)
    on_progress(done, len(jobs))
    if num_jobs <= 1:
        for function, arguments, path in waiting:
            function(*arguments, path)
            done += 1
            on_progress(done, len(jobs))
    elif waiting:
        with one_thread(), ProcessPoolExecutor(num_jobs, mp_context=get_context("spawn")) as pool:
            for future in as_completed([pool.submit(f, *arguments, path) for f, arguments, path in waiting]):
                future.result()
                done += 1
                on_progress(done, len(jobs))
    return [path for _, _, path in jobs if path.exists()]
