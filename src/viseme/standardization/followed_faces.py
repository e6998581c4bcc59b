"""The faces of a video, followed once; each waits at landmark size in a temporary file until it is explained.

Where an estimator looks at pixels, it does so as the tracker gives each piece: crops lie on the disk for `KEEP_S` at
most, whatever the length of the video. Knows tracks, the spool and the estimator's interface; refuses to know video
files and what coefficients are for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from viseme.core.results import RejectedTrack
from viseme.faces import FaceTrackChunk
from viseme.faces.crop_recorder import CropRecorder, RecordedCrops
from viseme.faces.crops import crop_squares
from viseme.standardization.forms import STRETCH
from viseme.standardization.interface import Coefficients, FaceObservation
from viseme.standardization.observation_spool import ObservationSpool

__all__ = ["FollowedFaces"]

KEEP_S = 60.0
"""Seconds of a face whose crops are kept for the piece that is being followed: twice the tracker's longest."""


class FollowedFaces:
    """Every usable face of one video, and why the others are not."""

    def __init__(self, folder: Path, reader: Any) -> None:
        """Have seen nothing yet.

        Args:
            folder: Where the temporary file lies.
            reader: Explains the faces: an `ExpressionEstimator`, a `PixelEstimator` where it needs pixels.

        Raises:
            OutputError: the folder cannot be written to.
        """
        self.rejected: list[RejectedTrack] = []
        """Faces that cannot be used."""
        self._reader = reader
        self._files = ExitStack()
        self._spool = self._files.enter_context(ObservationSpool(folder))
        self._crops = self._files.enter_context(CropRecorder(keep_s=KEEP_S)) if reader.needs_pixels else None
        self._looked: dict[int, list[Coefficients]] = {}
        self._start: dict[int, float] = {}
        self._widths: dict[int, list[tuple[int, float]]] = {}

    def __enter__(self) -> FollowedFaces:
        return self

    def __exit__(self, *exc: object) -> None:
        self._files.close()

    def follow(self, frames: Iterable[Any], tracker: Any, on_time: Callable[[float], None]) -> None:
        """Follow every face to the end of the video.

        Args:
            frames: In order.
            tracker: A `viseme.faces.FaceTracker`.
            on_time: Told the seconds that are done, now and then.

        Raises:
            OutputError: the disk is full.
        """
        for event in tracker.track(frames, observers=[] if self._crops is None else [self._crops]):
            if isinstance(event, RejectedTrack):
                self.rejected.append(event)
                if self._crops is not None:
                    self._crops.forget(event.track_id)
            else:
                self._take(event)
                on_time(event.end)

    def _take(self, chunk: FaceTrackChunk) -> None:
        images = None if self._crops is None else self._crops.images(chunk.track_id, chunk.times)
        piece = FaceObservation(
            times=chunk.times,
            landmarks=chunk.landmarks,
            observed=chunk.observed,
            crops=crop_squares(chunk.landmarks) if images is None else images.squares,
        )
        self._spool.add(piece, chunk.track_id)
        if self._crops is not None:
            assert images is not None, f"no crops of face {chunk.track_id}"
            self._look(piece, images, chunk.track_id)
            self._crops.forget(chunk.track_id, np.inf if chunk.last else float(np.nextafter(chunk.end, np.inf)))
        self._start.setdefault(chunk.track_id, chunk.start)
        self._widths.setdefault(chunk.track_id, []).append((len(chunk.times), chunk.face_size_px))

    def _look(self, piece: FaceObservation, images: RecordedCrops, track_id: int) -> None:
        """Hear what the network says of a piece, in the stretches in which it will come back from the spool."""
        for start in range(0, len(piece.times), STRETCH):
            rows = slice(start, start + STRETCH)
            part = FaceObservation(
                times=piece.times[rows],
                landmarks=piece.landmarks[rows],
                observed=piece.observed[rows],
                crops=piece.crops[rows],
                images=images[rows],
            )
            self._looked.setdefault(track_id, []).append(self._reader.look(part))

    def by_start(self) -> list[int]:
        """Ids of the tracks."""
        return sorted(self._start, key=lambda i: (self._start[i], i))

    def median_width(self, track_id: int) -> float:
        """Pixels of the source frame: the median over stretches, each as often as it has frames."""
        counts, widths = zip(*self._widths[track_id])
        return float(np.median(np.repeat(widths, counts)))

    def explain(self, track_id: int) -> Coefficients:
        """All of one track; a few hundred bytes a frame."""
        track = self.observations(track_id)
        if self._crops is not None:
            looked = self._looked.pop(track_id)
            track = (replace(piece, looked=found) for piece, found in zip(track, looked, strict=True))
        whole = _joined(list(self._reader.estimate(track)))
        expected = self._spool.num_frames(track_id)
        assert len(whole.times) == expected, f"{expected} frames went in, {len(whole.times)} came out"
        return whole

    def observations(self, track_id: int) -> Iterator[FaceObservation]:
        """A track in stretches of at most `STRETCH` frames, without images."""
        return self._spool.observations(track_id, most=STRETCH)


def _joined(parts: list[Coefficients]) -> Coefficients:
    """Stretches of a track as one; identity is kept where one value is shared by the track."""
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
