"""From videos of a person to what an avatar learns from: shapes, lip crops and audio, kept on disk in short clips.

Use:
    clips = prepare_person([Path("person.mp4")], Path("runs/avatar"), num_jobs=2)
    times, vertices, lips = clips.read(0, "times", "vertices", "lips")

Knows the order: follow the face, measure how late the audio is, choose the reference frame, unroll and normalise every
frame. What was made once is found again by what the files hold.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from viseme.avatar.person_videos import PersonVideos, person_view
from viseme.avatar.pieces import ARRAYS_VERSION, Piece, make_pieces
from viseme.avatar.reference_frame import PersonReference, find_reference
from viseme.core.errors import DataError
from viseme.data.prepare import PreparedClips, prepare
from viseme.data.store import ClipStore
from viseme.engine.jobs import run_jobs
from viseme.face3d.atlas import Cylinder

__all__ = ["LEAST_S", "PersonClips", "pieces_of", "prepare_person"]

LEAST_S = 30.0
"""Seconds of a face under which nothing is prepared."""
PIECE_S = 12.0
"""Longest clip, seconds: what a process holds in memory at once."""
GROUP_FRAMES = 400
"""Frames of a shard, about."""
LONG_S = 20.0
"""Seconds of a video whose delay is measured on its own: of six clips of 3 s from one camera the measured delays are
spread by 40 ms."""
GAP_S = 0.5
"""Seconds without the face that end a clip."""


@dataclass(frozen=True, kw_only=True, eq=False)
class PersonClips:
    """A person's prepared clips; goes to other processes as names, not as data."""

    store: ClipStore
    keys: tuple[str, ...]
    """Of the clips, in order."""
    person: PersonReference
    delays: tuple[float, ...]
    """Seconds by which the audio of each video was late, and was moved."""
    left_out: tuple[tuple[str, str], ...]
    """Name of every video, or key of every clip, that could not be used, and why."""

    @property
    def reference(self) -> NDArray[np.float64]:
        """(468, 3) the reference frame's vertices, reference space; `face3d.head_pose.canonical_vertices` tells its
        unit, the radius of a mean face."""
        return self.person.vertices

    @property
    def reference_atlas(self) -> NDArray[np.float32]:
        """(256, 256, 3) RGB in [0, 1], without highlights, evenly lit."""
        return self.person.atlas.atlas

    @property
    def cylinder(self) -> Cylinder:
        """How vertices are laid onto the atlas."""
        return self.person.cylinder

    def __len__(self) -> int:
        """Number of clips."""
        return len(self.keys)

    def read(self, number: int, *names: str) -> list[NDArray[Any]]:
        """Arrays of a clip, read-only maps of files.

        `times` (T,) seconds in the video; `vertices` (T, 468, 3) reference space; `lips` (T, 128, 128, 3) uint8, rows
        `LIP_ROWS` and columns `LIP_COLUMNS` of the light-normalised atlas; `valid` (T, 128, 128) where it was seen;
        `stft` (T, 2, 256, 24) float16, see `audio.stft`; `weights` (T, 52), see `pieces.unit_weights`;
        `samples` (S,) int16 at 16 kHz and `start` () their first one's seconds, the audio's delay taken out.
        """
        return self.store.read(self.keys[number], names)


