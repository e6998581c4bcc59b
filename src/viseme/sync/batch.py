"""Many files, one answer each: in worker processes, written down as they come, continued after a kill.

Knows a file of JSON Lines; refuses to know how a file is checked and where. A file that fails, or takes its
worker down with it, becomes a `FailedCheck` and never ends the batch.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Executor
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import viseme
from viseme.core.errors import OutputError
from viseme.core.results import CHECK_SCHEMA, CheckResult
from viseme.engine.executor import FileWork
from viseme.media.search import MEDIA_EXTENSIONS, find_media

__all__ = ["MEDIA_EXTENSIONS", "FailedCheck", "Outcome", "ResultLog", "check_many", "find_media"]

CHECKER = "viseme.sync.pipeline:check"
"""The function that answers for one file; workers import it by this name."""


@dataclass(frozen=True, kw_only=True)
class FailedCheck:
    """A file without an answer, and why. Not to be confused with a reasoned `cannot_tell`."""

    file: str
    error_type: str
    """Class of the error, e.g. "UnreadableMedia", or "WorkerCrashed"."""
    message: str
    """One line: what, on what file, what to do."""
    traceback: str = field(default="", repr=False)
    """For an error we did not foresee; never in the JSON."""

    def to_json(self) -> dict[str, Any]:
        """The same object as an answer, its fields null, with `error` filled."""
        return {
            "schema": CHECK_SCHEMA,
            "file": self.file,
            "audio_delay": None,
            "interval": None,
            "confidence": None,
            "verdict": None,
            "reasons": [],
            "words": None,
            "drift_ms_per_min": None,
            "tracks": [],
            "error": {"type": self.error_type, "message": self.message},
        }


Outcome = CheckResult | FailedCheck


class ResultLog:
    """A file of JSON Lines that grows by one synced line per answer and survives a kill at any moment.

    Each line carries `input`: the file's absolute path, size, modification time and the options of the run. A file
    is answered when a line has the same four. A last line without its newline was cut by a kill: it is removed, and
    its file is checked again.

    Args:
        path: Created when missing.
        resume: Continue a file that exists; otherwise its existence is an error.

    Raises:
        OutputError: it exists and `resume` is false; it holds something else; it is in use; it cannot be written.
    """

    def __init__(self, path: str | Path, *, resume: bool) -> None:
        self.path = Path(path)
        self._done: set[tuple[Any, ...]] = set()
        exists = self.path.exists() and self.path.stat().st_size > 0
        if exists and not resume:
            raise OutputError(f"{self.path} exists; add --resume to continue it, or name another file")
        try:
            self._fd = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o666)
        except OSError as error:
            raise OutputError(f"{self.path} cannot be written: {error.strerror}") from error
        try:
            self._lock()
            self._end = self._read() if exists else 0
        except BaseException:
            os.close(self._fd)
            raise

    def __enter__(self) -> ResultLog:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def __len__(self) -> int:
        return len(self._done)

    def __contains__(self, identity: object) -> bool:
        return isinstance(identity, dict) and _key(identity) in self._done

    def close(self) -> None:
        """Release the file. A second call does nothing."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def lines(self) -> Iterator[dict[str, Any]]:
        """Every answer on file, oldest first, earlier runs included."""
        end = self._end
        with self.path.open("rb") as file:
            while file.tell() < end:
                yield json.loads(file.readline())

    def append(self, outcome: Outcome, identity: dict[str, Any]) -> None:
        """Write one answer and wait until it is on the disk.

        Raises:
            OutputError: the disk is full or gone; the file then ends at the line before.
        """
        line = json.dumps({**outcome.to_json(), "input": identity}, allow_nan=False).encode() + b"\n"
        try:
            rest = memoryview(line)
            while rest:
                rest = rest[os.write(self._fd, rest) :]
            with suppress(OSError):  # a pipe or a device cannot be synced
                os.fsync(self._fd)
        except OSError as error:
            with suppress(OSError):  # a device cannot be cut; its reader drops the torn line
                os.ftruncate(self._fd, self._end)
            raise OutputError(
                f"{self.path} cannot be written: {error.strerror}; "
                f"{len(self._done)} answers are safe in it, continue with --resume"
            ) from error
        self._end += len(line)
        self._done.add(_key(identity))

    def _lock(self) -> None:
        try:
            import fcntl
        except ImportError:  # Windows: the file stays unlocked
            return
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise OutputError(
                f"{self.path} is being written by another run; wait for it or name another file"
            ) from None

    def _read(self) -> int:
        end = 0
        with os.fdopen(os.dup(self._fd), "rb") as file:
            file.seek(0)
            for number, line in enumerate(file, start=1):
                if not line.endswith(b"\n"):
                    self._drop_torn(line, end, number)
                    break
                self._done.add(_key(self._parse(line, number)["input"]))
                end += len(line)
        return end

    def _parse(self, line: bytes, number: int) -> dict[str, Any]:
        try:
            entry = json.loads(line)
            if entry["schema"] == CHECK_SCHEMA and {"path", "size", "mtime_ns", "options"} <= entry["input"].keys():
                return entry
        except (AttributeError, KeyError, TypeError, ValueError):
            pass  # whatever it is, it is none of ours: said below
        raise OutputError(f"{self.path} line {number} is no answer of this program; name another file to resume from")

    def _drop_torn(self, line: bytes, end: int, number: int) -> None:
        opening = json.dumps({"schema": CHECK_SCHEMA})[:-1].encode()
        if not (line.startswith(opening) or opening.startswith(line)):
            raise OutputError(
                f"{self.path} line {number} is no answer of this program; name another file to resume from"
            )
        os.ftruncate(self._fd, end)


