"""The faces of a video, followed once; each waits at landmark size in a temporary file until it is explained.

Knows face tracks and the spool; refuses to know files of video and what coefficients are for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from viseme.core.results import RejectedTrack
from viseme.faces import FaceTrackChunk
from viseme.faces.crops import crop_squares
from viseme.standardization.forms import STRETCH
from viseme.standardization.interface import Coefficients, FaceObservation
from viseme.standardization.observation_spool import ObservationSpool

__all__ = ["FollowedFaces", "joined"]


class FollowedFaces:
    """Every usable face of one video, and why the others are not."""

    def __init__(self, folder: Path) -> None:
        """Have seen nothing yet.

        Args:
            folder: Where the temporary file lies.

        Raises:
            OutputError: the folder cannot be written to.
        """
        self.rejected: list[RejectedTrack] = []
        """Faces that cannot be used."""
        self._spool = ObservationSpool(folder)
        self._start: dict[int, float] = {}
        self._widths: dict[int, list[tuple[int, float]]] = {}

    def __enter__(self) -> FollowedFaces:
        return self

    def __exit__(self, *exc: object) -> None:
        self._spool.__exit__(*exc)

    def follow(self, frames: Iterable[Any], tracker: Any, on_time: Callable[[float], None]) -> None:
        """Follow every face to the end of the video.

        Args:
            frames: In order.
            tracker: A `viseme.faces.FaceTracker`.
            on_time: Told the seconds that are done, now and then.

        Raises:
            OutputError: the disk is full.
        """
        for event in tracker.track(frames):
            if isinstance(event, RejectedTrack):
                self.rejected.append(event)
            else:
                self._take(event)
                on_time(event.end)

    def _take(self, chunk: FaceTrackChunk) -> None:
        piece = FaceObservation(
            times=chunk.times,
            landmarks=chunk.landmarks,
            observed=chunk.observed,
            crops=crop_squares(chunk.landmarks),
        )
        self._spool.add(piece, chunk.track_id)
        self._start.setdefault(chunk.track_id, chunk.start)
        self._widths.setdefault(chunk.track_id, []).append((len(chunk.times), chunk.face_size_px))

    def by_start(self) -> list[int]:
        """Ids of the tracks."""
        return sorted(self._start, key=lambda i: (self._start[i], i))

    def median_width(self, track_id: int) -> float:
        """Pixels of the source frame: the median over stretches, each as often as it has frames."""
        counts, widths = zip(*self._widths[track_id])
        return float(np.median(np.repeat(widths, counts)))

    def num_frames(self, track_id: int) -> int:
        """Frames of a track."""
        return self._spool.num_frames(track_id)

    def observations(self, track_id: int) -> Iterator[FaceObservation]:
        """A track in stretches of at most `STRETCH` frames, without images."""
        return self._spool.observations(track_id, most=STRETCH)


def joined(parts: list[Coefficients]) -> Coefficients:
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
