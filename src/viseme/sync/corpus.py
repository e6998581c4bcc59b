"""Clips for training the sync models: lip motion and audio bands, prepared once and kept on disk.

Knows the manifest of real clips and the synthetic talkers; refuses to know networks. A clip marked `dev` is never
prepared here: `read_manifest` refuses to hand one out.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from viseme.audio.clock import FRAME_S
from viseme.audio.features import mel_filters, power_frames
from viseme.core.errors import DataError, VisemeError
from viseme.data.manifest import ManifestRow
from viseme.engine.jobs import make_files
from viseme.face3d.lips import lip_motion
from viseme.faces.schemes import LIP_POINTS

__all__ = ["Clip", "band_filters", "bands", "prepare", "prepare_synthetic"]

_EDGES = np.concatenate([np.arange(0, 32), np.arange(32, 96, 2), np.arange(96, 257, 4)])
_WIDTHS = np.diff(np.append(_EDGES, 257))
NUM_BANDS = len(_EDGES)
TALKERS = "talkers-3"
"""Folder of prepared synthetic talkers; the number changes when a seed no longer makes the same clip."""
BAND_WIDTHS_HZ = _WIDTHS * 31.25
"""(105,) widths of the bands that `bands` keeps, hertz."""
BAND_CENTRES_HZ = (_EDGES + (_WIDTHS - 1) / 2) * 31.25
"""(105,) centres of these bands, hertz."""


@dataclass(frozen=True, kw_only=True)
class Clip:
    """Everything training needs of one clip."""

    name: str
    speaker: str
    times: NDArray[np.float64]
    """(T,) seconds of the frames."""
    points: NDArray[np.float32]
    """(T, 67, 3) pose-normalised lip motion."""
    audio: NDArray[np.float16]
    """(A, 105) logarithm of the power in bands; frame `j` is centred on `audio_start + (j + 1/2) / 100`."""
    audio_start: float
    """Seconds at which the first audio frame begins, a multiple of .01 (`viseme.audio.clock`)."""
    level: float
    """90th percentile of the logarithm of the frames' power."""
    delay: float = 0.0
    """Seconds by which the audio is late; taken out in training."""


def bands(samples: NDArray[np.floating], start: float) -> tuple[int, NDArray[np.float16]]:
    """The number of the first audio frame and (A, 105) logarithm of the power in bands fine enough that mel filters of
    any warp can be read from them; `start`: seconds of the first sample."""
    first, power = power_frames(samples, start)
    return first, np.log(np.add.reduceat(power, _EDGES, axis=-1) + 1e-7).astype(np.float16)


@cache
def band_filters(warp: float) -> NDArray[np.float32]:
    """(105, 40) mel filters over bands, for a vocal tract scaled by `warp`."""
    return (np.add.reduceat(mel_filters(warp=warp), _EDGES, axis=0) / _WIDTHS[:, None]).astype(np.float32)


def _clip(name: str, speaker: str, times, points, samples, audio_start: float) -> Clip:
    first, audio = bands(samples, audio_start)
    level = float(np.percentile(np.log(np.exp(audio.astype(np.float32)).sum(1)), 90))
    return Clip(
        name=name,
        speaker=speaker,
        times=times,
        points=points.astype(np.float32),
        audio=audio,
        audio_start=first * FRAME_S,
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
    scalars = {k: values[k].item() for k in ("name", "speaker", "audio_start", "level", "delay")}
    return Clip(times=values["times"], points=values["points"], audio=values["audio"], **scalars)


def _prepare_one(row: ManifestRow, out: Path) -> None:
    from viseme.faces import FaceTrackChunk, tracker
    from viseme.media import read_audio, read_frames

    try:
        chunks = [
            c
            for c in tracker["mediapipe"](tracker["mediapipe"].Config()).track(read_frames(row.path, max_side=1280))
            if isinstance(c, FaceTrackChunk)
        ]
        ids = {c.track_id: sum(len(x.times) for x in chunks if x.track_id == c.track_id) for c in chunks}
        if not ids or max(ids.values()) < 20:
            return
        best = [c for c in chunks if c.track_id == max(ids, key=ids.__getitem__)]
        times = np.concatenate([c.times for c in best])
        motion = lip_motion(np.concatenate([c.landmarks for c in best]), times)
        blocks = list(read_audio(row.path))
        samples = np.concatenate([b.samples for b in blocks])
    except (VisemeError, ValueError):
        return
    _save(_clip(row.path.name, row.speaker, times, motion.points, samples, float(blocks[0].start)), out)


def _synthesise_one(seed: int, out: Path) -> None:
    from viseme.synthetic import training_clip

    try:
        made = training_clip(seed)
    except DataError:  # a speech engine broke down over this text: one clip less
        return
    motion = lip_motion(made.landmarks, made.times)
    name = f"synthetic-{seed}"
    _save(_clip(name, name, np.asarray(made.times), motion.points, made.audio, float(made.audio_start)), out)


def _key(row: ManifestRow) -> str:
    return hashlib.sha256(f"4:{row.path.parent.name}/{row.path.name}:{len(LIP_POINTS)}".encode()).hexdigest()[:20]


def prepare(
    rows: Sequence[ManifestRow], work: Path, *, num_jobs: int = 2, on_progress: Callable[[int, int], None]
) -> list[Clip]:
    """Track every clip once, keep the result under `work`, and load it; clips without a usable face are left out."""
    folder = work / "clips"
    folder.mkdir(parents=True, exist_ok=True)
    jobs = [(_prepare_one, (row,), folder / f"{_key(row)}.npz") for row in rows]
    return [_load(path) for path in make_files(jobs, num_jobs=num_jobs, on_progress=on_progress)]


def prepare_synthetic(
    seeds: Sequence[int], work: Path, *, num_jobs: int = 2, on_progress: Callable[[int, int], None]
) -> list[Clip]:
    """Synthetic talkers, landmarks only, kept under `work` as `prepare` does."""
    folder = work / TALKERS
    folder.mkdir(parents=True, exist_ok=True)
    jobs = [(_synthesise_one, (seed,), folder / f"{seed}.npz") for seed in seeds]
    return [_load(path) for path in make_files(jobs, num_jobs=num_jobs, on_progress=on_progress)]
