"""Preparing clips: the face is followed once, what is learnt from is made of it once, both are kept on disk.

Knows sources, stores and processes; what is made of a clip is a function that the caller hands in. Clips are found
again by what they hold, not by their names, so that two data sets in one folder never answer for each other.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from viseme.core.errors import DataError, FaceError, MediaError
from viseme.data.sources import ClipInfo, ClipSource, TrackedClip
from viseme.data.store import ClipStore
from viseme.engine.jobs import run_jobs

__all__ = ["VERSION", "PreparedClips", "TrackedClips", "View", "prepare", "track_clips"]

VERSION = 1
"""Of the preparation: files of another version are not read. Raise it when the same clip is prepared otherwise."""

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class View:
    """What is made of a tracked clip."""

    name: str
    """Names the folder: unlike for anything that answers otherwise, other weights included."""
    make: Callable[[TrackedClip], Mapping[str, NDArray[Any]]]
    """Arrays by name; goes to worker processes as a pickle."""
    needs_pixels: bool = False
    """Whether `make` looks at `TrackedClip.images`."""


@dataclass(frozen=True)
class PreparedClips:
    """Clips that could be used, and why others could not."""

    store: ClipStore
    """Arrays `times` and those of the view; of clips with audio `audio`, `first_audio_frame` and `level`."""
    keys: tuple[str, ...]
    """Of the usable clips, in the order of the source."""
    infos: tuple[ClipInfo, ...]
    """Of the same."""
    numbers: tuple[int, ...]
    """Of the same, in the source."""
    left_out: tuple[tuple[str, str], ...]
    """Name of every clip that cannot be used, and why."""


def prepare(
    source: ClipSource, view: View, work: Path, *, num_jobs: int = 1, on_progress: Progress | None = None
) -> PreparedClips:
    """Make a view of every clip that has none yet.

    Args:
        source: Of clips.
        view: What to make; kept together with the audio.
        work: Folder for stores.
        num_jobs: Processes.
        on_progress: Told clips done and in all.

    Returns:
        Clips whose face and audio could be used; a clip that cannot be used is named with the reason.

    Raises:
        VisemeError: something is missing that every clip needs.
    """
    folder = work / f"{source.kind}-{view.name}-{VERSION}"
    return _filled(source, partial(_seen, view=view), folder, num_jobs, on_progress)


def track_clips(
    source: ClipSource, work: Path, *, num_jobs: int = 1, on_progress: Progress | None = None
) -> TrackedClips:
    """Follow the face of every clip that was not followed yet: a source for `prepare` that does not do it again."""
    folder = work / f"{source.kind}-tracks-{VERSION}"
    found = _filled(source, _track, folder, num_jobs, on_progress)
    return TrackedClips(source, found)


@dataclass(frozen=True)
class TrackedClips:
    """The usable clips of another source, followed before."""

    source: ClipSource
    tracked: PreparedClips

    @property
    def kind(self) -> str:
        """The other source's."""
        return self.source.kind

    @property
    def clips(self) -> Sequence[ClipInfo]:
        """Those whose face could be followed."""
        return self.tracked.infos

    def key(self, number: int) -> str:
        """The other source's."""
        return self.tracked.keys[number]

    def track(self, number: int, *, pixels: bool = False) -> TrackedClip:
        """See `ClipSource.track`; pixels are read from the clip again, at the places that are known."""
        arrays = self.tracked.store[self.key(number)]
        found = TrackedClip(
            times=arrays["times"],
            landmarks=arrays["landmarks"],
            observed=arrays["observed"],
            audio=arrays.get("audio"),
            first_audio_frame=int(arrays.get("first_audio_frame", 0)),
        )
        if not pixels:
            return found
        return self.source.with_images(self.tracked.numbers[number], found)  # type: ignore[attr-defined]


def _track(source: ClipSource, number: int) -> dict[str, NDArray[Any]]:
    clip = source.track(number)
    return {"landmarks": clip.landmarks, "observed": clip.observed, **_common(clip)}


def _seen(source: ClipSource, number: int, view: View) -> dict[str, NDArray[Any]]:
    clip = source.track(number, pixels=view.needs_pixels)
    return {**view.make(clip), **_common(clip)}


def _common(clip: TrackedClip) -> dict[str, NDArray[Any]]:
    arrays: dict[str, NDArray[Any]] = {"times": np.asarray(clip.times, np.float64)}
    if clip.audio is not None and len(clip.audio):
        power = np.exp(clip.audio.astype(np.float32)).sum(1)
        arrays["audio"] = clip.audio
        arrays["first_audio_frame"] = np.array(clip.first_audio_frame, np.int64)
        arrays["level"] = np.array(np.percentile(np.log(power), 90), np.float64)
    return arrays


Make = Callable[[ClipSource, int], dict[str, NDArray[Any]]]


def _filled(source: ClipSource, make: Make, folder: Path, num_jobs: int, on_progress: Progress | None) -> PreparedClips:
    """The store in `folder`, with every clip of the source in it or named in its reasons."""
    clips, store = list(source.clips), ClipStore(folder)
    keys, reasons = _keys(source, len(clips))
    missing = {key: number for number, key in reversed(list(enumerate(keys))) if key and not store.done(key)}
    items = sorted(missing.items(), key=lambda item: item[1])
    done = len(clips) - len(missing)
    _tell(on_progress, done, len(clips))
    jobs = [(_make_some, (source, make, folder, group)) for group in _groups(items, num_jobs)]
    for number in run_jobs(jobs, num_jobs=num_jobs):
        done += number
        _tell(on_progress, done, len(clips))
    store.refresh()
    reasons |= {i: store.reasons[key] for i, key in enumerate(keys) if key in store.reasons}
    usable = [i for i, key in enumerate(keys) if key in store]
    return PreparedClips(
        store=store,
        keys=tuple(str(keys[i]) for i in usable),
        infos=tuple(clips[i] for i in usable),
        numbers=tuple(usable),
        left_out=tuple((clips[i].name, reasons[i]) for i in sorted(reasons)),
    )


def _keys(source: ClipSource, num: int) -> tuple[list[str | None], dict[int, str]]:
    """The key of every clip, or None and why it has none."""
    keys: list[str | None] = []
    reasons = {}
    for number in range(num):
        try:
            keys.append(source.key(number))
        except DataError as error:
            keys.append(None)
            reasons[number] = str(error)
    return keys, reasons


def _tell(on_progress: Progress | None, done: int, num: int) -> None:
    if on_progress is not None:
        on_progress(done, num)


GROUP = 16
"""Clips of a shard at most: what a stop loses of each process's work."""


def _groups(items: list[tuple[str, int]], num_jobs: int) -> list[list[tuple[str, int]]]:
    size = min(GROUP, max(1, len(items) // (4 * num_jobs)))
    return [items[at : at + size] for at in range(0, len(items), size)]


def _make_some(source: ClipSource, make: Make, folder: Path, group: Sequence[tuple[str, int]]) -> int:
    """One shard; how many clips were looked at."""
    arrays, reasons = {}, {}
    for key, number in group:
        try:
            arrays[key] = make(source, number)
        except (MediaError, FaceError, DataError) as error:
            reasons[key] = str(error)
    ClipStore(folder).write(arrays, reasons)
    return len(group)
