"""LRW (Chung and Zisserman 2016) and HDTF (Zhang, Li, Ding, Fan 2021), as unpacked.

LRW: `WORD/PART/WORD_00001.mp4`, 29 frames a clip. HDTF: one folder of videos, cut and named as its authors' lists say.
Neither names speakers.
"""

from __future__ import annotations

from pathlib import Path

from viseme.core.errors import DataError
from viseme.data.interface import CorpusClip, Counts, require_counts

__all__ = ["COUNTS_HDTF", "COUNTS_LRW", "read_hdtf", "read_lrw"]

COUNTS_LRW = {"train": Counts(488_766), "val": Counts(25_000), "test": Counts(25_000)}
"""As published; 500 words."""
COUNTS_HDTF = Counts(videos=362)
"""As published: videos, from which clips are cut."""


def read_lrw(folder: Path, part: str = "test", *, check: bool = True) -> list[CorpusClip]:
    """Clips of one part, by word, then by number; the audio is taken to be in sync, as in the protocols.

    Args:
        folder: `lipread_mp4`: a folder for each word.
        part: train, val or test.
        check: Assert the published counts.

    Raises:
        DataError: no such part or folder, or other counts.
    """
    if part not in COUNTS_LRW:
        raise DataError(f"LRW has no part {part!r}; known: {', '.join(COUNTS_LRW)}")
    paths = sorted(folder.glob(f"*/{part}/*.mp4"))
    if not paths:
        raise DataError(f"{folder} has no WORD/{part}/*.mp4; unpack LRW there and give its folder lipread_mp4")
    clips = [_clip(p, "lrw", part, p.stem, "BBC, research use only, by agreement") for p in paths]
    if check:
        require_counts(clips, COUNTS_LRW[part], f"the {part} part of LRW in {folder}")
    return clips


def read_hdtf(folder: Path, part: str = "all", *, check: bool = True) -> list[CorpusClip]:
    """All clips, in order of their names; what stands before the last underscore names the video a clip was cut from.

    Args:
        folder: Holds the clips, `.mp4`.
        part: HDTF has no parts: "all" or "test".
        check: Assert the published number of videos.

    Raises:
        DataError: no such folder, no clips, or another number of videos.
    """
    if part not in ("all", "test"):
        raise DataError(f"HDTF has no part {part!r}; known: all, test")
    paths = sorted(folder.glob("*.mp4"))
    if not paths:
        raise DataError(f"{folder} has no .mp4 files; put the clips of HDTF there")
    clips = [_clip(p, "hdtf", part, p.stem.rpartition("_")[0] or p.stem, "YouTube, links CC BY 4.0") for p in paths]
    if check:
        require_counts(clips, COUNTS_HDTF, f"HDTF in {folder}")
    return clips


def _clip(path: Path, source: str, part: str, video: str, licence: str) -> CorpusClip:
    return CorpusClip(
        path=path, source=source, part=part, speaker=video, video=video, licence=licence, language="en", audio_delay=0.0
    )
