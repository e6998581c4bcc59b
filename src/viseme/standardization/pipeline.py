"""`viseme.standardization.standardize`: a video in, lip motion alone out, in constant memory.

Knows the order of the work: media -> faces -> estimator -> synthesis -> file. Refuses to know how any of it is done.
Frames are decoded once to follow the faces, and once more where an estimator looks at pixels or a video is wanted;
between the passes a face waits at landmark size in a temporary file.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np

from viseme.core.errors import ConfigError, NoVideo, OutputError, UnreadableMedia
from viseme.engine.prefetch import prefetch
from viseme.faces import tracker
from viseme.faces.crops import crop_frame
from viseme.media import MediaInfo, probe, read_frames
from viseme.media.files import shown
from viseme.media.search import find_media
from viseme.standardization.clip_contents import ExplainedTrack, input_of, write_clip
from viseme.standardization.followed_faces import FollowedFaces, joined
from viseme.standardization.forms import FORMS, Form
from viseme.standardization.interface import (
    CROP_SIZE,
    Coefficients,
    ExpressionEstimator,
    FaceObservation,
    estimators,
)
from viseme.standardization.preview import write_video
from viseme.standardization.results import StandardizeResult
from viseme.standardization.synthesis import Z_NORMS, Scale, StandardFace, ZNorm

__all__ = ["standardize"]

MAX_SIDE = 1280
"""Frames are scaled so that the longer side has at most this many pixels before faces are sought."""
NUM_AHEAD = 8
"""Frames decoded ahead of the tracker."""


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
        as_: "rgb" and "rgbd" are frames of the mean face, "mesh" its displaced vertices, "beta" coefficients alone,
            "arkit" 52 coefficients by ARKit's names (`viseme.faces.blendshapes.ARKIT_NAMES`).
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
    with FollowedFaces(Path(os.fsdecode(os.fspath(out))).parent) as faces:
        _follow(path, info, tracker, faces, warnings.append, tell)
        tracks = [
            _explained(path, info, reader, faces, track_id, f"track{i}", face, z_norm)
            for i, track_id in enumerate(faces.by_start())
        ]
        result = StandardizeResult(
            file=os.fspath(path),  # type: ignore[arg-type]
            out=os.fspath(out),  # type: ignore[arg-type]
            as_=as_,
            estimator=estimator,
            weights=None if weights is None else os.fspath(weights),  # type: ignore[arg-type]
            face_model=face_model,
            z_norm=z_norm,
            tracks=tuple(track.described(as_) for track in tracks),
            rejected=tuple(faces.rejected),
            duration=None if info.duration is None else float(info.duration),
            frame_rate=None if info.video.rate is None else float(info.video.rate),
            width=info.video.width,
            height=info.video.height,
        )
        tell.next_pass()
        write_clip(out, result, tracks, face, faces.observations, input_of(path), tell)
    if video is not None:
        tell.next_pass()
        shown_faces = [(track.coefficients, track.scale) for track in tracks]
        write_video(path, video, info, shown_faces, face, depth=as_ == "rgbd", warn=warnings.append, tell=tell)
        result = replace(result, video=os.fspath(video))
    return replace(result, warnings=tuple(dict.fromkeys(warnings)), elapsed=time.perf_counter() - began)


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
    path: Any, info: MediaInfo, name: str, faces: FollowedFaces, warn: Callable[[str], None], tell: _Progress
) -> None:
    def on_time(seconds: float) -> None:
        if info.duration:
            tell(seconds / float(info.duration))

    with closing(prefetch(read_frames(path, max_side=MAX_SIDE, on_warning=warn), NUM_AHEAD)) as frames:
        faces.follow(frames, tracker[name](tracker[name].Config()), on_time)


# --- second pass: coefficients


def _explained(
    path: Any,
    info: MediaInfo,
    reader: ExpressionEstimator,
    faces: FollowedFaces,
    track_id: int,
    name: str,
    face: StandardFace,
    z_norm: ZNorm,
) -> ExplainedTrack:
    """All of one track; a few hundred bytes a frame."""
    track = faces.observations(track_id)
    if reader.needs_pixels:
        track = _with_pixels(path, info, track)
    whole = joined(list(reader.estimate(track)))
    expected = faces.num_frames(track_id)
    assert len(whole.times) == expected, f"{expected} frames went in, {len(whole.times)} came out"
    return ExplainedTrack(
        name=name,
        track_id=track_id,
        face_size_px=faces.median_width(track_id),
        coefficients=whole,
        scale=_scale(face, whole, z_norm),
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


def _scale(face: StandardFace, coefficients: Coefficients, z_norm: ZNorm) -> Scale:
    if z_norm == "model":
        return face.model_depth_range
    return face.depth_range(coefficients.beta[coefficients.valid]) if z_norm == "clip" else None
