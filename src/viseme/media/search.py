"""Which files a command means: names, folders, patterns. Knows names; opens nothing."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterable
from pathlib import Path

__all__ = ["MEDIA_EXTENSIONS", "find_media"]

MEDIA_EXTENSIONS = frozenset(
    {".3g2", ".3gp", ".asf", ".avi", ".divx", ".dv", ".f4v", ".flv", ".gif", ".m2ts", ".m2v", ".m4v", ".mkv", ".mov"}
    | {".mp4", ".mpeg", ".mpg", ".mts", ".mxf", ".ogm", ".ogv", ".qt", ".rm", ".rmvb", ".ts", ".vob", ".webm", ".wmv"}
)
"""What a folder is searched for. A file that is named itself is read whatever it is called."""


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
