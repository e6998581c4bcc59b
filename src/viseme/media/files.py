"""Opening and naming files. Knows paths and FFmpeg's containers; refuses to know frames or samples.

FFmpeg never sees a path: it reads an open file object. A name such as `a:b`, `-i.mp4` or `%d.jpg` is therefore
nothing but a name, the extension cannot lie, and a playlist inside the file has no way to reach another file.
"""

from __future__ import annotations

import errno
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import av
import av.logging
from av.error import FFmpegError

from viseme.core.errors import OutputError, UnreadableMedia
from viseme.media.search import refuse_missing, shown

__all__ = ["OutputFile", "WarningSink", "open_container", "open_media", "reason", "refuse_output", "replacing", "shown"]

av.logging.set_level(None)  # FFmpeg writes nothing to the terminal; errors come as exceptions

BUFFER_SIZE = 1 << 18

DEMUXERS = (
    "mov,matroska,avi,mpeg,mpegts,mpegvideo,flv,ogg,asf,mxf,nut,rm,dv,gxf,ivf,obu,h264,hevc,m4v,mjpeg,yuv4mpegpipe,"
    "vc1,av1,gif,apng,wav,w64,aiff,au,caf,flac,mp3,aac,ac3,eac3,dts,truehd,mlp,amr,tta,wv,ape,mpc,mpc8,tak,dsf,ast,"
    "voc,bmp_pipe,dpx_pipe,exr_pipe,gif_pipe,j2k_pipe,jpeg_pipe,jpegls_pipe,jpegxl_pipe,pam_pipe,pbm_pipe,pcx_pipe,"
    "pgm_pipe,png_pipe,ppm_pipe,qoi_pipe,sgi_pipe,sunrast_pipe,tiff_pipe,webp_pipe"
)
"""Formats that hold their own data. Playlists (hls, concat, dash, sdp, imf, image2, ...) are left out on purpose."""


def reason(error: Exception) -> str:
    """What an error says, on one line, without numbers and file names."""
    text = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return " ".join(str(text).split())


class WarningSink:
    """Hands each different warning on once; silent without a receiver."""

    def __init__(self, receiver: Any = None) -> None:
        self._receiver = receiver
        self._seen: set[str] = set()

    def __call__(self, text: str) -> None:
        if self._receiver is not None and text not in self._seen:
            self._seen.add(text)
            self._receiver(text)


class _Bytes:
    """An open file without a name, so that FFmpeg judges by content alone."""

    def __init__(self, path: Path) -> None:
        file = open(path, "rb", buffering=0)  # noqa: SIM115 - closed by `open_media`
        self.read, self.seek, self.tell, self.close = file.read, file.seek, file.tell, file.close


def _refuse(url: str, flags: int, options: dict[str, str]) -> Any:
    """FFmpeg asks here when the opened file wants another one; no media file may."""
    raise PermissionError(errno.EACCES, "the file refers to another file or address, which is never opened")


@contextmanager
def open_media(path: str | os.PathLike[str]) -> Iterator[Any]:
    """A PyAV input container, closed at the end of the block.

    Raises:
        UnreadableMedia: missing, a folder, empty, forbidden, or not media (one line says which).
    """
    name, path = shown(path), Path(os.fsdecode(os.fspath(path)))
    refuse_missing(path)
    try:
        source = _Bytes(path)
    except (OSError, ValueError) as error:
        raise UnreadableMedia(f"{name} cannot be opened: {reason(error)}") from error
    container = None
    try:
        container = open_container(source, name, "it may be damaged, cut short or another kind")
        yield container
    finally:
        if container is not None:
            container.close()
        source.close()


def open_container(source: Any, name: str, hint: str) -> Any:
    """A PyAV input container over an object with `read`, and `seek` and `tell` where it can.

    Raises:
        UnreadableMedia: it is not media; the line ends with `hint`.
    """
    try:
        return av.open(
            source,
            buffer_size=BUFFER_SIZE,
            container_options={"format_whitelist": DEMUXERS, "protocol_whitelist": "none"},
            io_open=_refuse,
        )
    except (FFmpegError, OSError, ValueError, IndexError, UnicodeError) as error:
        raise UnreadableMedia(f"{name} is not a readable media file ({reason(error)}); {hint}") from error


