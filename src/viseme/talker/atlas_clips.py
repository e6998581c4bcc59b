"""From tracked clips of many people to what the atlas talker learns from, kept on disk. Knows files and lip crops.

Every clip is looked at as `viseme dub` looks at a video of somebody unknown: its own reference, its own lips at rest.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from viseme.core.errors import DataError, FaceError, MediaError
from viseme.data.manifest import ManifestRow
from viseme.data.manifest_clips import ManifestClips
from viseme.data.prepare import track_clips
from viseme.data.sources import TrackedClip
from viseme.data.store import ClipStore
from viseme.face3d.head_pose import canonical_vertices, head_poses, metric
from viseme.media import read_audio, read_frames
from viseme.media.audio import join_blocks
from viseme.sync.corpus import real_clips
from viseme.synthetic.sources import RecordedTalkers
from viseme.talker.lip_atlas import WINDOW, carried, frame_atlas, lip_shape, nearest_shapes, opening
from viseme.talker.person import MAX_SIDE, Person, person_of, pool_rows, resting_shape

__all__ = ["APART_S", "SYNTHETIC", "SeenClips", "painted_clips", "seen_clips", "timed_rows", "with_talkers"]

SYNTHETIC = "synthetic"
"""Use of the row of a synthetic talker."""
FIRST_TALKER = 50_000
"""Seed of the first talker who says a recording; sync models learn from lower ones."""
VERSION = 1
"""Raise it when the same clips give other arrays."""
APART_S = 1.0
"""Seconds between a frame and every frame that it is painted from."""
POOLS = (1, 4, 12, 24)
"""Lips that a person may have been seen with."""
MOVED_STEP = 0.25
"""Pixels of a step in which displacements are stored."""


@dataclass(frozen=True, kw_only=True, eq=False)
class SeenClips:
    """Clips whose person was looked at."""

    store: ClipStore
    """Arrays `times` (T,), `vertices` (T, 468, 3) minus those at rest, `places` (T, 468, 2), `rest` (468, 2), `opening`
    (T,), `samples` (S,) int16 at 16 kHz, `start` (); of talkers who are not filmed `vertices`, `samples` and `start`
    alone, and `times`."""
    keys: tuple[str, ...]
    rows: tuple[ManifestRow, ...]
    """Of the same clips."""
    landmarks: ClipStore
    """Tracks of the same keys, but for talkers who are not filmed."""
    left_out: tuple[tuple[str, str], ...]
    """Clip and why it cannot be used."""


def seen_clips(
    rows: tuple[ManifestRow, ...],
    work: Path,
    *,
    num_jobs: int = 1,
    on_progress: Callable[[int, int], None] | None = None,
) -> SeenClips:
    """Look at the person of every clip.

    Args:
        rows: Of a manifest.
        work: Folder for stores.
        num_jobs: Processes that follow faces.
        on_progress: Told clips done and in all.
    """
    source = ManifestClips(rows)
    tracked = track_clips(source, work, num_jobs=num_jobs).tracked
    store = ClipStore(work / f"talker-seen-{VERSION}")
    left = list(tracked.left_out)
    for number, key in enumerate(tracked.keys):
        if not store.done(key):
            path = rows[tracked.numbers[number]].path
            try:
                store.write({key: _seen(path, tracked.store[key])}, {})
            except (FaceError, MediaError, DataError) as error:
                store.write({}, {key: str(error)})
        if on_progress is not None:
            on_progress(number + 1, len(tracked.keys))
    store.refresh()
    usable = [i for i, key in enumerate(tracked.keys) if key in store]
    left += [(tracked.infos[i].name, store.reasons[k]) for i, k in enumerate(tracked.keys) if k in store.reasons]
    return SeenClips(
        store=store,
        keys=tuple(tracked.keys[i] for i in usable),
        rows=tuple(rows[tracked.numbers[i]] for i in usable),
        landmarks=tracked.store,
        left_out=tuple(left),
    )


def with_talkers(
    clips: SeenClips,
    folders: Sequence[Path],
    num: int,
    *,
    on_progress: Callable[[int, int], None] | None = None,
) -> SeenClips:
    """The clips, and after them talkers who say recordings: they have motion and audio, but no film and no track.

    Args:
        clips: From `seen_clips`; their store takes in the talkers.
        folders: Of recordings with their phones.
        num: Talkers.
        on_progress: Told talkers done and in all.

    Raises:
        DataError: the folders hold no recording to learn from.
    """
    talkers = RecordedTalkers(folders, range(FIRST_TALKER, FIRST_TALKER + num))
    keys = tuple(talkers.key(number) for number in range(num))
    for number, key in enumerate(keys):
        if not clips.store.done(key):
            try:
                clips.store.write({key: _said(talkers.track(number))}, {})
            except (DataError, MediaError) as error:
                clips.store.write({}, {key: str(error)})
        if on_progress is not None:
            on_progress(number + 1, num)
    clips.store.refresh()
    usable = [number for number, key in enumerate(keys) if key in clips.store]
    infos = talkers.clips
    rows = tuple(
        ManifestRow(
            path=Path(infos[n].name), use=SYNTHETIC, speaker=infos[n].name, licence=infos[n].licence, audio_delay=0.0
        )
        for n in usable
    )
    left = tuple((infos[n].name, clips.store.reasons[key]) for n, key in enumerate(keys) if key in clips.store.reasons)
    return replace(
        clips,
        keys=clips.keys + tuple(keys[n] for n in usable),
        rows=clips.rows + rows,
        left_out=clips.left_out + left,
    )


def _said(talker: TrackedClip) -> dict[str, NDArray[Any]]:
    upright = metric(np.asarray(talker.landmarks, np.float64))
    still = upright[[int(np.argmin(opening(upright)))]]
    reference = head_poses(still, canonical_vertices()).normalise(still)[0]
    vertices = np.asarray(head_poses(upright, reference).normalise(upright), np.float64)
    return {
        "times": np.asarray(talker.times, np.float64),
        "vertices": (vertices - resting_shape(vertices)).astype(np.float32),
        "samples": np.rint(np.clip(talker.truth["samples"], -1, 1) * 32767).astype(np.int16),
        "start": np.asarray(talker.truth["samples_start"], np.float64),
    }


def timed_rows(rows: Sequence[ManifestRow], work: Path, *, num_jobs: int = 1) -> tuple[ManifestRow, ...]:
    """The rows with their audio delays: the manifest's where it has one, else an estimate by the weights that ship.

    Where these cannot tell, the delay stays None.

    Args:
        rows: Of a manifest.
        work: Folder for stores.
        num_jobs: Processes that follow faces.
    """
    unknown = [row for row in rows if row.audio_delay is None]
    if not unknown:
        return tuple(rows)
    told = real_clips(unknown, work, input="landmarks", num_jobs=num_jobs).clips
    by_key = dict(zip(told.keys, told.delays, strict=True))
    asked = ManifestClips(tuple(unknown))
    delays = {row: by_key.get(asked.key(number)) for number, row in enumerate(unknown)}
    return tuple(replace(row, audio_delay=delays.get(row, row.audio_delay)) for row in rows)


def _seen(path: Path, track: dict[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    times, landmarks = track["times"][track["observed"]], track["landmarks"][track["observed"]]
    person = person_of(path, times, landmarks, most=1)
    vertices = _vertices(person, landmarks)
    samples, start = join_blocks(list(read_audio(path, rate=16_000)))
    return {
        "times": np.asarray(times, np.float64),
        "vertices": (vertices - person.closed).astype(np.float32),
        "places": person.cylinder.coordinates(vertices).astype(np.float32),
        "rest": person.cylinder.coordinates(person.closed).astype(np.float32),
        "opening": np.asarray(opening(vertices), np.float32),
        "samples": np.rint(np.clip(samples, -1, 1) * 32767).astype(np.int16),
        "start": np.array(float(start)),
    }


def _vertices(person: Person, landmarks: NDArray[np.floating]) -> NDArray[np.float64]:
    upright = metric(np.asarray(landmarks, np.float64))
    return np.asarray(head_poses(upright, person.reference).normalise(upright), np.float64)


def painted_clips(
    clips: SeenClips,
    numbers: list[int],
    work: Path,
    *,
    version: int = 0,
    on_progress: Callable[[int, int], None] | None = None,
) -> tuple[ClipStore, tuple[str, ...]]:
    """What the painter is given and what it shall make of it, of some of the clips.

    Args:
        clips: From `seen_clips`.
        numbers: Of the clips.
        work: Folder for stores.
        version: Another one draws other lips that were seen.
        on_progress: Told clips done and in all.

    Returns:
        A store of `own`, `seen`, `wanted` (T, 96, 96, 3) uint8, `inside` (T, 96, 96) bool, `moved` (T, 96, 96, 2) int8
        in steps of `MOVED_STEP`, `far` (T,) pixels; and its keys.
    """
    store = ClipStore(work / f"talker-painted-{VERSION}-{version}")
    keys = []
    for done, number in enumerate(numbers):
        key = clips.keys[number]
        if not store.done(key):
            try:
                rng = np.random.default_rng([version, int(key[:8], 16)])
                store.write({key: _painted(clips, number, rng)}, {})
            except (MediaError, DataError) as error:
                store.write({}, {key: str(error)})
        if on_progress is not None:
            on_progress(done + 1, len(numbers))
        keys.append(key)
    store.refresh()
    return store, tuple(key for key in keys if key in store)


def _painted(clips: SeenClips, number: int, rng: np.random.Generator) -> dict[str, NDArray[Any]]:
    path, key = clips.rows[number].path, clips.keys[number]
    arrays, track = clips.store[key], clips.landmarks[key]
    times, places = arrays["times"], arrays["places"].astype(np.float64)
    points = track["landmarks"][track["observed"]]
    crops, rows = _crops(path, times, points, places)
    shapes = lip_shape(places, arrays["rest"].astype(np.float64))
    out: dict[str, list[Any]] = {name: [] for name in ("own", "seen", "wanted", "inside", "moved", "far")}
    for row in rows.tolist():
        allowed = rows[np.abs(times[rows] - times[row]) >= APART_S]
        if len(allowed) < 5:
            continue
        rest = int(np.argmin(arrays["opening"][allowed]))
        pool = allowed[pool_rows(shapes[allowed], rest, int(rng.choice(POOLS)))]
        near, weights, far = nearest_shapes(shapes[pool], shapes[row][None])
        some = [int(pool[0]), *pool[near[0]].tolist()]
        made = carried([crops[i] for i in some], [places[i] for i in some], places[row])
        seen = np.tensordot(weights[0], made.crops[1:], 1)
        for name, image in (("own", made.crops[0]), ("seen", seen), ("wanted", crops[row])):
            out[name].append(np.rint(np.clip(image[WINDOW], 0, 1) * 255).astype(np.uint8))
        out["inside"].append(made.inside[WINDOW] > 0)
        out["moved"].append(np.rint(np.clip(made.moved[WINDOW] / MOVED_STEP, -127, 127)).astype(np.int8))
        out["far"].append(far[0])
    if not out["own"]:
        raise DataError(f"{path} is too short to learn from")
    return {name: np.stack(values) for name, values in out.items()}


def _crops(
    path: Path, times: NDArray[np.floating], points: NDArray[np.floating], places: NDArray[np.float64]
) -> tuple[NDArray[np.float32], NDArray[np.intp]]:
    """(T, 128, 128, 3) lip crops and the rows of those that could be read."""
    wanted = {round(float(t) * 1e6): i for i, t in enumerate(times)}
    crops, rows = np.zeros((len(times), 128, 128, 3), np.float32), []
    for frame in read_frames(path, max_side=MAX_SIDE):
        row = wanted.get(round(float(frame.time) * 1e6))
        if row is not None:
            crops[row] = frame_atlas(frame.image, points[row, :468, :2] * frame.scale, places[row])
            rows.append(row)
    return crops, np.array(rows, np.intp)
