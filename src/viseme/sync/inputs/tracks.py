"""Clips as every visual input sees them, prepared once and kept on disk.

Knows estimators, frames and clips; refuses to know networks.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, fields, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from viseme.core.errors import ConfigError, VisemeError
from viseme.data.manifest import ManifestRow
from viseme.engine.jobs import make_files
from viseme.face3d.lips import LipMotion, lip_motion
from viseme.faces import FaceTrackChunk, tracker
from viseme.faces.crop_recorder import CropRecorder
from viseme.faces.crops import CROP_SIZE
from viseme.media import Frame, read_audio, read_frames
from viseme.media.images import gaussian_blur
from viseme.standardization.interface import FaceObservation, estimators
from viseme.sync.corpus import Clip, _clip, _key
from viseme.sync.inputs.coefficients import expression_reader, in_threes, track_coefficients
from viseme.sync.inputs.filmed import lower_face
from viseme.sync.inputs.points import Landmarks, Mesh
from viseme.sync.inputs.standard_face import standard_lower_face

__all__ = ["Seen", "blurred", "film_talkers", "look", "look_at_all"]

MAX_SIDE = 1280
"""Pixels of the longer side at which faces are sought."""
LEAST_FRAMES = 20
"""Shorter tracks are not used."""


@dataclass(frozen=True, kw_only=True)
class Seen:
    """One face of a clip in every form, with the clip's audio."""

    clip: Clip
    """Lip points and audio."""
    beta: NDArray[np.float32]
    """(T, E) expression."""
    yaw: NDArray[np.float32]
    """(T,) radians."""
    raw: NDArray[np.uint8]
    """(T, 3, 48, 48)."""
    rgbd: NDArray[np.uint8]
    """(T, 4, 48, 48)."""
    side: float
    """Median side of the face crop, source pixels."""

    def stream(self, mode: str) -> NDArray[Any]:
        """What a network of that input sees, one entry a frame."""
        if mode == "raw":
            return self.raw
        if mode in ("rgb", "rgbd"):
            return self.rgbd[:, : len(mode)]
        if mode == "beta":
            return in_threes(self.beta)
        return (_mesh() if mode == "mesh" else Landmarks()).of_points(self.clip.points)

    def shown(self, mode: str) -> Clip:
        """The clip with that stream in place of its lip points."""
        return replace(self.clip, points=self.stream(mode))

    def save(self, path: Path) -> None:
        """One file; it appears complete or not at all."""
        arrays: dict[str, Any] = {f.name: np.asarray(getattr(self, f.name)) for f in fields(self) if f.name != "clip"}
        arrays |= {f"clip/{f.name}": np.asarray(getattr(self.clip, f.name)) for f in fields(self.clip)}
        temporary = path.with_suffix(".partial.npz")
        np.savez(temporary, **arrays)
        temporary.replace(path)

    @classmethod
    def load(cls, path: Path) -> Seen:
        """What `save` wrote."""
        with np.load(path, allow_pickle=False) as data:
            values = {k: (v.item() if (v := data[k]).ndim == 0 else v) for k in data.files}
        clip = Clip(**{k.partition("/")[2]: v for k, v in values.items() if k.startswith("clip/")})
        return cls(clip=clip, **{k: v for k, v in values.items() if not k.startswith("clip/")})


@lru_cache(maxsize=1)
def _mesh() -> Mesh:
    return Mesh()


def look(
    path: str | os.PathLike[str],
    *,
    name: str,
    speaker: str,
    estimator: str = "landmark-fit",
    weights: str | None = None,
    change: Callable[[Frame], Frame] | None = None,
) -> Seen | None:
    """Look at the face of a clip that is seen longest.

    Args:
        path: Any video with audio.
        name: For the record.
        speaker: For the record.
        estimator: Who reads the expression off the face.
        weights: Of the estimator.
        change: Done to every frame before it is looked at.

    Returns:
        None where no face is followed for `LEAST_FRAMES`.

    Raises:
        MediaError: the file cannot be read or has no audio.
    """
    kind: Any = tracker["mediapipe"]
    stream: Iterable[Frame] = read_frames(path, max_side=MAX_SIDE)
    with CropRecorder() as recorder:
        found = kind(kind.Config()).track(stream if change is None else map(change, stream), observers=[recorder])
        chunks = [c for c in found if isinstance(c, FaceTrackChunk)]
        return _seen(path, name, speaker, chunks, recorder, estimator, weights)


def _seen(
    path: str | os.PathLike[str],
    name: str,
    speaker: str,
    chunks: Sequence[FaceTrackChunk],
    recorder: CropRecorder,
    estimator: str,
    weights: str | None,
) -> Seen | None:
    lengths: dict[int, int] = {}
    for chunk in chunks:
        lengths[chunk.track_id] = lengths.get(chunk.track_id, 0) + len(chunk.times)
    if not lengths or max(lengths.values()) < LEAST_FRAMES:
        return None
    best = [c for c in chunks if c.track_id == max(lengths, key=lengths.__getitem__)]
    times, landmarks, observed = (
        np.concatenate([getattr(c, part) for c in best]) for part in ("times", "landmarks", "observed")
    )
    recorded = recorder.images(best[0].track_id, times)
    assert recorded is not None
    images, crops = recorded[:], recorded.squares
    track = FaceObservation(times=times, landmarks=landmarks, observed=observed, crops=crops, images=images)
    coefficients = track_coefficients(track, estimator, weights)
    motion: LipMotion = lip_motion(landmarks, times, observed)
    blocks = list(read_audio(path))
    samples = np.concatenate([b.samples for b in blocks]) if blocks else np.zeros(0, np.float32)
    if len(samples) < 4000:
        return None
    return Seen(
        clip=_clip(name, speaker, motion.times, motion.points, samples, float(blocks[0].start)),
        beta=coefficients.beta,
        yaw=coefficients.pose[:, 1],
        raw=lower_face(images),
        rgbd=standard_lower_face(coefficients),
        side=float(np.nanmedian(crops[:, 2])),
    )


