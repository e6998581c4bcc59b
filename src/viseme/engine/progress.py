"""How far a long run has come, on stderr. Knows nothing of what is run."""

from __future__ import annotations

import os
import sys
import time

__all__ = ["Bar", "note"]


def note(text: str) -> None:
    """One line on stderr."""
    sys.stderr.write(text + os.linesep)
    sys.stderr.flush()


class Bar:
    """A line that renews itself on a terminal, one line in a while elsewhere."""

    def __init__(self, what: str) -> None:
        self._what, self._shown = what, 0.0
        self._terminal = sys.stderr.isatty()
        self._began = time.monotonic()
        self._first: int | None = None

    def __call__(self, done: int, total: int, numbers: dict[str, float] | None = None) -> None:
        """Show `done` of `total`, with numbers worth showing."""
        now = time.monotonic()
        if self._first is None:
            self._first = done
        last = done >= total
        if not last and now - self._shown < (0.2 if self._terminal else 20):
            return
        self._shown = now
        left = (now - self._began) / max(done - self._first, 1) * (total - done)
        tail = "  ".join(f"{k} {v:.3f}" for k, v in (numbers or {}).items())
        width = 24
        bar = "#" * round(width * done / max(total, 1))
        text = f"{self._what:18s} [{bar:{width}s}] {done}/{total}  {left / 60:.1f} min left  {tail}"
        end = os.linesep if last or not self._terminal else ""
        sys.stderr.write(("\r\x1b[K" if self._terminal else "") + text + end)
        sys.stderr.flush()
