"""Many videos standardised: where each answer goes, which are there already, one bad file ends nothing.

Knows names of files and the executor; refuses to know how a video is standardised.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor
from pathlib import Path
from typing import Any, TypeAlias

from viseme.core.errors import DataError, OutputError
from viseme.engine.executor import FileWork
from viseme.media.files import shown
from viseme.media.search import find_media
from viseme.standardization.clip_contents import input_of
from viseme.standardization.files import read_standardized
from viseme.standardization.forms import Form
from viseme.standardization.results import FailedStandardize, StandardizeResult
from viseme.standardization.synthesis import ZNorm

__all__ = ["Outcome", "is_done", "outputs", "standardize_many"]

WORK = FileWork(
    function="viseme.standardization.pipeline:standardize", failed="viseme.standardization.results:FailedStandardize"
)

Outcome: TypeAlias = "StandardizeResult | FailedStandardize"


def outputs(files: Sequence[str], folder: str | os.PathLike[str], suffix: str) -> dict[str, Path]:
    """Where the answer for each file goes: the tree below the files' common folder is made again below `folder`.

    Files that differ in their extension alone keep it in the name.

    Example:
        >>> [str(p) for p in outputs(["a/x.mp4", "a/b/y.mov", "a/b/y.mp4"], "o", ".mp4").values()]
        ['o/x.mp4', 'o/b/y.mov.mp4', 'o/b/y.mp4.mp4']
    """
    places = {file: Path(os.path.abspath(file)) for file in files}
    common = Path(os.path.commonpath([p.parent for p in places.values()])) if places else Path()
    short = [p.with_suffix("") for p in places.values()]
    return {
        file: Path(folder) / (p if short.count(p.with_suffix("")) > 1 else p.with_suffix("")).relative_to(common).parent
        / ((p.name if short.count(p.with_suffix("")) > 1 else p.stem) + suffix)
        for file, p in places.items()
    }  # fmt: skip


def standardize_many(
    paths: Iterable[str | Path],
    out: str | os.PathLike[str],
    *,
    as_: Form = "rgbd",
    estimator: str = "landmark-fit",
    weights: str | None = None,
    face_model: str = "default",
    z_norm: ZNorm = "clip",
    tracker: str = "mediapipe",
    video: str | os.PathLike[str] | None = None,
    overwrite: bool = False,
    jobs: int = 1,
    executor: Executor | None = None,
    isolate: bool | None = None,
    resume: bool = False,
    on_begin: Callable[[str], None] | None = None,
) -> Iterator[Outcome]:
    """Standardise many videos and yield each answer as soon as it is there.

    Args:
        paths: Files, folders and patterns, as `viseme.media.search.find_media` reads them.
        out: Folder for the safetensors files, made when missing; see `outputs` for the names.
        as_, estimator, weights, face_model, z_norm, tracker, overwrite: As in `standardize`.
        video: Folder for videos to look at.
        jobs: Files worked on at once; more than one means worker processes.
        executor: Where to work instead: any `concurrent.futures.Executor`.
        isolate: Work in a separate process even with one job, so that a crash inside a decoder cannot end the batch.
            By default only with several jobs.
        resume: Leave out files whose answer is there, made with these options from the same state of the file; answers
            that are out of date are replaced.
        on_begin: Told each file when its work begins (in workers: when it is handed to them).

    Yields:
        `StandardizeResult`, or `FailedStandardize` for a file that could not be read or written.

    Raises:
        ValueError: `jobs` is less than one.
        ConfigError, WeightsError: no file could be standardised this way.
        OutputError: the folder cannot be made.
    """
    if jobs < 1:
        raise ValueError(f"jobs must be at least 1, got {jobs}")
    files = find_media(paths)
    asked: dict[str, Any] = {"as_": as_, "estimator": estimator, "weights": weights}
    asked |= {"face_model": face_model, "z_norm": z_norm}
    places = outputs(files, out, ".safetensors")
    videos = {} if video is None else outputs(files, video, ".mp4")
    if resume:
        files = [f for f in files if not is_done(f, places[f], videos.get(f), asked)]
    for place in [*places.values(), *videos.values()]:
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OutputError(f"{shown(place.parent)} cannot be made: {error.strerror}") from error

    def settings(file: str) -> dict[str, Any]:
        more = {"out": str(places[file]), "video": str(videos[file]) if file in videos else None}
        return {**asked, **more, "tracker": tracker, "overwrite": overwrite or resume}

    run = WORK.run(files, settings, jobs=jobs, executor=executor, isolate=isolate, on_begin=on_begin)
    return (outcome for _, outcome in run)


def is_done(file: str, out: Path, video: Path | None, asked: dict[str, Any]) -> bool:
    """Whether the answer is there and up to date. `tracker` is not asked for: it is not kept in the file."""
    if not out.exists() or (video is not None and not video.exists()):
        return False
    try:
        there = read_standardized(out).metadata
        now = input_of(file)
    except (DataError, OSError):  # not an answer, or no such file: the run will say what is wrong
        return False
    wanted = {"as": asked["as_"], **{k: v for k, v in asked.items() if k != "as_"}, "input": now}
    return all(there.get(key) == value for key, value in wanted.items())