def prepare_person(
    videos: Sequence[Path],
    work: Path,
    *,
    num_jobs: int = 1,
    on_progress: Callable[[int, int], None] | None = None,
    least_s: float = LEAST_S,
    one_light: bool = True,
) -> PersonClips:
    """Prepare what was not prepared before.

    Args:
        videos: Of one person, who is heard.
        work: Folder for stores.
        num_jobs: Processes.
        on_progress: Told steps done and in all: a video followed or a clip made is a step.
        least_s: Seconds of a face that must be there.
        one_light: Bring frames to the light of the reference; False leaves them as filmed.

    Raises:
        DataError: no video can be used, or too little of a face is seen.
    """
    if not videos:
        raise DataError("give at least one video of the person")
    tell = on_progress or (lambda done, num: None)
    source = PersonVideos(tuple(videos))
    followed = prepare(source, person_view(), work, num_jobs=num_jobs, on_progress=lambda d, n: tell(d, 2 * n))
    if not followed.keys:
        raise DataError("; ".join(dict.fromkeys(why for _, why in followed.left_out)))
    paths = [Path(info.name) for info in followed.infos]
    arrays = [followed.store[key] for key in followed.keys]
    tracks = [(a["times"], a["landmarks"], a["observed"]) for a in arrays]
    pieces = [piece for number, track in enumerate(tracks) for piece in pieces_of(number, track[0], track[2])]
    seconds = sum(piece.seconds for piece in pieces)
    if seconds < least_s:
        raise DataError(
            f"there are {seconds:.0f} s in which the face is seen; an avatar needs {least_s:.0f} s at least, "
            "better 2 to 5 minutes"
        )
    person = replace(find_reference(paths, tracks), one_light=one_light)
    delays = _delays(followed)
    folder = work / f"person-atlases-{_hash(person, delays)}"
    keys = tuple(f"{followed.keys[p.video][:24]}-{p.rows.start}-{p.rows.stop}" for p in pieces)
    store, num, done = ClipStore(folder), len(source.clips), 0
    waiting = [(key, piece) for key, piece in zip(keys, pieces) if not store.done(key)]
    jobs = [(partial(make_pieces, followed, paths, person, delays, folder), (group,)) for group in _groups(waiting)]
    total = max(len(waiting), 1)
    for made in run_jobs(jobs, num_jobs=num_jobs):
        done += made
        tell(num + num * done // total, 2 * num)
    store.refresh()
    tell(2 * num, 2 * num)
    usable = tuple(key for key in keys if key in store)
    if not usable:
        raise DataError("; ".join(dict.fromkeys(store.reasons.values())) or "no frame could be used")
    refused = tuple((key, store.reasons[key]) for key in keys if key in store.reasons)
    return PersonClips(store=store, keys=usable, person=person, delays=delays, left_out=(*followed.left_out, *refused))


def pieces_of(video: int, times: NDArray[np.float64], observed: NDArray[np.bool_]) -> list[Piece]:
    """Stretches of at most `PIECE_S` in which the face is seen without a gap."""
    rows = np.flatnonzero(observed)
    ends = np.flatnonzero(np.diff(times[rows]) > GAP_S) + 1
    found = []
    for part in np.split(rows, ends):
        if len(part) < 2:
            continue
        num = max(1, int(np.ceil((times[part[-1]] - times[part[0]]) / PIECE_S)))
        for some in np.array_split(part, num):
            if len(some) > 1:
                seconds = float(times[some[-1]] - times[some[0]])
                found.append(Piece(video, slice(int(some[0]), int(some[-1]) + 1), seconds))
    return found


def _groups(waiting: list[tuple[str, Piece]]) -> list[list[tuple[str, Piece]]]:
    """Pieces of one shard: in order, `GROUP_FRAMES` about."""
    groups: list[list[tuple[str, Piece]]] = []
    num = GROUP_FRAMES
    for key, piece in waiting:
        if num >= GROUP_FRAMES:
            groups.append([])
            num = 0
        groups[-1].append((key, piece))
        num += piece.rows.stop - piece.rows.start
    return groups


def _delays(followed: PreparedClips) -> tuple[float, ...]:
    """Seconds by which each video's audio is late: its own where it is long enough to tell to a few milliseconds, the
    middle of all that could tell where it is short."""
    told, long = [], []
    for key in followed.keys:
        times, delay = followed.store.read(key, ("times", "delay"))
        told.append(float(delay))
        long.append(float(times[-1] - times[0]) >= LONG_S)
    known = [delay for delay in told if np.isfinite(delay)]
    middle = float(np.median(known)) if known else 0.0
    return tuple(own if sure and np.isfinite(own) else middle for own, sure in zip(told, long))


def _hash(person: PersonReference, delays: tuple[float, ...]) -> str:
    asked = (ARRAYS_VERSION, [round(d, 4) for d in delays], *(() if person.one_light else ("as filmed",)))
    digest = hashlib.sha256(repr(asked).encode())
    digest.update(np.ascontiguousarray(person.vertices, np.float32).tobytes())
    digest.update(np.ascontiguousarray(person.atlas.atlas, np.float32).tobytes())
    return digest.hexdigest()[:12]
