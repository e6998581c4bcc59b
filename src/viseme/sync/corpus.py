"""Clips for training the sync models: lip motion and sound bands, prepared once and kept on disk.

Knows the manifest of real clips and the synthetic talkers; refuses to know networks. A clip marked `dev` is never
prepared here: `read_manifest` refuses to hand one out.
"""

from __future__ import annotations

import csv
import hashlib
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from viseme.core.errors import DataError, VisemeError
from viseme.face3d.lips import LIP_POINTS, lip_motion
from viseme.sync.sound import mel_filters, power_spectrum

__all__ = ["TRAINABLE", "Clip", "ManifestRow", "band_filters", "bands", "prepare", "prepare_synthetic", "read_manifest"]

TRAINABLE = ("train", "train-research")
"""Uses of the manifest that may be trained on: the first for what ships, the second for comparison only."""

_EDGES = np.concatenate([np.arange(0, 32), np.arange(32, 96, 2), np.arange(96, 257, 4)])
_WIDTHS = np.diff(np.append(_EDGES, 257))
NUM_BANDS = len(_EDGES)


@dataclass(frozen=True, kw_only=True)
class ManifestRow:
    """One clip of the manifest that may be trained on."""

    path: Path
    use: str
    speaker: str
    licence: str


@dataclass(frozen=True, kw_only=True)
class Clip:
    """Everything training needs of one clip."""

    name: str
    speaker: str
    times: NDArray[np.float64]
    """(T,) seconds of the pictures."""
    points: NDArray[np.float32]
    """(T, 67, 3) pose-normalised lip motion."""
    sound: NDArray[np.float16]
    """(A, 105) logarithm of the power in bands; frame `j` is centred on `sound_start + j / 100`."""
    sound_start: float
    """Seconds."""
    level: float
    """90th percentile of the logarithm of the frames' power."""
    delay: float = 0.0
    """Seconds by which the sound is late; taken out in training."""


