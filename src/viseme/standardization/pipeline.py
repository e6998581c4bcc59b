"""`viseme.standardization.standardize`: a video in, lip motion alone out, in constant memory.

Knows the order of the work: media -> faces -> estimator -> synthesis -> file. Refuses to know how any of it is done.
Frames are decoded once to follow the faces, and once more where an estimator looks at pixels or a video is wanted;
between the passes a face waits at landmark size in a temporary file.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

import viseme
from viseme.core.errors import ConfigError, NoVideo, OutputError, UnreadableMedia
from viseme.core.results import RejectedTrack
from viseme.engine.prefetch import prefetch
from viseme.faces import FaceTrackChunk, tracker
from viseme.faces.crops import crop_frame, crop_squares
from viseme.media import MediaInfo, probe, read_frames
from viseme.media.files import shown
from viseme.media.search import find_media
from viseme.standardization.files import STANDARDIZED_SCHEMA, ClipWriter
from viseme.standardization.interface import (
    CROP_SIZE,
    FRAME_REASONS,
    Coefficients,
    ExpressionEstimator,
    FaceObservation,
    estimators,
)
from viseme.standardization.preview import write_video
from viseme.standardization.results import StandardizedTrack, StandardizeResult
from viseme.standardization.synthesis import Z_NORMS, Scale, StandardFace, ZNorm, rendered_frames

__all__ = ["FORMS", "Form", "input_of", "standardize"]

Form = Literal["rgb", "rgbd", "mesh", "beta"]
FORMS: tuple[Form, ...] = get_args(Form)
"""What a face can be standardised to."""

MAX_SIDE = 1280
"""Frames are scaled so that the longer side has at most this many pixels before faces are sought."""
STRETCH = 64
"""Frames handed on at a time."""


def standardize(
    path: str | os.PathLike[str],
    out: str | os.PathLike[str],
    *,
    as_: Form = "rgbd",
    estimator: str = "landmark-fit",
    weights: str | os.PathLike[str] | None = None,
    face_model: str = "default",
    z_norm: ZNorm = "clip",
    tracker: str = "mediapipe",
    video: str | os.PathLike[str] | None = None,
    overwrite: bool = False,
    on_progress: Callable[[float], None] | None = None,
) -> StandardizeResult:
    """Keep the lip motion of every face in a video, and nothing else.

    Args:
        path: Any file with moving frames.
        out: The safetensors file to write; see `viseme.standardization.files` for what is in it. It appears complete or
            not at all.
        as_: "rgb" and "rgbd" are frames of the mean face, "mesh" its displaced vertices, "beta" coefficients alone.
        estimator: Who reads the expression off the face, by name.
        weights: Name or file of the estimator's weights; None = those that ship.
        face_model: By name; an estimator that was trained with one accepts no other.
        z_norm: What depths 0 and 255 stand for: the range of the "clip", of each "frame", or of the "model".
        tracker: Face tracker, by name.
        video: Also write a video to look at: each face beside its standardised self, with the audio (as one channel).
        overwrite: Replace outputs that exist.
        on_progress: Told the fraction done, 0 to 1, now and then.

    Returns:
        Which faces were kept, how many of their frames are valid and why the others are not, and every face rejected.
        A video without a face gives a file without tracks.

    Raises:
        MediaError: the file cannot be read, has no video, or the output cannot be written.
        ConfigError: an option is out of its range.
        FaceError, WeightsError: a tracker, face model or network is missing or damaged.
    """
    began = time.perf_counter()
    if as_ not in FORMS:
        raise ConfigError(f"there is no form {as_!r}; known: {', '.join(FORMS)}")
    if z_norm not in Z_NORMS:
        raise ConfigError(f"there is no z_norm {z_norm!r}; known: {', '.join(Z_NORMS)}")
    reader = _estimator(estimator, face_model, None if weights is None else os.fspath(weights))
    face = StandardFace(StandardFace.Config(face_model=face_model))
    _refuse_empty_folder(path)
    info = probe(path)
    if info.video is None or info.video.is_still:
        what = "is a photograph" if info.video is not None else "has no video stream"
        raise NoVideo(f"{shown(path)} {what}; give a video file")
    for target in (out, video):
        _refuse_target(path, target, overwrite)
    warnings: list[str] = []
    tell = _Progress(on_progress, num_passes=2 + reader.needs_pixels + (video is not None))
    with _Spool(Path(os.fsdecode(os.fspath(out))).parent) as spool:
        rejected = _follow(path, info, tracker, spool, warnings.append, tell)
        tracks = [
            _Track(f"track{i}", track_id, spool.median_width(track_id), _explain(path, info, reader, spool, track_id))
            for i, track_id in enumerate(spool.by_start())
        ]
    scales = [_scale(face, t.coefficients, z_norm) for t in tracks]
    described = tuple(_described(t, s, as_) for t, s in zip(tracks, scales))
    result = StandardizeResult(
        file=os.fspath(path),  # type: ignore[arg-type]
        out=os.fspath(out),  # type: ignore[arg-type]
        as_=as_,
        estimator=estimator,
        weights=None if weights is None else os.fspath(weights),  # type: ignore[arg-type]
        face_model=face_model,
        z_norm=z_norm,
        tracks=described,
        rejected=tuple(rejected),
        duration=None if info.duration is None else float(info.duration),
        frame_rate=None if info.video.rate is None else float(info.video.rate),
        width=info.video.width,
        height=info.video.height,
    )
    tell.next_pass()
    _write(out, result, tracks, scales, face, path, tell)
    if video is not None:
        tell.next_pass()
        shown_faces = [(t.coefficients, s) for t, s in zip(tracks, scales)]
        write_video(path, video, info, shown_faces, face, depth=as_ == "rgbd", warn=warnings.append, tell=tell)
        result = replace(result, video=os.fspath(video))
    return replace(result, warnings=tuple(dict.fromkeys(warnings)), elapsed=time.perf_counter() - began)


@dataclass(frozen=True)
class _Track:
    """A face with its coefficients."""

    name: str
    track_id: int
    face_size_px: float
    coefficients: Coefficients


class _Progress:
    """Passes over the file -> one fraction."""

    def __init__(self, receiver: Callable[[float], None] | None, *, num_passes: int) -> None:
        self._receiver, self._num, self._done = receiver, num_passes, 0

    def next_pass(self) -> None:
        self._done += 1

    def __call__(self, fraction: float) -> None:
        if self._receiver is not None:
            self._receiver((self._done + min(max(fraction, 0.0), 1.0)) / self._num)


def _estimator(name: str, face_model: str, weights: str | None) -> ExpressionEstimator:
    kind: Any = estimators[name]
    known = {f.name for f in fields(kind.Config)}
    given = {"face_model": face_model} if "face_model" in known else {}
    if weights is not None:
        if "weights" not in known:
            raise ConfigError(f"{name} needs no weights; leave --weights out")
        given["weights"] = weights
    reader = kind(kind.Config(**given))
    if "face_model" not in known and reader.weights.face_model.name != face_model:
        raise ConfigError(
            f"{name} was trained with the face model {reader.weights.face_model.name!r}, not {face_model!r}"
        )
    return reader


def _refuse_empty_folder(path: str | os.PathLike[str]) -> None:
    """A folder stands in a batch only where nothing was found in it."""
    name = os.fsdecode(os.fspath(path))
    if os.path.isdir(name) and find_media([name]) == [name]:
        raise UnreadableMedia(f"{shown(path)} is a folder that holds no video; name a video or another folder")


def _refuse_target(path: str | os.PathLike[str], target: str | os.PathLike[str] | None, overwrite: bool) -> None:
    if target is None:
        return
    place = Path(os.fsdecode(os.fspath(target)))
    if place.is_dir():
        raise OutputError(f"{shown(target)} is a folder; give a file name")
    if not place.parent.is_dir():
        raise OutputError(f"{shown(target)} cannot be written: its folder does not exist; make the folder first")
    if place.exists() and place.samefile(os.fspath(path)):
        raise OutputError(f"{shown(target)} is the video itself; name another file")
    if place.exists() and not overwrite:
        raise OutputError(f"{shown(target)} exists; add --overwrite to replace it, or name another file")


# --- first pass: faces


def _follow(
    path: Any,
    info: MediaInfo,
    name: str,
    spool: _Spool,
    warn: Callable[[str], None],
    tell: _Progress,
) -> list[RejectedTrack]:
    """Put every usable face into the spool; return the others."""
    rejected: list[RejectedTrack] = []
    stream = prefetch(read_frames(path, max_side=MAX_SIDE, on_warning=warn), 8)
    try:
        for event in tracker[name](tracker[name].Config()).track(stream):
            if isinstance(event, RejectedTrack):
                rejected.append(event)
                continue
            spool.add(event)
            if info.duration:
                tell(event.end / float(info.duration))
    finally:
        stream.close()
    return rejected


class _Spool:
    """Face tracks at landmark size, in one file without a name that vanishes with the process."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._pieces: dict[int, list[tuple[int, int]]] = {}
        self._start: dict[int, float] = {}
        self._widths: dict[int, list[tuple[int, float]]] = {}

    def __enter__(self) -> _Spool:
        try:
            self._file = tempfile.TemporaryFile(dir=self._folder)
        except OSError as error:
            raise OutputError(f"{shown(self._folder)} cannot be written to: {error.strerror}") from error
        return self

    def __exit__(self, *exc: object) -> None:
        with suppress(OSError):  # what was not written on a full disk has been said
            self._file.close()

    def add(self, chunk: FaceTrackChunk) -> None:
        """One more stretch of a face."""
        try:
            at = self._file.seek(0, os.SEEK_END)
            for values in (chunk.times, chunk.landmarks, chunk.observed):
                self._file.write(np.ascontiguousarray(values).data.cast("B"))
            self._file.flush()
        except OSError as error:
            raise OutputError(f"{shown(self._folder)} cannot hold the landmarks: {error.strerror}") from error
        self._pieces.setdefault(chunk.track_id, []).append((at, len(chunk.times)))
        self._start.setdefault(chunk.track_id, chunk.start)
        self._widths.setdefault(chunk.track_id, []).append((len(chunk.times), chunk.face_size_px))

    def by_start(self) -> list[int]:
        """Ids of the tracks."""
        return sorted(self._start, key=lambda i: (self._start[i], i))

    def median_width(self, track_id: int) -> float:
        """Pixels of the source frame: the median over stretches, each as often as it has frames."""
        counts, widths = zip(*self._widths[track_id])
        return float(np.median(np.repeat(widths, counts)))

    def observations(self, track_id: int) -> Iterator[FaceObservation]:
        """The track in stretches of at most `STRETCH` frames."""
        for at, num in self._pieces[track_id]:
            self._file.seek(at)
            times = np.frombuffer(self._file.read(8 * num), np.float64)
            landmarks = np.frombuffer(self._file.read(4 * num * 478 * 3), np.float32).reshape(num, 478, 3)
            observed = np.frombuffer(self._file.read(num), np.bool_)
            crops = crop_squares(landmarks)
            for start in range(0, num, STRETCH):
                rows = slice(start, start + STRETCH)
                yield FaceObservation(
                    times=times[rows], landmarks=landmarks[rows], observed=observed[rows], crops=crops[rows]
                )