class OutputFile:
    """An open file that FFmpeg writes through; remembers the system's own error, which FFmpeg would blur."""

    def __init__(self, path: Path) -> None:
        descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR | getattr(os, "O_BINARY", 0), 0o666)
        self._file = os.fdopen(descriptor, "w+b", buffering=0)
        self.path = path
        """Where the bytes lie until the rename."""
        self.error: OSError | None = None
        self.seek, self.tell = self._file.seek, self._file.tell

    def write(self, data: bytes) -> int:
        """Write all of `data`."""
        rest = memoryview(data)
        try:
            while len(rest):
                rest = rest[self._file.write(rest) or 0 :]
        except OSError as error:
            self.error = self.error or error
            raise
        return len(data)

    def again(self, url: str, flags: int, options: dict[str, str]) -> Any:
        """A second reader, for muxers that move their index to the front."""
        return open(self.path, "rb")

    def finish(self) -> None:
        """Push everything to the disk."""
        os.fsync(self._file.fileno())

    def close(self) -> None:
        """Close; may be called twice."""
        self._file.close()


_WRITE_HINTS = {
    errno.ENOSPC: "the disk is full; free some space or choose another folder",
    errno.EDQUOT: "the disk quota is used up; free some space or choose another folder",
    errno.EFBIG: "the file grew larger than allowed here; choose another folder",
    errno.EACCES: "permission denied; choose a folder you may write to",
    errno.EPERM: "permission denied; choose a folder you may write to",
    errno.EROFS: "the file system is read-only; choose another folder",
    errno.ENOENT: "its folder does not exist; make the folder first",
    errno.ENOTDIR: "its folder does not exist; make the folder first",
    errno.ENAMETOOLONG: "the name is too long; choose a shorter one",
}


def refuse_output(
    out: str | os.PathLike[str], *, source: str | os.PathLike[str] | None = None, overwrite: bool = False
) -> None:
    """Refuse a file name to write to before any work is done for it.

    Args:
        out: The name.
        source: What is read; it is never written over.
        overwrite: Whether a file that is there may be replaced.

    Raises:
        OutputError: `out` is a folder, lies in none, is the source, or is there and may not be replaced.
    """
    place = Path(os.fsdecode(os.fspath(out)))
    if place.is_dir():
        raise OutputError(f"{shown(out)} is a folder; give a file name")
    if not place.parent.is_dir():
        raise OutputError(f"{shown(out)} cannot be written: its folder does not exist; make the folder first")
    if source is not None and place.exists() and place.samefile(os.fspath(source)):
        raise OutputError(f"{shown(out)} is the video itself; name another file")
    if place.exists() and not overwrite:
        raise OutputError(f"{shown(out)} exists; add --overwrite to replace it, or name another file")


@contextmanager
def replacing(out: str | os.PathLike[str]) -> Iterator[OutputFile]:
    """A new file beside `out` that becomes `out` when the block succeeds and vanishes when it does not.

    Data are on the disk (fsync) before the rename, so `out` is at every moment absent, old or complete.

    Raises:
        OutputError: disk full, folder missing, no permission, `out` is a folder.
    """
    name, out = shown(out), Path(os.fsdecode(os.fspath(out)))
    if os.path.isdir(out):
        raise OutputError(f"{name} is a folder; give a file name")
    temporary = out.parent / f".viseme-{secrets.token_hex(6)}.tmp"
    file: OutputFile | None = None
    try:
        file = OutputFile(temporary)
        yield file
        file.finish()
        file.close()
        os.replace(temporary, out)
    except Exception as error:
        cause = error if file is None or file.error is None else file.error
        if isinstance(cause, OSError) and not isinstance(cause, FFmpegError):
            hint = _WRITE_HINTS.get(cause.errno or 0, reason(cause))
            raise OutputError(f"{name} cannot be written: {hint}") from error
        raise
    finally:
        if file is not None:
            file.close()
        with suppress(OSError):
            temporary.unlink()
