"""The answers about many files, written down as they come and found again after a kill.

Knows a file of JSON Lines and what makes two questions the same; refuses to know what was asked.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol, TypeVar

import viseme
from viseme.core.errors import OutputError

__all__ = ["Answer", "ResultLog", "options_digest", "recorded"]


class Answer(Protocol):
    """What a log keeps: any result with a versioned JSON object."""

    def to_json(self) -> dict[str, Any]:
        """The object, with `schema`."""
        ...


AnyAnswer = TypeVar("AnyAnswer", bound=Answer)


class ResultLog:
    """A file of JSON Lines that grows by one synced line per answer and survives a kill at any moment.

    Each line carries `input`: the file's absolute path, size, modification time and the options of the run. A file
    is answered when a line has the same four. A last line without its newline was cut by a kill: it is removed, and
    its file is answered again.

    Args:
        path: Created when missing.
        schema: The `schema` of every answer, such as "viseme.check/1"; a file with another one is refused.
        resume: Continue a file that exists; otherwise its existence is an error.

    Raises:
        OutputError: it exists and `resume` is false; it holds something else; it is in use; it cannot be written.
    """

    def __init__(self, path: str | Path, *, schema: str, resume: bool) -> None:
        self.path = Path(path)
        self._schema = schema
        self._done: set[tuple[Any, ...]] = set()
        self._made = not self.path.exists()
        exists = not self._made and self.path.stat().st_size > 0
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

    def append(self, answer: Answer, identity: dict[str, Any]) -> None:
        """Write one answer and wait until it is on the disk.

        Raises:
            OutputError: the disk is full or gone; the file then ends at the line before, or is gone if it was new.
        """
        line = json.dumps({**answer.to_json(), "input": identity}, allow_nan=False).encode() + b"\n"
        try:
            rest = memoryview(line)
            while rest:
                rest = rest[os.write(self._fd, rest) :]
            with suppress(OSError):  # a pipe or a device cannot be synced
                os.fsync(self._fd)
        except OSError as error:
            with suppress(OSError):  # a device cannot be cut; its reader drops the torn line
                os.ftruncate(self._fd, self._end)
            safe = f"; {len(self._done)} answers are safe in it, continue with --resume"
            if self._made and self._end == 0:
                safe = ""
                with suppress(OSError):  # nothing is in it: it goes again
                    self.path.unlink()
            raise OutputError(f"{self.path} cannot be written: {error.strerror}{safe}") from error
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
            if entry["schema"] == self._schema and {"path", "size", "mtime_ns", "options"} <= entry["input"].keys():
                return entry
        except (AttributeError, KeyError, TypeError, ValueError):
            pass  # whatever it is, it is none of ours: said below
        raise self._not_ours(number)

    def _drop_torn(self, line: bytes, end: int, number: int) -> None:
        opening = json.dumps({"schema": self._schema})[:-1].encode()
        if not (line.startswith(opening) or opening.startswith(line)):
            raise self._not_ours(number)
        os.ftruncate(self._fd, end)

    def _not_ours(self, number: int) -> OutputError:
        return OutputError(
            f"{self.path} line {number} is not an answer of this command; name another file to resume from"
        )


def recorded(
    files: Iterable[str],
    run: Callable[[list[str]], Iterable[tuple[str, AnyAnswer]]],
    log: ResultLog,
    *,
    options: str | Callable[[str], str],
    close: bool = False,
) -> Generator[AnyAnswer, None, None]:
    """Ask about the files that a log has no answer for, and write each answer down before it is handed on.

    Args:
        files: Paths.
        run: Answers for some of them: pairs of path and answer, in any order.
        log: Where answers are.
        options: Digest of what is asked, see `options_digest`; or of each file, where what is asked depends on it.
        close: Close the log at the end.
    """
    identities = {file: _identity(file, options if isinstance(options, str) else options(file)) for file in files}
    try:
        for file, answer in run([f for f in identities if identities[f] not in log]):
            log.append(answer, identities[file])
            yield answer
    finally:
        if close:
            log.close()


def options_digest(facts: Mapping[str, Any]) -> str:
    """16 hexadecimal digits that change with any option and with the version: answers are then not comparable."""
    text = json.dumps({**facts, "version": viseme.__version__}, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _key(identity: dict[str, Any]) -> tuple[Any, ...]:
    return identity["path"], identity["size"], identity["mtime_ns"], identity["options"]


def _identity(path: str, options: str) -> dict[str, Any]:
    try:
        status = os.stat(path)
        size, mtime = status.st_size, status.st_mtime_ns
    except (OSError, ValueError):
        size = mtime = None
    return {"path": os.path.abspath(path), "size": size, "mtime_ns": mtime, "options": options}
