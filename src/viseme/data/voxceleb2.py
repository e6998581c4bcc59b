"""VoxCeleb2 (Chung, Nagrani, Zisserman 2018): `PART/mp4/SPEAKER/VIDEO/CLIP.mp4`, and the same below `PART/txt`.

The text file's third line gives the offset that SyncNet found when the corpus was cut: in frames at 25 a second,
positive = the audio is early. It is an answer of a network, not the truth.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np

from viseme.core.errors import DataError
from viseme.data.interface import CorpusClip, Counts, require_counts

__all__ = ["COUNTS", "MINIDEV", "minidev", "pairs_up", "read_offset", "read_voxceleb2"]

COUNTS = {"dev": Counts(1_092_009, 145_569, 5_994), "test": Counts(36_237, 4_911, 118)}
"""As published. The papers measure on all of the test part."""
MINIDEV = Counts(5_000, 1_000, 500)
"""The papers' small training set: 500 speakers, ten clips from two videos of each."""
LICENCE = "CC BY 4.0 for the annotation; the videos are their owners'"
RATE = 25


def read_voxceleb2(
    folder: Path, part: Literal["dev", "test"] = "test", *, correction: int = 0, check: bool = True
) -> list[CorpusClip]:
    """Clips of one part, in order of their names.

    Args:
        folder: Holds `dev` and `test` as unpacked; a folder that itself holds `mp4` is taken for the part.
        part: Which.
        correction: Frames, 0 or -1: the reference trainer pairs frame s + o - 1 with audio s, so that
            `audio_delay = -(o + correction) / 25`; to be estimated once on clips whose lips one can see.
        check: Assert the published counts.

    Raises:
        DataError: no such folder, other counts, or a text file that cannot be understood.
    """
    if part not in COUNTS:
        raise DataError(f"VoxCeleb2 has no part {part!r}; known: {', '.join(COUNTS)}")
    base = folder / part if (folder / part / "mp4").is_dir() else folder
    if not (base / "mp4").is_dir():
        raise DataError(f"{folder} holds neither {part}/mp4 nor mp4; unpack VoxCeleb2's videos there")
    clips = []
    for path in sorted((base / "mp4").glob("*/*/*.mp4")):
        speaker, video = path.parts[-3:-1]
        text = base / "txt" / speaker / video / f"{path.stem}.txt"
        offset = read_offset(text) if text.is_file() else None
        clips.append(
            CorpusClip(
                path=path,
                source="voxceleb2",
                part=part,
                speaker=speaker,
                video=video,
                licence=LICENCE,
                audio_delay=None if offset is None else -(offset + correction) / RATE,
            )
        )
    if check:
        require_counts(clips, COUNTS[part], f"the {part} part of VoxCeleb2 in {folder}")
    return clips


def read_offset(path: Path) -> int:
    """Frames by which SyncNet found the audio to be early: the third word of the third line.

    Raises:
        DataError: the line is not there or is no number.
    """
    try:
        return int(path.read_text(encoding="utf-8").splitlines()[2].split()[2])
    except (IndexError, ValueError):
        raise DataError(f"{path} has no offset in its third line; it is no text file of VoxCeleb2") from None


def minidev(
    clips: Sequence[CorpusClip], *, speakers: int = 500, videos: int = 2, num: int = 10, seed: int = 0
) -> list[CorpusClip]:
    """The papers' small training set: some clips from some videos of some speakers.

    Which of them the papers took is not published: speakers, videos and clips are drawn by `seed` among those that
    have enough.

    Args:
        clips: Of the dev part.
        speakers: How many.
        videos: Of each.
        num: Clips of each speaker, divided evenly over the videos.
        seed: Of the draw.

    Raises:
        DataError: fewer speakers have enough clips.
    """
    if num % videos:
        raise DataError(f"{num} clips cannot be divided evenly over {videos} videos")
    tree: dict[str, dict[str, list[CorpusClip]]] = defaultdict(lambda: defaultdict(list))
    for clip in sorted(clips, key=lambda c: c.path.parts[-3:]):
        tree[clip.speaker][clip.video].append(clip)
    each = num // videos
    rich = {
        who: [video for video, some in sorted(films.items()) if len(some) >= each]
        for who, films in sorted(tree.items())
    }
    able = [who for who, some in rich.items() if len(some) >= videos]
    if len(able) < speakers:
        raise DataError(f"only {len(able)} speakers have {each} clips in {videos} videos each; {speakers} are needed")
    rng = np.random.default_rng(seed)
    out = []
    for who in sorted(rng.choice(able, speakers, replace=False)):
        for video in sorted(rng.choice(rich[str(who)], videos, replace=False)):
            some = tree[str(who)][str(video)]
            out += [some[i] for i in np.sort(rng.choice(len(some), each, replace=False))]
    return out


def pairs_up(num_frames: int, num_samples: int, offset: int, *, window: int = 30) -> bool:
    """Whether the reference trainer keeps a clip: long enough for a crop, audio and video equally long.

    Args:
        num_frames: Frames, at 25 a second.
        num_samples: At 16 kHz.
        offset: As in the text file.
        window: Frames of a crop.

    Source:
        joonson/syncnet_trainer: `L - |o| >= F + 4` and `|samples / 640 - frames| <= 1`.

    Example:
        >>> pairs_up(40, 25_600, 2), pairs_up(35, 22_400, 2), pairs_up(40, 27_000, 0)
        (True, False, False)
    """
    return num_frames - abs(offset) >= window + 4 and abs(num_samples / 640 - num_frames) <= 1