# --- second pass: coefficients


def _explain(path: Any, info: MediaInfo, reader: ExpressionEstimator, spool: _Spool, track_id: int) -> Coefficients:
    """All of one track; a few hundred bytes a frame."""
    track = spool.observations(track_id)
    if reader.needs_pixels:
        track = _with_pixels(path, info, track)
    parts = list(reader.estimate(track))
    whole = _joined(parts)
    expected = sum(num for _, num in spool._pieces[track_id])
    assert len(whole.times) == expected, f"{expected} frames went in, {len(whole.times)} came out"
    return whole


def _joined(parts: list[Coefficients]) -> Coefficients:
    one = parts[0]
    shared = one.alpha if one.alpha is not None and one.alpha.ndim == 1 else None
    residual = None if one.residual is None else np.concatenate([p.residual for p in parts])  # type: ignore[misc]
    return Coefficients(
        times=np.concatenate([p.times for p in parts]),
        beta=np.concatenate([p.beta for p in parts]).astype(np.float32, copy=False),
        pose=np.concatenate([p.pose for p in parts]).astype(np.float32, copy=False),
        valid=np.concatenate([p.valid for p in parts]),
        reason=np.concatenate([p.reason for p in parts]),
        crops=np.concatenate([p.crops for p in parts]),
        alpha=shared,
        residual=residual,
    )


