"""`viseme.standardization.standardize`: a video in, lip motion alone out, in constant memory.

Knows the order of the work: media -> faces -> estimator -> synthesis -> file. Refuses to know how any of it is done.
Frames are decoded once, to follow the faces and to show their crops to an estimator that looks at pixels, and once
more where a video to look at is wanted; meanwhile a face waits at landmark size in a temporary file.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from viseme.core.errors import ConfigError, OutputError, UnreadableMedia
from viseme.engine.prefetch import prefetch
from viseme.faces import tracker
from viseme.media.files import shown
from viseme.media.search import find_media
from viseme.media.source import MediaSource, open_source
from viseme.standardization.clip_contents import ExplainedTrack, input_of, write_clip
from viseme.standardization.followed_faces import FollowedFaces
from viseme.standardization.forms import FORMS, Form
from viseme.standardization.interface import Coefficients, ExpressionEstimator, estimators
from viseme.standardization.preview import write_video
from viseme.standardization.results import StandardizeResult
from viseme.standardization.synthesis import Z_NORMS, Scale, StandardFace, ZNorm

__all__ = ["standardize"]

MAX_SIDE = 1280
"""Frames are scaled so that the longer side has at most this many pixels before faces are sought."""
MAX_SIDE_OF_CROPS = 1920
"""The same where an estimator looks at crops of 224 pixels, so that those of a small face are not blurred."""
NUM_AHEAD = 8
"""Frames decoded ahead of the tracker."""


def standardize(
    path: str | os.PathLike[str] | None,
    out: str | os.PathLike[str],
    *,
    frames: Iterable[NDArray[np.uint8]] | None = None,
    times: Sequence[float] | NDArray[np.floating] | None = None,
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
        path: Any file with moving frames; None = the arrays.
        out: The safetensors file to write; see `viseme.standardization.files` for what is in it. It appears complete or
            not at all.
        frames: (T, H, W, 3) uint8 RGB, or an iterable of T such frames, in place of a file.
        times: (T,) seconds of the frames, strictly rising.
        as_: "rgb" and "rgbd" are frames of the mean face, "mesh" its displaced vertices, "beta" coefficients alone,
            "arkit" 52 coefficients by ARKit's names (`viseme.faces.blendshapes.ARKIT_NAMES`).
        estimator: Who reads the expression off the face, by name.
        weights: Name or file of the estimator's weights; None = those that ship.
        face_model: By name; an estimator that was trained with one accepts no other.
        z_norm: What depths 0 and 255 stand for: the range of the "clip", of each "frame", or of the "model".
        tracker: Face tracker, by name.
        video: Also write a video to look at: each face beside its standardised self, with the audio (as one channel);
            of a file only.
        overwrite: Replace outputs that exist.
        on_progress: Told the fraction done, 0 to 1, now and then.

    Returns:
        Which faces were kept, how many of their frames are valid and why the others are not, and every face rejected.
        A video without a face gives a file without tracks.

    Raises:
        MediaError: the file cannot be read, has no video, or the output cannot be written.
        ConfigError: an option is out of its range.
        FaceError, WeightsError: a tracker, face model or network is missing or damaged.
        ValueError: both a file and arrays are given, or an array is missing or makes no sense.
    """
    began = time.perf_counter()
    if as_ not in FORMS:
        raise ConfigError(f"there is no form {as_!r}; known: {', '.join(FORMS)}")
    if z_norm not in Z_NORMS:
        raise ConfigError(f"there is no z_norm {z_norm!r}; known: {', '.join(Z_NORMS)}")
    reader = _estimator(estimator, face_model, None if weights is None else os.fspath(weights))
    face = StandardFace(StandardFace.Config(face_model=face_model))
    if path is not None:
        _refuse_empty_folder(path)
    elif video is not None:
        raise ValueError("a video to look at is made from a file; leave video out for arrays")
    source = open_source(path, frames=frames, times=times, needs_audio=False)
    for target in (out, video):
        _refuse_target(path, target, overwrite)
    warnings: list[str] = []
    tell = _Progress(on_progress, num_passes=2 + (video is not None))
    with FollowedFaces(Path(os.fsdecode(os.fspath(out))).parent, reader) as faces:
        _follow(source, faces, tracker, MAX_SIDE_OF_CROPS if reader.needs_pixels else MAX_SIDE, warnings.append, tell)
        tracks = []
        for number, track_id in enumerate(faces.by_start()):
            coefficients = faces.explain(track_id)
            tracks.append(
                ExplainedTrack(
                    name=f"track{number}",
                    track_id=track_id,
                    face_size_px=faces.median_width(track_id),
                    coefficients=coefficients,
                    scale=_scale(face, coefficients, z_norm),
                )
            )
        result = StandardizeResult(
            file=source.name,
            out=os.fspath(out),  # type: ignore[arg-type]
            as_=as_,
            estimator=estimator,
            weights=None if weights is None else os.fspath(weights),  # type: ignore[arg-type]
            face_model=face_model,
            z_norm=z_norm,
            tracks=tuple(track.described(as_) for track in tracks),
            rejected=tuple(faces.rejected),
            duration=source.duration,
            frame_rate=source.frame_rate,
            width=source.width,
            height=source.height,
        )
        tell.next_pass()
        write_clip(out, result, tracks, face, faces.observations, None if path is None else input_of(path), tell)
    if video is not None:
        assert path is not None
        tell.next_pass()
        shown_faces = [(track.coefficients, track.scale) for track in tracks]
        write_video(path, video, shown_faces, face, depth=as_ == "rgbd", warn=warnings.append, tell=tell)
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


def _refuse_target(path: str | os.PathLike[str] | None, target: str | os.PathLike[str] | None, overwrite: bool) -> None:
    if target is None:
        return
    place = Path(os.fsdecode(os.fspath(target)))
    if place.is_dir():
        raise OutputError(f"{shown(target)} is a folder; give a file name")
    if not place.parent.is_dir():
        raise OutputError(f"{shown(target)} cannot be written: its folder does not exist; make the folder first")
    if path is not None and place.exists() and place.samefile(os.fspath(path)):
        raise OutputError(f"{shown(target)} is the video itself; name another file")
    if place.exists() and not overwrite:
        raise OutputError(f"{shown(target)} exists; add --overwrite to replace it, or name another file")


def _follow(
    source: MediaSource, faces: FollowedFaces, name: str, max_side: int, warn: Callable[[str], None], tell: _Progress
) -> None:
    def on_time(seconds: float) -> None:
        if source.duration:
            tell(seconds / source.duration)

    with closing(prefetch(source.frames(max_side=max_side, on_warning=warn), NUM_AHEAD)) as frames:
        faces.follow(frames, tracker[name](tracker[name].Config()), on_time)


def _scale(face: StandardFace, coefficients: Coefficients, z_norm: ZNorm) -> Scale:
    if z_norm == "model":
        return face.model_depth_range
    return face.depth_range(coefficients.beta[coefficients.valid]) if z_norm == "clip" else None
