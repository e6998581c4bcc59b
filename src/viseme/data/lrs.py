"""LRS2 (Afouras, Chung, Senior, Vinyals, Zisserman 2018) and LRS3 (Afouras, Chung, Zisserman 2018), as unpacked.

LRS2: `pretrain` and `main` folders of `VIDEO/CLIP.mp4` and one list a part (`train.txt`, ...: `VIDEO/CLIP`, in the
test list followed by a signal-to-noise mark). LRS3: one folder a part. Neither names speakers.
"""

from __future__ import annotations

from pathlib import Path

from viseme.core.errors import DataError
from viseme.data.interface import CorpusClip, Counts, require_counts

__all__ = ["COUNTS_LRS2", "COUNTS_LRS3", "read_lrs2", "read_lrs3"]

COUNTS_LRS2 = {"pretrain": Counts(96_318), "train": Counts(45_839), "val": Counts(1_082), "test": Counts(1_243)}
"""As published."""
COUNTS_LRS3 = {"pretrain": Counts(118_516), "trainval": Counts(31_982), "test": Counts(1_321)}
"""As published."""


def _clip(path: Path, source: str, part: str, licence: str) -> CorpusClip:
    video = path.parent.name
    return CorpusClip(
        path=path, source=source, part=part, speaker=video, video=video, licence=licence, language="en", audio_delay=0.0
    )


def read_lrs2(folder: Path, part: str = "test", *, check: bool = True) -> list[CorpusClip]:
    """Clips of one part, in the order of its list; the audio is taken to be in sync, as in the protocols.

    Args:
        folder: `mvlrs_v1`: holds `main`, `pretrain` and the lists.
        part: pretrain, train, val or test.
        check: Assert the published counts.

    Raises:
        DataError: no such folder or list, a clip of the list is not there, or other counts.
    """
    if part not in COUNTS_LRS2:
        raise DataError(f"LRS2 has no part {part!r}; known: {', '.join(COUNTS_LRS2)}")
    names = folder / f"{part}.txt"
    if not names.is_file():
        raise DataError(f"{folder} has no {names.name}; copy the list beside main and pretrain")
    below = folder / ("pretrain" if part == "pretrain" else "main")
    wanted = [line.split()[0] for line in names.read_text(encoding="utf-8").splitlines() if line.strip()]
    paths = [below / f"{name}.mp4" for name in wanted]
    missing = [p for p in paths if not p.is_file()]
    if missing:
        raise DataError(f"{len(missing)} of {len(paths)} clips of {names} are not there; the first is {missing[0]}")
    clips = [_clip(p, "lrs2", part, "BBC, research use only, by agreement") for p in paths]
    if check:
        require_counts(clips, COUNTS_LRS2[part], f"the {part} part of LRS2 in {folder}")
    return clips


def read_lrs3(folder: Path, part: str = "test", *, check: bool = True) -> list[CorpusClip]:
    """Clips of one part, in order of their names; the audio is taken to be in sync, as in the protocols.

    Args:
        folder: Holds `pretrain`, `trainval` and `test`.
        part: Which of them.
        check: Assert the published counts.

    Raises:
        DataError: no such folder, or other counts.
    """
    if part not in COUNTS_LRS3:
        raise DataError(f"LRS3 has no part {part!r}; known: {', '.join(COUNTS_LRS3)}")
    if not (folder / part).is_dir():
        raise DataError(f"{folder} has no folder {part}; unpack LRS3 there")
    paths = sorted((folder / part).glob("*/*.mp4"))
    clips = [_clip(p, "lrs3", part, "TED, CC BY-NC-ND 4.0") for p in paths]
    if check:
        require_counts(clips, COUNTS_LRS3[part], f"the {part} part of LRS3 in {folder}")
    return clips