def _with_pixels(path: Any, info: MediaInfo, track: Iterator[FaceObservation]) -> Iterator[FaceObservation]:
    """The same stretches with their crops, from another pass over the part of the file where the track is."""
    assert info.video is not None
    stream: Any = None
    try:
        for piece in track:
            if stream is None:
                longer, side = max(info.video.width, info.video.height), float(np.nanmedian(piece.crops[:, 2]))
                wanted = int(np.ceil(longer * min(1.0, 1.2 * CROP_SIZE / side)))
                stream = prefetch(read_frames(path, max_side=max(wanted, 16), start=float(piece.times[0]) - 1e-3), 8)
            images = np.zeros((len(piece.times), CROP_SIZE, CROP_SIZE, 3), np.uint8)
            for row, (at, crop) in enumerate(zip(piece.times, piece.crops)):
                frame = next((p for p in stream if float(p.time) > at - 1e-6), None)
                if frame is None or float(frame.time) > at + 1e-6:
                    raise UnreadableMedia(f"{shown(path)}: the frame at {at:.3f} s is gone; was the file changed?")
                if np.isfinite(crop).all():
                    images[row] = crop_frame(frame.image, crop, scale=frame.scale)
            yield replace(piece, images=images)
    finally:
        if stream is not None:
            stream.close()


