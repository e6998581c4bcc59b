"""Where a command writes: answers on stdout, everything else on stderr, and nothing of anybody else's on either.

Libraries in C print to file descriptors 1 and 2 behind Python's back. While a `Screen` is open both lead nowhere
(with `--debug`: to stderr), and the answers go through private copies.
"""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from viseme.cli.event_log import EventLog, Told
from viseme.cli.lines import one_line, shortened, wrapped
from viseme.core.errors import OutputError

__all__ = ["Screen"]

Tick = Callable[..., None]
"""`tick(fraction)` or `tick(done, total)`."""


class Screen:
    """The terminal or the pipes around a command.

    Args:
        debug: Let through to stderr what libraries print.
        quiet: Answers and errors only: no progress, no notes.
        log: Is told what happens.
    """

    def __init__(self, *, debug: bool = False, quiet: bool = False, log: EventLog | None = None) -> None:
        self.debug = debug
        self.quiet = quiet
        self._log = log
        self._bar: Any = None

    def __enter__(self) -> Screen:
        for stream in (sys.stdout, sys.stderr):
            if stream is not None:
                stream.flush()
        self._kept = [_duplicate(1), _duplicate(2)]
        self._python = sys.stdout, sys.stderr
        self._out = open(_duplicate(1), "w", encoding="utf-8", errors="backslashreplace", newline="\n")
        self._err = open(_duplicate(2), "w", encoding="utf-8", errors="backslashreplace", newline="\n", buffering=1)
        sink = _duplicate(2) if self.debug else os.open(os.devnull, os.O_WRONLY)
        os.dup2(sink, 1)
        os.dup2(sink, 2)
        os.close(sink)
        sys.stdout = sys.stderr = self._told()
        self._filters = warnings.catch_warnings()
        self._filters.__enter__()
        if not self.debug:
            warnings.simplefilter("ignore")
        return self

    def __exit__(self, *exc: object) -> None:
        self._filters.__exit__(None, None, None)
        sys.stdout, sys.stderr = self._python
        for number, kept in enumerate(self._kept, start=1):
            os.dup2(kept, number)
            os.close(kept)
        for stream in (self._out, self._err):
            with suppress(OSError):  # what could not be written has been reported by `write`
                stream.close()

    def write(self, text: str) -> None:
        """Write to stdout, at once.

        Raises:
            OutputError: the disk behind it is full.
        """
        try:
            with self._without_bar():
                self._out.write(text)
                self._out.flush()
        except BrokenPipeError:
            raise
        except OSError as error:
            raise OutputError(f"standard output cannot be written: {error.strerror}") from error

    def show(self, *renderables: Any) -> None:
        """Print rich text: coloured on a terminal, plain in a pipe."""
        console = self._console(self._out)
        with console.capture() as capture:
            for item in renderables:
                console.print(wrapped(item, console.width) if self.is_terminal else item, soft_wrap=True)
        self.write(capture.get())

    def say(self, text: str) -> None:
        """An answer for people, on stdout: lines that break at words on a terminal, as they are in a pipe."""
        lines = text.removesuffix("\n")
        for line in filter(None, map(str.strip, lines.split("\n"))):
            self.event("answer", line)
        if self.is_terminal:
            from rich.text import Text

            lines = wrapped(Text(lines), self._console(self._out).width).plain
        self.write(f"{lines}\n")

    def begin(self, file: str) -> None:
        """Work on a file begins."""
        self.event("begin", file)

    def error(self, message: str) -> None:
        """One line on stderr about something that failed."""
        self.event("error", message)
        self._line(f"viseme: error: {message}")

    def warn(self, message: str) -> None:
        """One line on stderr about something to know of an answer."""
        self.event("warning", message)
        if not self.quiet:
            self._line(f"viseme: note: {message}")

    def note(self, text: str) -> None:
        """One line on stderr about the run as a whole."""
        self.event("note", text)
        if not self.quiet:
            self._line(text)

    def event(self, kind: str, text: str) -> None:
        """A line of `--log`, and nothing on the screen."""
        if self._log is not None:
            self._log.add(kind, text)

    def _line(self, text: str) -> None:
        with self._without_bar():
            print(one_line(text), file=self._err, flush=True)

    def _told(self) -> Any:
        """What Python code prints to: stderr, unless it should be quiet or its lines are logged too."""
        if not self.quiet and self._log is None:
            return self._err
        shown = None if self.quiet and not self.debug else self._err
        return Told(lambda line: self.event("note", line), shown)

    def block(self, text: str) -> None:
        """Several lines on stderr, for `--debug`."""
        with self._without_bar():
            print(text, file=self._err, flush=True)

    @property
    def is_terminal(self) -> bool:
        """Whether a person looks at stdout."""
        return self._out.isatty()

    @property
    def columns(self) -> int | None:
        """Of the terminal that a person looks at; None in a pipe, where lines are as long as they are."""
        return self._console(self._out).width if self.is_terminal else None

    @contextmanager
    def progress(self, words: str, *, unit: str = "") -> Iterator[Tick | None]:
        """A bar on stderr, or None in a pipe. `unit`: "files" shows counts, otherwise only the fraction."""
        if self.quiet or not self._err.isatty():
            yield None
            return
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        last = MofNCompleteColumn() if unit else TextColumn("{task.percentage:>3.0f} %")
        bar = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            last,
            TextColumn(unit),
            TimeRemainingColumn(),
            console=self._console(self._err),
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
        )
        with bar:
            task = bar.add_task(shortened(one_line(words), max(bar.console.width // 3, 12)), total=None)
            self._bar = bar
            try:
                yield lambda done, total=1.0: bar.update(task, completed=done, total=total)
            finally:
                self._bar = None

    @contextmanager
    def _without_bar(self) -> Iterator[None]:
        """Take the live bar off the terminal while something is printed: the bar comes back below it."""
        if self._bar is None:
            yield
            return
        self._bar.stop()
        try:
            yield
        finally:
            self._bar.start()

    def _console(self, file: Any) -> Any:
        from rich.console import Console

        return Console(file=file, highlight=False, markup=False, emoji=False)


def _duplicate(number: int) -> int:
    try:
        return os.dup(number)
    except OSError:  # started without this descriptor (`>&-`)
        return os.open(os.devnull, os.O_WRONLY)
