"""Text files that appear complete or not at all."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from viseme.core.errors import OutputError

__all__ = ["refuse_unwritable", "replacing_text"]


def refuse_unwritable(path: str | Path) -> None:
    """Find out before hours of work that a file could not be written afterwards.

    Raises:
        OutputError: its folder is missing or read-only, or it is a folder itself.
    """
    path = Path(path)
    if path.is_dir():
        raise OutputError(f"{path} is a folder; give a file name")
    if not path.parent.is_dir():
        raise OutputError(f"{path} cannot be written: there is no folder {path.parent}; make it first")
    if not os.access(path.parent, os.W_OK):
        raise OutputError(f"{path} cannot be written: the folder is read-only")


class _Text:
    """An open file whose errors say which file."""

    def __init__(self, path: Path, temporary: Path) -> None:
        self._path = path
        with self._named():
            self._file = temporary.open("x", encoding="utf-8", errors="surrogateescape", newline="")

    def write(self, text: str) -> None:
        with self._named():
            self._file.write(text)

    def finish(self) -> None:
        """Push everything to the disk."""
        with self._named():
            self._file.flush()
            os.fsync(self._file.fileno())
            self._file.close()

    def close(self) -> None:
        """Close, whatever became of it."""
        with suppress(OSError):  # the disk was full, which has been said
            self._file.close()

    @contextmanager
    def _named(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise OutputError(f"{self._path} cannot be written: {error.strerror}") from error


@contextmanager
def replacing_text(path: str | Path) -> Iterator[_Text]:
    """A new UTF-8 file that becomes `path` when the block succeeds and vanishes when it does not.

    Raises:
        OutputError: disk full, folder missing, no permission.
    """
    path = Path(path)
    temporary = path.parent / f".viseme-{secrets.token_hex(6)}.tmp"
    file = _Text(path, temporary)
    try:
        yield file
        file.finish()
        try:
            os.replace(temporary, path)
        except OSError as error:
            raise OutputError(f"{path} cannot be written: {error.strerror}") from error
    finally:
        file.close()
        with suppress(OSError):  # gone already when it became `path`
            temporary.unlink()
