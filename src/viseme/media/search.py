"""Which files a command means: names, folders, patterns. Knows names; opens nothing, and loads no library."""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Iterable
from pathlib import Path

from viseme.core.errors import UnreadableMedia

__all__ = ["MEDIA_EXTENSIONS", "find_media", "refuse_missing", "shown"]

MEDIA_EXTENSIONS = frozenset(
    {".3g2", ".3gp", ".asf", ".avi", ".divx", ".dv", ".f4v", ".flv", ".gif", ".m2ts", ".m2v", ".m4v", ".mkv", ".mov"}
    | {".mp4", ".mpeg", ".mpg", ".mts", ".mxf", ".ogm", ".ogv", ".qt", ".rm", ".rmvb", ".ts", ".vob", ".webm", ".wmv"}
)
"""What a folder is searched for. A file that is named itself is read whatever it is called."""


_ADDRESS = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]+://")


def find_media(names: Iterable[str | Path]) -> list[str]:
    """Files behind names: a file itself, every media file below a folder, every match of a pattern.

    Folders are walked in alphabetical order; hidden files and links to folders are left out. A file appears once,
    at its first place. A name behind which nothing is found is kept, so that reading it reports what is wrong.
    """
    found: dict[str, str] = {}
    for name in names:
        for path in _expand(os.fspath(name)):
            found.setdefault(os.path.abspath(path), path)
    return list(found.values())


def _expand(name: str) -> list[str]:
    if os.path.isdir(name):
        return _media_below(name) or [name]
    if os.path.lexists(name) or not glob.has_magic(name):
        return [name]
    paths: list[str] = []
    for match in sorted(glob.glob(name, recursive=True)):
        paths += _media_below(match) if os.path.isdir(match) else [match]
    return paths or [name]


def _media_below(folder: str) -> list[str]:
    paths = []
    for root, folders, names in os.walk(folder):
        folders[:] = sorted(f for f in folders if not f.startswith("."))
        media = (n for n in names if Path(n).suffix.lower() in MEDIA_EXTENSIONS and not n.startswith("."))
        paths += [os.path.join(root, n) for n in sorted(media)]
    return paths


def refuse_missing(path: str | os.PathLike[str]) -> None:
    """Say at once, before any library is loaded, that a name stands for nothing that could be read.

    Raises:
        UnreadableMedia: missing, a folder, a device, an address, empty, or hidden from us (one line says which).
    """
    if isinstance(path, str) and not os.path.lexists(path):
        _refuse_stream(path)
    name, place = shown(path), Path(os.fsdecode(os.fspath(path)))
    try:
        if place.is_dir():
            raise UnreadableMedia(f"{name} is a folder; give a media file")
        if not place.exists():
            raise UnreadableMedia(f"{name} does not exist; check the path")
        if place.is_char_device():
            raise UnreadableMedia(f"{name} is a device; record it to a file first, for instance with ffmpeg -i {name}")
        if not place.is_file():
            raise UnreadableMedia(f"{name} is not a regular file; save the stream to a file first")
        if place.stat().st_size == 0:
            raise UnreadableMedia(f"{name} is empty (0 bytes); copy or record it again")
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or str(error)
        raise UnreadableMedia(f"{name} cannot be opened: {why}") from error


def _refuse_stream(path: str) -> None:
    """Standard input and addresses, which are no files."""
    if path == "-":
        raise UnreadableMedia(
            "standard input cannot be read here, as a file is read more than once; save it to a file first "
            "(find-speakers --live - reads a stream)"
        )
    if _ADDRESS.match(path):
        raise UnreadableMedia(f"{shown(path)} is an address; download or record it to a file first: nothing is fetched")


def shown(path: str | os.PathLike[str]) -> str:
    """A file's name on one line: what cannot be printed is escaped.

    Example:
        >>> print(shown("two\\nlines.mp4"))
        two\\nlines.mp4
    """
    text = os.fsdecode(os.fspath(path))
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)
