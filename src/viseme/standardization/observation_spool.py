"""Stretches of face tracks that wait, at landmark size, in memory or in a file without a name.

Knows arrays and one file; refuses to know what is waited for. The file vanishes with the process.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from viseme.core.errors import OutputError
from viseme.media.files import shown
from viseme.standardization.interface import FaceObservation

__all__ = ["ObservationSpool"]


class _Piece(NamedTuple):
    """Where a stretch lies in the file."""

    at: int
    num: int
    points: tuple[int, int]
    """Landmarks of a frame, and coordinates of each."""


class ObservationSpool:
    """Stretches of any number of tracks, in the order in which they were added; without their images."""

    def __init__(self, folder: Path | None = None, *, in_memory: int = 0) -> None:
        """Open an empty spool.

        Args:
            folder: Where the file lies; None = where temporary files are kept.
            in_memory: Bytes that are kept in memory before a file is made; 0 = a file from the start.

        Raises:
            OutputError: the folder cannot be written to.
        """
        self._folder = folder
        self._pieces: dict[int, list[_Piece]] = {}
        try:
            self._file = (
                tempfile.SpooledTemporaryFile(in_memory, dir=None if folder is None else str(folder))  # noqa: SIM115 - closed by `__exit__`
                if in_memory
                else tempfile.TemporaryFile(dir=folder)  # noqa: SIM115
            )
        except OSError as error:
            raise OutputError(f"{self._place} cannot be written to: {error.strerror}") from error

    @property
    def _place(self) -> str:
        return shown(self._folder or tempfile.gettempdir())

    def __enter__(self) -> ObservationSpool:
        return self

    def __exit__(self, *exc: object) -> None:
        with suppress(OSError):  # what was not written on a full disk has been said
            self._file.close()

    def add(self, piece: FaceObservation, track_id: int = 0) -> None:
        """Keep one more stretch of a track.

        Raises:
            OutputError: the disk is full.
        """
        arrays: list[NDArray] = [
            piece.times.astype(np.float64),
            piece.crops.astype(np.float64),
            piece.landmarks.astype(np.float32),
            piece.observed.astype(np.uint8),
        ]
        try:
            at = self._file.seek(0, 2)
            for values in arrays:
                self._file.write(np.ascontiguousarray(values).tobytes())
            self._file.flush()
        except OSError as error:
            raise OutputError(f"{self._place} cannot hold the landmarks: {error.strerror}") from error
        num, *points = arrays[2].shape
        self._pieces.setdefault(track_id, []).append(_Piece(at, num, (points[0], points[1])))

    def num_frames(self, track_id: int = 0) -> int:
        """Frames kept of a track."""
        return sum(piece.num for piece in self._pieces.get(track_id, ()))

    def observations(self, track_id: int = 0, *, most: int | None = None) -> Iterator[FaceObservation]:
        """The stretches of a track as they were added.

        Args:
            track_id: Whose.
            most: Frames of a stretch at most: longer ones are cut.
        """
        for piece in self._pieces.get(track_id, ()):
            self._file.seek(piece.at)
            times = self._read(np.float64, piece.num)
            crops = self._read(np.float64, piece.num, 3)
            landmarks = self._read(np.float32, piece.num, *piece.points)
            observed = self._read(np.uint8, piece.num).astype(bool)
            for start in range(0, piece.num, most or max(piece.num, 1)):
                rows = slice(start, None if most is None else start + most)
                yield FaceObservation(
                    times=times[rows], landmarks=landmarks[rows], observed=observed[rows], crops=crops[rows]
                )

    def _read(self, dtype: type, *shape: int) -> NDArray:
        size = int(np.prod(shape)) * np.dtype(dtype).itemsize
        return np.frombuffer(self._file.read(size), dtype).reshape(shape)
