"""`viseme list-corpus`: a part of a corpus on your disk becomes the table that training and reproductions read."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from viseme.core.errors import ConfigError
from viseme.data.interface import Counts, corpora, counts_of, write_manifest
from viseme.data.voxceleb2 import minidev

__all__ = ["CorpusList", "list_corpus"]


@dataclass(frozen=True, kw_only=True)
class CorpusList:
    """What was written."""

    path: Path
    """The manifest."""
    corpus: str
    part: str
    use: str
    counts: Counts
    """Clips, videos and speakers that were added."""

    def __str__(self) -> str:
        return (
            f"{self.path}: {self.counts.clips:,} clips, {self.counts.videos:,} videos, {self.counts.speakers:,} "
            f"speakers of {self.corpus} ({self.part}) as {self.use!r}"
        )


def list_corpus(
    corpus: Literal["voxceleb2", "lrs2", "lrs3", "lrw", "hdtf", "grid"],
    folder: Path,
    out: Path,
    *,
    part: str | None = None,
    use: Literal["train", "train-research", "dev", "dev-foreign"] = "dev",
    mini: bool = False,
    seed: int = 0,
    add: bool = False,
    check: bool = True,
) -> CorpusList:
    """Write `manifest.csv` for a part of a corpus that lies on your disk; clips stay where they are.

    `reproduce` learns from clips marked "train", and hands on no weights. Weights that `train` makes of them say in
    their card that they may be passed on: mark as "train-research", for `research` recipes, what forbids that.

    Args:
        corpus: Which corpus.
        folder: Where it was unpacked.
        out: Folder for `manifest.csv`: what `--data` of `train` and `reproduce` is given.
        part: Which part, as the corpus calls it: dev, test, pretrain, trainval, s1; None = test, of GRID all.
        use: "train" for what is learnt from, "dev" for what is measured, "dev-foreign" for clips under
            mismatched audio.
        mini: Of VoxCeleb2's dev part the papers' small training set alone: 500 speakers, ten clips of each.
        seed: Chooses these speakers and clips.
        add: Append to a table that is there.
        check: Refuse a part whose counts are not those published; False = list what is there, whatever the published
            counts are.

    Raises:
        ConfigError: `mini` of anything else.
        DataError: no such folder or part, other counts, or a table that is there and should not be added to.

    Example:
        viseme list-corpus voxceleb2 vox2 lists --part dev --mini --use train
        viseme list-corpus voxceleb2 vox2 lists --add
        viseme reproduce table2 --data lists
    """
    if mini and (corpus, part) != ("voxceleb2", "dev"):
        raise ConfigError("--mini draws from voxceleb2's dev part alone; pass voxceleb2 and --part dev")
    clips = corpora[corpus](folder, **({"part": part} if part else {}), check=check)
    if mini:
        clips = minidev(clips, seed=seed)
    path = write_manifest(out, clips, use=use, add=add)
    return CorpusList(path=path, corpus=corpus, part=clips[0].part, use=use, counts=counts_of(clips))
