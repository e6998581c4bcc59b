"""Crops of every followed face, written to a temporary file while the tracker runs and read back when wanted.

Knows landmarks and frames; refuses to know what crops are for. A video is decoded once; memory does not grow with its
length, and neither does the file where crops are dropped again: their places are used anew. A standard crop takes
150 kB; the file lies where `tempfile` puts it (environment variable TMPDIR) and has no name.
"""

from __future__ import annotations

import tempfile
from bisect import bisect_left
from typing import Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from viseme.faces.crops import CROP_SIZE, MARGIN, crop_frame, crop_squares

__all__ = ["CropKind", "CropRecorder", "FaceCrop", "FacePatch", "ImagesInMemory", "RecordedCrops"]

Rows: TypeAlias = "slice | NDArray[np.integer] | NDArray[np.bool_]"


class CropKind(Protocol):
    """Which part of a frame is kept of a face, and how."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Of one crop; its values are bytes."""
        ...

    def square(self, landmarks: NDArray[np.floating]) -> NDArray[np.floating]:
        """(3,) centre x, centre y and side of the square to keep, from (478, 3) landmarks; all in source pixels."""
        ...

    def cut(self, image: NDArray[np.uint8], square: NDArray[np.floating], scale: float) -> NDArray[np.uint8]:
        """The crop; `scale` is the width of `image` over that of the source frame."""
        ...


class FaceCrop:
    """The standard crop, 224 x 224 RGB: what `raw` lip input and the expression networks see."""

    shape = (CROP_SIZE, CROP_SIZE, 3)

    def square(self, landmarks: NDArray[np.floating]) -> NDArray[np.float64]:
        """See `crop_squares`."""
        return crop_squares(landmarks[None])[0]

    def cut(self, image: NDArray[np.uint8], square: NDArray[np.floating], scale: float) -> NDArray[np.uint8]:
        """See `crop_frame`; black where the square is not finite."""
        if not np.isfinite(square).all():
            return np.zeros(self.shape, np.uint8)
        return crop_frame(image, square, scale=scale)


class FacePatch:
    """A larger crop, 320 x 320 RGB, from which others are cut with landmarks that are known later: the pixels of the
    frame themselves where the face is small enough (160 pixels), means of them where it is larger."""

    size = 320
    shape = (size, size, 3)
    margin = 2.0
    """Least side over the larger side of the box around the landmarks: that box, turned and moved, stays inside."""
    below = 0.1
    """Centre below that of the box, over its larger side."""

    def square(self, landmarks: NDArray[np.floating]) -> NDArray[np.float64]:
        """(3,) centre x, centre y, side; at least `size` pixels, and then on whole pixels."""
        x, y, side = crop_squares(landmarks[None])[0]
        box = side / MARGIN
        place = np.array([x, y + self.below * box])
        if not box * self.margin <= self.size:
            return np.array([*place, box * self.margin])
        return np.array([*(np.rint(place - self.size / 2) + self.size / 2), self.size])

    def cut(self, image: NDArray[np.uint8], square: NDArray[np.floating], scale: float) -> NDArray[np.uint8]:
        """See `crop_frame`; black where the square is not finite."""
        if not np.isfinite(square).all():
            return np.zeros(self.shape, np.uint8)
        return crop_frame(image, square, scale=scale, size=self.size)


class _Crop:
    """Where one crop lies in the file, and what it shows."""

    __slots__ = ("place", "square", "time")

    def __init__(self, time: float, place: int, square: NDArray[np.floating]) -> None:
        self.time, self.place, self.square = time, place, square


