"""`--log FILE`: what a command did and when, a line an event. Knows nothing of commands.

    2026-11-28T11:30:12.345Z  begin   takes/a.mp4

Kinds: start (the command line), begin (a file; with --jobs: handed to a worker), answer, note, warning, error, end.
"""

from __future__ import annotations

import io
import re
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from viseme.cli.lines import one_line
from viseme.core.errors import OutputError

__all__ = ["EventLog", "Told"]

_LINE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z  start ")
_REDRAWN = re.compile(r".*\x1b\[K|.*\r(?!$)")


class EventLog:
    """A file that events are appended to, each line complete when `add` returns.

    Args:
        path: Made when missing.
        words: The command line.

    Raises:
        OutputError: the file cannot be written, or holds something that is no log.
    """

    def __init__(self, path: str | Path, words: str) -> None:
        self._path = Path(path)
        self._began = time.monotonic()
        new = not self._path.exists()
        try:
            if self._path.is_file() and self._path.stat().st_size:
                with open(self._path, encoding="utf-8", errors="replace") as there:
                    if not _LINE.match(there.readline(80)):
                        raise OutputError(f"{path} exists and is no log of viseme; give --log another name")
            self._file = self._path.open("a", 1, encoding="utf-8", errors="backslashreplace", newline="\n")
        except OSError as error:
            raise OutputError(f"{path} cannot be written: {error.strerror}") from error
        try:
            self.add("start", words)
        except OutputError:
            with suppress(OSError):  # closing tries to write once more
                self._file.close()
            if new:
                self._path.unlink(missing_ok=True)
            raise

    def add(self, kind: str, text: str) -> None:
        """One line.

        Raises:
            OutputError: the disk behind it is full.
        """
        now = datetime.now(timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        try:
            self._file.write(f"{now}  {kind:<7} {one_line(text)}\n")
        except OSError as error:
            raise OutputError(f"{self._path} cannot be written: {error.strerror}") from error

    def end(self, code: int) -> None:
        """The last line."""
        with suppress(OutputError, OSError):  # whoever runs us learns from the exit code
            self.add("end", f"exit code {int(code)} after {time.monotonic() - self._began:.1f} s")
            self._file.close()


class Told(io.TextIOBase):
    """Stands for stderr while a command runs: what is printed line by line becomes notes of the log too.

    Args:
        add: Told each complete line.
        shown: Where it is printed; None = nowhere.
    """

    def __init__(self, add: Callable[[str], None], shown: Any) -> None:
        self._add = add
        self._shown = shown
        self._line = ""

    def write(self, text: str) -> int:
        """Print, and keep what is no line yet."""
        if self._shown is not None:
            self._shown.write(text)
        *lines, self._line = (self._line + text).split("\n")
        for line in lines:
            told = _REDRAWN.sub("", line).strip()
            if told:
                self._add(told)
        self._line = _REDRAWN.sub("", self._line)
        return len(text)

    def flush(self) -> None:
        """Print what waits."""
        if self._shown is not None:
            self._shown.flush()

    def isatty(self) -> bool:
        """Whether a person looks."""
        return self._shown is not None and self._shown.isatty()