def read_manifest(folder: Path, uses: Sequence[str]) -> list[ManifestRow]:
    """Rows of `folder/manifest.csv` with one of the `uses`.

    Raises:
        DataError: there is no manifest, or a use was asked for that must not be trained on.
    """
    forbidden = [use for use in uses if use not in TRAINABLE]
    if forbidden:
        raise DataError(f"clips marked {forbidden[0]!r} are for measuring and are never trained on; use {TRAINABLE}")
    try:
        with (folder / "manifest.csv").open(newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
    except FileNotFoundError:
        raise DataError(f"{folder} has no manifest.csv; pass the folder of clips with --data") from None
    return [
        ManifestRow(path=folder / r["file"], use=r["use"], speaker=r["speaker"], licence=r["licence"])
        for r in rows
        if r["use"] in uses
    ]


def bands(samples: NDArray[np.floating]) -> NDArray[np.float16]:
    """(A, 105) logarithm of power in bands fine enough that mel filters of any warp can be read from them."""
    power = np.add.reduceat(power_spectrum(samples), _EDGES, axis=-1)
    return np.log(power + 1e-7).astype(np.float16)


@cache
def band_filters(warp: float) -> NDArray[np.float32]:
    """(105, 40) mel filters over bands, for a vocal tract scaled by `warp`."""
    return (np.add.reduceat(mel_filters(warp=warp), _EDGES, axis=0) / _WIDTHS[:, None]).astype(np.float32)


def _clip(name: str, speaker: str, times, points, samples, sound_start: float) -> Clip:
    sound = bands(samples)
    level = float(np.percentile(np.log(np.exp(sound.astype(np.float32)).sum(1)), 90))
    return Clip(
        name=name,
        speaker=speaker,
        times=times,
        points=points.astype(np.float32),
        sound=sound,
        sound_start=sound_start,
        level=level,
    )


def _save(clip: Clip, path: Path) -> None:
    temporary = path.with_suffix(".partial.npz")
    arrays: dict[str, Any] = {k: np.asarray(getattr(clip, k)) for k in Clip.__dataclass_fields__}
    np.savez(temporary, **arrays)
    temporary.replace(path)


def _load(path: Path) -> Clip:
    with np.load(path, allow_pickle=False) as data:
        values = {k: data[k] for k in data.files}
    scalars = {k: values[k].item() for k in ("name", "speaker", "sound_start", "level", "delay")}
    return Clip(times=values["times"], points=values["points"], sound=values["sound"], **scalars)


def _prepare_one(row: ManifestRow, out: Path) -> str | None:
    from viseme.faces import FaceTrackChunk, tracker
    from viseme.media import pictures, sound

    try:
        chunks = [
            c
            for c in tracker["mediapipe"](tracker["mediapipe"].Config()).track(pictures(row.path, max_side=1280))
            if isinstance(c, FaceTrackChunk)
        ]
        ids = {c.track_id: sum(len(x.times) for x in chunks if x.track_id == c.track_id) for c in chunks}
        if not ids or max(ids.values()) < 20:
            return f"{row.path.name}: no face for 20 frames"
        best = [c for c in chunks if c.track_id == max(ids, key=ids.__getitem__)]
        times = np.concatenate([c.times for c in best])
        motion = lip_motion(np.concatenate([c.landmarks for c in best]), times)
        blocks = list(sound(row.path))
        samples = np.concatenate([b.samples for b in blocks])
    except (VisemeError, ValueError) as error:
        return f"{row.path.name}: {error}"
    _save(_clip(row.path.name, row.speaker, times, motion.points, samples, float(blocks[0].start)), out)
    return None


def _synthesise_one(seed: int, out: Path) -> str | None:
    from viseme.synth import training_clip

    made = training_clip(seed)
    motion = lip_motion(made.landmarks, made.times)
    name = f"synthetic-{seed}"
    _save(_clip(name, name, np.asarray(made.times), motion.points, made.sound, float(made.sound_start)), out)
    return None


@contextmanager
def _one_thread() -> Iterator[None]:
    """Processes started here compute in one thread each: more, on tiny matrices, only wait for each other."""
    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
    before = {name: os.environ.get(name) for name in names}
    os.environ.update(dict.fromkeys(names, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def _all(
    jobs: Sequence[tuple[Callable[..., str | None], object, Path]],
    num_jobs: int,
    on_progress: Callable[[int, int], None],
) -> Iterator[Path]:
    """Run what is not on disk yet, in processes; yield the files that exist afterwards."""
    waiting = [job for job in jobs if not job[2].exists()]
    done = len(jobs) - len(waiting)
    on_progress(done, len(jobs))
    if waiting:
        with _one_thread(), ProcessPoolExecutor(num_jobs, mp_context=get_context("spawn")) as pool:
            futures = [pool.submit(function, what, out) for function, what, out in waiting]
            for future in as_completed(futures):
                future.result()
                done += 1
                on_progress(done, len(jobs))
    for _, _, out in jobs:
        if out.exists():
            yield out


def _key(row: ManifestRow) -> str:
    return hashlib.sha256(f"3:{row.path.parent.name}/{row.path.name}:{len(LIP_POINTS)}".encode()).hexdigest()[:20]


def prepare(
    rows: Sequence[ManifestRow], work: Path, *, num_jobs: int = 2, on_progress: Callable[[int, int], None]
) -> list[Clip]:
    """Track every clip once, keep the result under `work`, and load it; clips without a usable face are left out."""
    folder = work / "clips"
    folder.mkdir(parents=True, exist_ok=True)
    jobs = [(_prepare_one, row, folder / f"{_key(row)}.npz") for row in rows]
    return [_load(path) for path in _all(jobs, num_jobs, on_progress)]


def prepare_synthetic(
    seeds: Sequence[int], work: Path, *, num_jobs: int = 2, on_progress: Callable[[int, int], None]
) -> list[Clip]:
    """Synthetic talkers, landmarks only, kept under `work` as `prepare` does."""
    folder = work / "synthetic"
    folder.mkdir(parents=True, exist_ok=True)
    jobs = [(_synthesise_one, seed, folder / f"{seed}.npz") for seed in seeds]
    return [_load(path) for path in _all(jobs, num_jobs, on_progress)]
