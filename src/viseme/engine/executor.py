"""Many files, one answer each: in this process, in workers, or wherever an `Executor` leads.

Knows processes and names of functions; refuses to know what is done to a file. A file that fails, or crashes its
worker, becomes an answer and never ends the batch.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import traceback
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, Executor, Future, ProcessPoolExecutor, wait
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib import import_module
from multiprocessing.connection import Connection
from typing import Any

from viseme.core.errors import ConfigError, VisemeError, WeightsError
from viseme.media.search import refuse_missing, shown

__all__ = ["FileWork"]


@dataclass(frozen=True, kw_only=True)
class FileWork:
    """What is done to every file of a batch. Workers import both names, so the work itself travels as text."""

    function: str
    """`"module:name"`, called as `name(path, **settings)`; its answer is handed on."""
    failed: str
    """`"module:name"` of what stands for an answer that failed: made with `file`, `error_type`, `message` and, for an
    error nobody foresaw, `traceback`."""

    def __call__(self, path: str, settings: dict[str, Any]) -> Any:
        """Whatever happens becomes an answer, except faults that every file would have.

        A file that is not there is answered for before anything is imported.

        Raises:
            ConfigError, WeightsError: no file could be answered this way.
        """
        try:
            if not os.path.isdir(path):  # what a folder lacks is said by the command in its own words
                refuse_missing(path)
            return _named(self.function)(path, **settings)
        except (ConfigError, WeightsError):
            raise
        except VisemeError as error:
            return self.failure(path, type(error).__name__, _one_line(error))
        except MemoryError:
            return self.failure(path, "MemoryError", f"{shown(path)} needs more memory than there is")
        except Exception as error:  # a batch outlives the faults we did not foresee; they are reported, not hidden
            kind = type(error).__name__
            message = f"{shown(path)}: unexpected {kind}: {_one_line(error)}; please report this"
            return self.failure(path, kind, message, traceback=traceback.format_exc())

    def failure(self, path: str, error_type: str, message: str, **more: str) -> Any:
        """The answer of a file that has none."""
        return _named(self.failed)(file=path, error_type=error_type, message=message, **more)

    def run(
        self,
        files: Iterable[str],
        settings: Callable[[str], dict[str, Any]],
        *,
        jobs: int = 1,
        executor: Executor | None = None,
        isolate: bool | None = None,
        on_progress: Callable[..., None] | None = None,
        on_begin: Callable[[str], None] | None = None,
    ) -> Iterator[tuple[str, Any]]:
        """File and answer, wherever the work is done.

        Args:
            files: Paths.
            settings: Keyword arguments for each file.
            jobs: Files worked on at once; more than one means worker processes.
            executor: Where to work instead; see `elsewhere`.
            isolate: Work in a separate process even with one job, so that a crash inside a decoder cannot end the
                batch. None = only with several jobs.
            on_progress: Handed to the function as one more setting; only without worker processes.
            on_begin: Told each file when its work begins (in workers: when it is handed to them).

        Raises:
            ValueError: `jobs` is less than one.
            ConfigError, WeightsError: no file could be answered this way.
        """
        if jobs < 1:
            raise ValueError(f"jobs must be at least 1, got {jobs}")
        if on_begin is not None:
            settings = _announced(settings, on_begin)
        if executor is not None or (jobs > 1 if isolate is None else isolate):
            return self.elsewhere(files, settings, jobs=jobs, executor=executor)
        if on_progress is None:
            return self.here(files, settings)
        return self.here(files, lambda file: {**settings(file), "on_progress": on_progress})

    def here(self, files: Iterable[str], settings: Callable[[str], dict[str, Any]]) -> Iterator[tuple[str, Any]]:
        """File and answer, one after the other in this process."""
        for file in files:
            yield file, self(file, settings(file))

    def elsewhere(
        self,
        files: Iterable[str],
        settings: Callable[[str], dict[str, Any]],
        *,
        jobs: int,
        executor: Executor | None = None,
    ) -> Iterator[tuple[str, Any]]:
        """File and answer in the order they finish, from `jobs` worker processes or from `executor`.

        Args:
            files: Paths.
            settings: Keyword arguments for each file.
            jobs: Files worked on at once; with an executor, half of how many are handed over at a time.
            executor: Whose workers have this package. None = processes that die with this one.

        Raises:
            ConfigError, WeightsError: no file could be answered this way.
            VisemeError: the executor broke down.
        """

        def submit(pool: Executor, file: str) -> Future[Any]:
            return pool.submit(self, file, settings(file))

        waiting = deque(files)
        if executor is not None:
            lost = yield from _feed(executor, waiting, submit, window=2 * jobs)
            if lost or waiting:
                raise VisemeError(f"the executor broke down with {len(lost) + len(waiting)} files unanswered; resume")
        while executor is None and waiting:
            with _workers(min(jobs, len(waiting))) as pool:
                lost = yield from _feed(pool, waiting, submit, window=2 * jobs if jobs > 1 else 1)  # one: in order
            for file in lost:
                yield file, self._alone(file, submit)

    def _alone(self, file: str, submit: Callable[[Executor, str], Future[Any]]) -> Any:
        """One more try for a file that was in flight when a worker died: the guilty one dies again."""
        with _workers(1) as pool:
            try:
                return submit(pool, file).result()
            except BrokenExecutor:
                message = (
                    f"{shown(file)} crashes the process that reads it, or needs more memory than there is; "
                    "convert or shorten it and try again"
                )
                return self.failure(file, "WorkerCrashed", message)


def _announced(
    settings: Callable[[str], dict[str, Any]], on_begin: Callable[[str], None]
) -> Callable[[str], dict[str, Any]]:
    def announced(file: str) -> dict[str, Any]:
        on_begin(file)
        return settings(file)

    return announced


def _named(target: str) -> Any:
    module, _, name = target.partition(":")
    return getattr(import_module(module), name)


def _one_line(error: BaseException) -> str:
    return " ".join(shown(line) for line in str(error).splitlines()) or type(error).__name__


def _feed(
    pool: Executor, waiting: deque[str], submit: Callable[[Executor, str], Future[Any]], *, window: int
) -> Generator[tuple[str, Any], None, list[str]]:
    """Keep `window` files in flight; return those that were in flight when the pool broke (none: all is done)."""
    flying: dict[Future[Any], str] = {}
    while waiting or flying:
        broken = False
        while waiting and len(flying) < window and not broken:
            try:
                flying[submit(pool, waiting[0])] = waiting[0]
                waiting.popleft()
            except BrokenExecutor:
                broken = True
        done, _ = wait(flying, return_when=FIRST_COMPLETED)
        for future in [f for f in flying if f in done]:  # what ended together comes in the order it was asked for
            try:
                outcome = future.result()
            except BrokenExecutor:
                broken = True
                continue
            yield flying.pop(future), outcome
        if broken:
            break
    return list(flying.values())


@contextmanager
def _workers(count: int) -> Iterator[ProcessPoolExecutor]:
    """A pool whose workers die with us: even after SIGKILL, the pipe they watch closes."""
    context = multiprocessing.get_context("spawn")
    watched, held = context.Pipe(duplex=False)
    threads = max(1, (os.cpu_count() or 1) // count)
    pool = ProcessPoolExecutor(count, mp_context=context, initializer=_start_worker, initargs=(watched, threads))
    try:
        yield pool
    except BaseException:
        held.close()  # interrupted: do not wait for files nobody will read
        raise
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
        held.close()
        watched.close()


def _start_worker(watched: Connection, threads: int) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to handle
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"):
        os.environ.setdefault(name, str(threads))

    def die_with_parent() -> None:
        with suppress(EOFError, OSError):
            watched.recv()
        os._exit(1)

    threading.Thread(target=die_with_parent, name="parent watch", daemon=True).start()