def blurred(by_px: float, side: float) -> Callable[[Frame], Frame]:
    """A change for `look`: a Gaussian blur of `by_px` pixels of the 224-pixel crop, for faces of that crop side."""

    def change(frame: Frame) -> Frame:
        sigma = by_px * side * frame.scale / CROP_SIZE
        return replace(frame, image=gaussian_blur(frame.image, max(sigma, 0.1)))

    return change


def _look_one(
    row: ManifestRow, estimator: str, weights: str | None, blur_px: float, clean: Path | None, path: Path
) -> None:
    try:
        if clean is not None and not clean.exists():
            return
        change = None if clean is None else blurred(blur_px, Seen.load(clean).side)
        name = f"{row.path.parent.name}/{row.path.name}"
        seen = look(row.path, name=name, speaker=row.speaker, estimator=estimator, weights=weights, change=change)
    except (VisemeError, ValueError):
        return  # counted as left out by the caller
    if seen is not None:
        seen.save(path)


def _folder(estimator: str, weights: str | None) -> str:
    """Name of the folder for what an estimator saw; it holds the hash of the weights of one that has some."""
    if "weights" in {f.name for f in fields(estimators[estimator].Config)}:  # type: ignore[attr-defined]
        return f"seen-{estimator}-{expression_reader(estimator, weights).bundle.name.rpartition('@')[2]}"
    if weights is not None:
        raise ConfigError(f"{estimator} needs no weights; leave --weights out")
    return f"seen-{estimator}"


def look_at_all(
    rows: Sequence[ManifestRow],
    work: Path,
    *,
    estimator: str = "landmark-fit",
    weights: str | None = None,
    blur_px: float = 0.0,
    num_jobs: int = 2,
    on_progress: Callable[[int, int], None],
) -> list[Path]:
    """Look at every clip once and keep what is seen under `work`; clips without a usable face are left out.

    Args:
        rows: Clips.
        work: Folder.
        estimator: As in `look`.
        weights: As in `look`.
        blur_px: As in `blurred`; needs the same clips looked at without it before.
        num_jobs: Processes.
        on_progress: Told clips done and in all.

    Returns:
        Files for `Seen.load`. They lie in a folder with the hash of the weights in its name, so that other weights
        are never answered from them.

    Raises:
        ConfigError: weights for an estimator that has none.
        WeightsError: the weights are missing, damaged or another estimator's.
    """
    name = _folder(estimator, weights)
    plain, folder = work / name, work / (f"{name}-blur{blur_px:g}" if blur_px else name)
    folder.mkdir(parents=True, exist_ok=True)
    jobs = [
        (
            _look_one,
            (row, estimator, weights, blur_px, plain / f"{_key(row)}.npz" if blur_px else None),
            folder / f"{_key(row)}.npz",
        )
        for row in rows
    ]
    return make_files(jobs, num_jobs=num_jobs, on_progress=on_progress)


def _film_one(seed: int, path: Path) -> None:
    from viseme.synthetic.motion import Style
    from viseme.synthetic.pipeline import make_clip
    from viseme.synthetic.scene import TalkerSpec

    rng = np.random.default_rng([seed, 1212])
    female = rng.random() < 0.5
    spec = TalkerSpec(
        seed=seed + 1_000_000,
        language=str(rng.choice(["en-us", "en-gb", "de", "fr", "es", "pl"])),
        variant=f"{'f' if female else 'm'}{rng.integers(1, 6)}",
        rate_wpm=int(rng.integers(120, 220)),
        pitch=int(rng.integers(20, 85)),
        seconds=float(rng.uniform(2.8, 4.0)),
        style=Style.random(rng),
        width=256,
        height=256,
        face_width=float(rng.uniform(0.4, 0.55)),
        pose_deg=tuple(float(v) for v in rng.normal(0, [5, 12, 4]).clip(-30, 30)),  # type: ignore[arg-type]
        shutter=0.0,
        antialias=1,
        blur_px=float(max(0.0, rng.normal(0, 0.8))),
        noise=float(rng.uniform(0.003, 0.02)),
        crf=int(rng.integers(18, 28)),
    )
    temporary = path.with_suffix(".partial.mp4")
    make_clip(spec, temporary)
    temporary.replace(path)


def film_talkers(
    seeds: Sequence[int], work: Path, *, num_jobs: int = 2, on_progress: Callable[[int, int], None]
) -> list[ManifestRow]:
    """Film synthetic talkers, a few seconds each, and keep the films under `work`: rows for `look_at_all`.

    Raises:
        EspeakMissing: espeak-ng is not installed.
    """
    folder = work / "filmed"
    folder.mkdir(parents=True, exist_ok=True)
    jobs = [(_film_one, (seed,), folder / f"{seed}.mp4") for seed in seeds]
    files = make_files(jobs, num_jobs=num_jobs, on_progress=on_progress)
    return [ManifestRow(path=f, use="synthetic", speaker=f"synthetic-{f.stem}", licence="CC0-1.0") for f in files]