def _key(identity: dict[str, Any]) -> tuple[Any, ...]:
    return identity["path"], identity["size"], identity["mtime_ns"], identity["options"]


def _identity(path: str, options: str) -> dict[str, Any]:
    try:
        status = os.stat(path)
        size, mtime = status.st_size, status.st_mtime_ns
    except (OSError, ValueError):
        size = mtime = None
    return {"path": os.path.abspath(path), "size": size, "mtime_ns": mtime, "options": options}


@dataclass(frozen=True, kw_only=True)
class CheckOptions:
    """What `check` is asked, the same for every file of a batch."""

    audio: str | None = None
    """Take the audio from this file."""
    audio_stream: int = 0
    """Which audio stream, counted from 0."""
    max_delay: float = 2.0
    """Largest delay tried either way, seconds."""
    input: str = "landmarks"
    """What the lip stream sees."""
    tracker: str = "mediapipe"
    """Which face tracker."""
    weights: str | None = None
    """A name or a file; the shipped ones by default."""
    in_sync_band: tuple[float, float] = (-0.045, 0.125)
    """Delays called in sync, seconds."""

    def digest(self) -> str:
        """Changes with any option, with the weights and with the version: answers are then not comparable."""
        from viseme.weights import WEIGHTS, sha256_of

        facts = {**asdict(self), "version": viseme.__version__}
        if self.weights is not None and self.weights not in WEIGHTS:
            facts["weights"] = sha256_of(self.weights)
        else:
            facts["weights"] = sorted(r.sha256 for r in WEIGHTS.values() if self.weights in (None, r.name))
        return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:16]


def check_many(
    paths: Iterable[str | Path],
    *,
    jobs: int = 1,
    executor: Executor | None = None,
    isolate: bool | None = None,
    resume: str | Path | ResultLog | None = None,
    evidence: bool = False,
    audio: str | None = None,
    audio_stream: int = 0,
    max_delay: float = 2.0,
    input: str = "landmarks",
    tracker: str = "mediapipe",
    weights: str | None = None,
    in_sync_band: tuple[float, float] = (-0.045, 0.125),
    on_progress: Callable[..., None] | None = None,
) -> Iterator[Outcome]:
    """Check many files and yield each answer as soon as it is there (with several jobs: in the order they finish).

    Args:
        paths: Files, folders and patterns, as `find_media` reads them.
        jobs: Files worked on at once; more than one means worker processes.
        executor: Where to work instead: any `concurrent.futures.Executor`, such as a Dask client's. Its workers must
            have this package; `jobs` is then how many files are handed over at a time.
        isolate: Work in a separate process even with one job, so that a crash inside a decoder cannot end the batch.
            By default only with several jobs. Scripts then need the usual `if __name__ == "__main__":`.
        resume: A file of JSON Lines. Files answered there are skipped; new answers are appended, each on the disk
            before it is yielded.
        evidence: Keep what a report draws (a few hundred kilobytes a file).
        audio, audio_stream, max_delay, input, tracker, weights, in_sync_band: As in `viseme.check`.
        on_progress: As in `viseme.check`; only without worker processes.

    Yields:
        `CheckResult`, or `FailedCheck` for a file that could not be read or killed its worker twice.

    Raises:
        ValueError: `jobs` is less than one.
        ConfigError, WeightsError: no file could be checked this way.
        OutputError: the results file cannot be used or written.
    """
    if jobs < 1:
        raise ValueError(f"jobs must be at least 1, got {jobs}")
    options = CheckOptions(
        audio=audio,
        audio_stream=audio_stream,
        max_delay=max_delay,
        input=input,
        tracker=tracker,
        weights=weights,
        in_sync_band=in_sync_band,
    )
    files = find_media(paths)
    settings = {**asdict(options), "evidence": evidence}
    if executor is None and not (jobs > 1 if isolate is None else isolate):
        run = _here(CHECKER, settings, on_progress)
    else:
        run = _elsewhere(CHECKER, settings, jobs, executor)
    if resume is None:
        return (outcome for _, outcome in run(files))
    return _recorded(files, run, resume, options.digest())


_Run = Callable[[Iterable[str]], Iterator[tuple[str, Outcome]]]


def _recorded(
    files: list[str], run: _Run, resume: str | Path | ResultLog, options: str
) -> Generator[Outcome, None, None]:
    log = resume if isinstance(resume, ResultLog) else ResultLog(resume, resume=True)
    identities = {file: _identity(file, options) for file in files}
    try:
        for file, outcome in run([f for f in files if identities[f] not in log]):
            log.append(outcome, identities[file])
            yield outcome
    finally:
        if log is not resume:
            log.close()


def _work(checker: str) -> FileWork:
    return FileWork(function=checker, failed="viseme.sync.batch:FailedCheck")


def _here(checker: str, settings: dict[str, Any], on_progress: Callable[..., None] | None) -> _Run:
    settings = settings if on_progress is None else {**settings, "on_progress": on_progress}
    return lambda files: _work(checker).here(files, lambda _: settings)


def _elsewhere(checker: str, settings: dict[str, Any], jobs: int, executor: Executor | None) -> _Run:
    return lambda files: _work(checker).elsewhere(files, lambda _: settings, jobs=jobs, executor=executor)
