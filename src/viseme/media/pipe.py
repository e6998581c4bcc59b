"""Bytes that come once: standard input, a named pipe, a file that somebody still writes. Knows no containers."""

from __future__ import annotations

import os
import select
import stat
import sys
import threading
import time
from pathlib import Path
from typing import BinaryIO

from viseme.core.errors import UnreadableMedia
from viseme.media.files import reason
from viseme.media.search import shown

__all__ = ["PipeReader"]

GROWTH_S = 5.0
"""Seconds after its last change for which a file that ended is given time to grow."""
NAP_S = 0.1
CAMERA = (
    "ffmpeg -f v4l2 -i {name} -f alsa -i default -c:v mjpeg -q:v 3 -c:a pcm_s16le -f nut -flush_packets 1 - | "
    "viseme find-speakers --live -"
)
"""Encoders that hold nothing back: x264 with its defaults holds three seconds."""


class PipeReader:
    """What FFmpeg reads a stream through: `read` alone, so that it never tries to go back."""

    def __init__(self, source: str | os.PathLike[str] | BinaryIO) -> None:
        """Open a source.

        Args:
            source: "-" for standard input, a path (waits until somebody writes into a named pipe), or an open binary
                file with a descriptor.

        Raises:
            UnreadableMedia: it does not exist, is a folder or a device, or may not be read.
        """
        self.num_bytes = 0
        self._stop = threading.Event()
        self._own = False
        if not isinstance(source, (str, os.PathLike)):
            self.name, self._file = "the stream", source.fileno()
        elif source == "-":
            self.name, self._file = "standard input", sys.stdin.fileno()
        else:
            self.name, self._file, self._own = shown(source), _opened(source), True
        self._grows = stat.S_ISREG(os.fstat(self._file).st_mode)
        """Whether it is a file whose end somebody may still write on."""

    def read(self, size: int) -> bytes:
        """Up to `size` bytes as soon as there are any; empty at the end, and after `stop`.

        A file that ended and has not been changed for `GROWTH_S` is finished at once; a younger one is waited for.
        """
        naps = 0
        while not self._stop.is_set():
            if not self._grows and not _ready(self._file):
                continue
            found = os.read(self._file, size)
            if found or not self._grows or naps * NAP_S >= GROWTH_S or _age(self._file) >= GROWTH_S:
                self._grows = self._grows and bool(found)  # FFmpeg asks again after the end
                self.num_bytes += len(found)
                return found
            naps += 1
            self._stop.wait(NAP_S)
        return b""

    def stop(self) -> None:
        """End the stream for whoever reads, in another thread."""
        self._stop.set()

    def close(self) -> None:
        """Let go; nobody may be reading any more."""
        if self._own:
            os.close(self._file)
            self._own = False


def _opened(source: str | os.PathLike[str]) -> int:
    name, path = shown(source), Path(os.fsdecode(os.fspath(source)))
    try:
        if path.is_dir():
            raise UnreadableMedia(f"{name} is a folder; give a stream")
        if not path.exists():
            raise UnreadableMedia(f"{name} does not exist; check the path")
        if path.is_char_device() or path.is_block_device():
            raise UnreadableMedia(f"{name} is a device; send it through a pipe: {CAMERA.format(name=name)}")
        return os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0))
    except (OSError, ValueError) as error:
        raise UnreadableMedia(f"{name} cannot be opened: {reason(error)}") from error


def _age(file: int) -> float:
    """Seconds since a file was last changed."""
    if os.name == "nt":  # Windows notes a change when the writer closes the file
        return 0.0
    return time.time() - os.fstat(file).st_mtime


def _ready(file: int) -> bool:
    """Whether a read would not wait; asked again and again, so that `stop` is noticed."""
    if not hasattr(select, "poll"):  # Windows: pipes cannot be asked
        return True
    poll = select.poll()
    poll.register(file, select.POLLIN | select.POLLHUP | select.POLLERR)
    return bool(poll.poll(200))
