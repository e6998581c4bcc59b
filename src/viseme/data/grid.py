"""GRID (Cooke, Barker, Cunningham, Shao 2006): 34 speakers, 1,000 sentences of six words each; one has no video."""

from __future__ import annotations

from pathlib import Path

from viseme.core.errors import DataError
from viseme.data.interface import CorpusClip, Counts, require_counts

__all__ = ["COUNTS", "SLOTS", "grid_words", "read_grid"]

COUNTS = Counts(33_000, 33_000, 33)
"""With video: speaker 21 has audio alone."""
SUFFIXES = (".mpg", ".mp4", ".mkv", ".avi")
_CODE = (
    {"b": "bin", "l": "lay", "p": "place", "s": "set"},
    {"b": "blue", "g": "green", "r": "red", "w": "white"},
    {"a": "at", "b": "by", "i": "in", "w": "with"},
    {c: c for c in "abcdefghijklmnopqrstuvxyz"},
    dict(
        zip("z123456789", ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"), strict=True)
    ),
    {"a": "again", "n": "now", "p": "please", "s": "soon"},
)

SLOTS = tuple(tuple(code.values()) for code in _CODE)
"""The words of each of the six places of a sentence, 51 in all."""


def grid_words(name: str) -> tuple[str, ...]:
    """The six words of a sentence, from its file name.

    Raises:
        DataError: it is no name of a GRID sentence.

    Example:
        >>> " ".join(grid_words("bbaf2n"))
        'bin blue at f two now'
    """
    if len(name) != 6 or any(letter not in code for letter, code in zip(name, _CODE)):
        raise DataError(f"{name!r} is no name of a GRID sentence: six letters such as bbaf2n")
    return tuple(code[letter] for letter, code in zip(name, _CODE, strict=True))


def read_grid(folder: Path, part: str = "all", *, check: bool = True) -> list[CorpusClip]:
    """Sentences of all speakers or one, in order of speaker and name; video and audio were recorded in sync.

    Args:
        folder: Holds folders `s1` to `s34`; videos may lie in folders below these.
        part: "all" or one of the folders.
        check: Assert the published counts: 33 speakers of 1,000 sentences, 1,000 for one.

    Raises:
        DataError: no such folder, a file that is no sentence, or other counts.
    """
    folders = [p for p in folder.glob("s*") if p.is_dir() and p.name[1:].isdigit()]
    chosen = sorted((p for p in folders if part in ("all", p.name)), key=lambda p: int(p.name[1:]))
    if not chosen:
        raise DataError(f"{folder} has no folder {'s1 to s34' if part == 'all' else part}; unpack GRID's videos there")
    clips = []
    for speaker in chosen:
        for path in sorted(p for p in speaker.rglob("*") if p.suffix in SUFFIXES):
            grid_words(path.stem)
            clips.append(
                CorpusClip(
                    path=path,
                    source="grid",
                    part=part,
                    speaker=f"grid_{speaker.name}",
                    video=path.stem,
                    licence="CC BY 4.0 (GRID corpus, Cooke et al. 2006)",
                    language="en",
                    audio_delay=0.0,
                )
            )
    if check:
        require_counts(clips, COUNTS if part == "all" else Counts(1_000, 1_000, 1), f"GRID ({part}) in {folder}")
    return clips