# --- writing


def _scale(face: StandardFace, coefficients: Coefficients, z_norm: ZNorm) -> Scale:
    if z_norm == "model":
        return face.model_depth_range
    return face.depth_range(coefficients.beta[coefficients.valid]) if z_norm == "clip" else None


def _described(track: _Track, scale: Scale, form: Form) -> StandardizedTrack:
    c = track.coefficients
    counts = np.bincount(c.reason[~c.valid], minlength=len(FRAME_REASONS))
    residual = None
    if c.residual is not None and c.valid.any():
        residual = float(np.median(c.residual[c.valid]))
    return StandardizedTrack(
        name=track.name,
        track_id=track.track_id,
        start=float(c.times[0]),
        end=float(c.times[-1]),
        num_frames=len(c.times),
        num_valid=int(c.valid.sum()),
        reasons={name: int(n) for name, n in zip(FRAME_REASONS, counts) if n},
        face_size_px=track.face_size_px,
        residual=residual,
        depth_range=scale if form == "rgbd" else None,
    )


def _write(
    out: Any,
    result: StandardizeResult,
    tracks: list[_Track],
    scales: list[Scale],
    face: StandardFace,
    path: Any,
    tell: _Progress,
) -> None:
    form, size = result.as_, face.config.size
    layout: dict[str, tuple[type, tuple[int, ...]]] = {}
    small: dict[str, NDArray[Any]] = {}
    if form == "mesh":
        small |= {"mesh_vertices": face.mesh_vertices.astype(np.int32), "mesh_triangles": face.mesh_triangles}
    for track in tracks:
        c, prefix = track.coefficients, track.name
        small |= {
            f"{prefix}.times": c.times.astype(np.float64),
            f"{prefix}.beta": c.beta,
            f"{prefix}.pose": c.pose,
            f"{prefix}.crops": c.crops.astype(np.float32),
            f"{prefix}.valid": c.valid,
            f"{prefix}.reason": c.reason,
        }
        if c.alpha is not None:
            small[f"{prefix}.alpha"] = c.alpha
        if c.residual is not None:
            small[f"{prefix}.residual"] = c.residual
        if form == "mesh":
            layout[f"{prefix}.mesh"] = (np.float32, (len(c.times), len(face.mesh_vertices), 3))
        elif form != "beta":
            layout[f"{prefix}.{form}"] = (np.uint8, (len(c.times), len(form), size, size))
    layout |= {name: (values.dtype.type, values.shape) for name, values in small.items()}
    total, done = max(sum(len(t.coefficients.times) for t in tracks), 1), 0
    with ClipWriter.to(out, layout, _metadata(result, path)) as writer:
        for name, values in small.items():
            writer.write(name, values)
        for track, scale in zip(tracks, scales):
            c = track.coefficients
            for start in range(0, len(c.times) if form != "beta" else 0, STRETCH):
                rows = slice(start, start + STRETCH)
                if form == "mesh":
                    drawn: NDArray[Any] = face.mesh(c.beta[rows])
                else:
                    drawn = rendered_frames(face, c, scale, rows)[:, : len(form)]
                writer.write(f"{track.name}.{form}", drawn)
                done += len(drawn)
                tell(done / total)


def input_of(path: str | os.PathLike[str]) -> dict[str, int]:
    """What tells one state of a file from another."""
    status = os.stat(path)
    return {"size": status.st_size, "mtime_ns": status.st_mtime_ns}


def _metadata(result: StandardizeResult, path: Any) -> dict[str, Any]:
    return {
        "schema": STANDARDIZED_SCHEMA,
        "file": os.path.basename(os.fspath(path)),
        "as": result.as_,
        "estimator": result.estimator,
        "weights": result.weights,
        "face_model": result.face_model,
        "z_norm": result.z_norm,
        "reasons": list(FRAME_REASONS),
        "tracks": result.tracks,
        "rejected": result.rejected,
        "input": input_of(path),
        "package": f"viseme {viseme.__version__}",
    }