class CropRecorder:
    """A `FaceObserver` that keeps a crop of every face on every frame.

    Example:
        >>> with CropRecorder() as recorder:
        ...     points = np.random.default_rng(0).uniform(40, 60, (478, 3)).astype(np.float32)
        ...     recorder.see(0, 0.04, np.zeros((100, 100, 3), np.uint8), 1.0, points, observed=True)
        ...     recorder.images(0, np.array([0.04]))[:].shape
        (1, 224, 224, 3)
    """

    def __init__(self, kind: CropKind | None = None, *, keep_s: float | None = None) -> None:
        """Keep nothing yet.

        Args:
            kind: Which crop; None = `FaceCrop`.
            keep_s: Seconds of each face after which crops are dropped; None = all are kept until `forget`.
        """
        self.kind: CropKind = kind or FaceCrop()
        self._keep_s = keep_s
        self._size = int(np.prod(self.kind.shape))
        self._file = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the recorder
        self._num_places = 0
        self._free: list[int] = []
        self._tracks: dict[int, list[_Crop]] = {}

    def __enter__(self) -> CropRecorder:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """Give the disk back."""
        self._file.close()

    def see(
        self,
        track_id: int,
        time: float,
        image: NDArray[np.uint8],
        scale: float,
        landmarks: NDArray[np.float32],
        *,
        observed: bool,
    ) -> None:
        """Keep the crop of a face on one frame; where it was not seen, the crop at the place where it was last."""
        square = self.kind.square(landmarks)
        place = self._free.pop() if self._free else self._num_places
        self._num_places = max(self._num_places, place + 1)
        self._file.seek(place * self._size)
        self._file.write(np.ascontiguousarray(self.kind.cut(image, square, scale)).tobytes())
        self._tracks.setdefault(track_id, []).append(_Crop(time, place, square))
        if self._keep_s is not None:
            self.forget(track_id, time - self._keep_s)

    def renamed(self, track_id: int, new_id: int, start: float) -> None:
        """See `FaceObserver.renamed`: crops from `start` on change hands."""
        crops = self._tracks.get(track_id, [])
        first = bisect_left(crops, start, key=lambda crop: crop.time)
        if first < len(crops):
            self._tracks[new_id] = crops[first:]
        del crops[first:]
        if not crops:
            self._tracks.pop(track_id, None)

    def images(self, track_id: int, times: NDArray[np.floating]) -> RecordedCrops | None:
        """The crops of a face that are nearest to `times`, still to be read; None where there are none."""
        crops = self._tracks.get(track_id)
        if not crops:
            return None
        when = np.array([crop.time for crop in crops])
        after = np.clip(np.searchsorted(when, times), 0, len(when) - 1)
        before = np.maximum(after - 1, 0)
        nearer = np.where(np.abs(when[before] - times) <= np.abs(when[after] - times), before, after)
        places = np.array([crop.place for crop in crops], np.int64)
        squares = np.array([crop.square for crop in crops], np.float64)
        return RecordedCrops(self, places[nearer], squares[nearer])

    def forget(self, track_id: int, before: float = np.inf) -> None:
        """Drop the crops of a face before a time; they must not be read any more."""
        crops = self._tracks.get(track_id, [])
        num = bisect_left(crops, before, key=lambda crop: crop.time)
        self._free += [crop.place for crop in crops[:num]]
        del crops[:num]
        if not crops:
            self._tracks.pop(track_id, None)

    def read(self, places: NDArray[np.integer]) -> NDArray[np.uint8]:
        """(N, ...) crops by their places in the file."""
        out = np.empty((len(places), self._size), np.uint8)
        for row, place in zip(out, places):
            self._file.seek(int(place) * self._size)
            row[:] = np.frombuffer(self._file.read(self._size), np.uint8)
        return out.reshape(-1, *self.kind.shape)

    @property
    def track_ids(self) -> set[int]:
        """Faces of which crops are kept."""
        return set(self._tracks)

    @property
    def num_places(self) -> int:
        """Crops that the file has room for."""
        return self._num_places


class RecordedCrops:
    """Crops of a stretch of one face, one a frame, read when they are asked for."""

    def __init__(self, recorder: CropRecorder, places: NDArray[np.int64], squares: NDArray[np.float64]) -> None:
        self._recorder, self._places = recorder, places
        self.squares = squares
        """(T, 3) centre x, centre y and side of the square of the frame that each shows, source pixels."""

    def __len__(self) -> int:
        return len(self._places)

    def __getitem__(self, rows: Rows) -> NDArray[np.uint8]:
        """(N, ...) crops of some of the frames."""
        return self._recorder.read(self._places[rows])

    def rows(self, rows: Rows) -> RecordedCrops:
        """Some of the frames, still to be read."""
        return RecordedCrops(self._recorder, self._places[rows], self.squares[rows])


class ImagesInMemory:
    """Crops of a stretch of one face that are at hand: the plainest `FaceImages`."""

    def __init__(self, images: NDArray[np.uint8], squares: NDArray[np.floating]) -> None:
        """(T, S, S, 3) crops and (T, 3) what each shows, see `FaceImages.squares`."""
        self._images = images
        self.squares = np.asarray(squares, np.float64)

    def __len__(self) -> int:
        return len(self._images)

    def __getitem__(self, rows: Rows) -> NDArray[np.uint8]:
        """(N, ...) some of the frames."""
        return self._images[rows]

    def rows(self, rows: Rows) -> ImagesInMemory:
        """Some of the frames."""
        return ImagesInMemory(self._images[rows], self.squares[rows])
