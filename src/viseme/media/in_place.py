"""A copy of a file with a few bytes replaced: what the editors of single containers hand to the writer.

Knows ranges of bytes; refuses to know what they mean. Whatever a container holds and no library understands survives.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, BinaryIO, TypeAlias

__all__ = ["CopiedRange", "Piece", "Unsuitable", "write_pieces"]

BLOCK = 1 << 20
"""Bytes copied at once."""


class Unsuitable(Exception):
    """This way of moving the audio does not work for this file."""


@dataclass(frozen=True)
class CopiedRange:
    """Bytes of the source that are taken as they are."""

    start: int
    end: int
    """One past the last byte."""


Piece: TypeAlias = "CopiedRange | bytes"
"""What an edited file consists of, in order."""


def write_pieces(source: BinaryIO, pieces: Iterable[Piece], out: Any) -> None:
    """Write an edited copy.

    Args:
        source: The file that is copied, seekable.
        pieces: Everything that the copy consists of.
        out: An object with `write`.

    Raises:
        Unsuitable: the source ends before a range does.
    """
    for piece in pieces:
        if isinstance(piece, bytes):
            out.write(piece)
            continue
        source.seek(piece.start)
        rest = piece.end - piece.start
        while rest:
            block = source.read(min(BLOCK, rest))
            if not block:
                raise Unsuitable("the file is cut short")
            out.write(block)
            rest -= len(block)
