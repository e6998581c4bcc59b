"""Grey mouths of every face, for networks that want pixels: written to a temporary file while the tracker runs.

Knows boxes and frames; memory does not grow with the video, the disk does: 12.5 kB a face and frame.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

__all__ = ["CROP_PX", "CropReader", "CropStore", "mouth_square"]

CROP_PX = 112
"""Side of a crop."""


def mouth_square(box: NDArray[np.floating]) -> tuple[float, float, float]:
    """Centre and side of the square that the published networks see of a face's box (xyxy).

    Source:
        Light-ASD cuts a square of 2.8 half-sizes, .4 of one lower than the box, scales it to 224 and keeps the middle
        112: a square of 1.4 half-sizes.
    """
    x0, y0, x1, y1 = (float(v) for v in box)
    half = max(x1 - x0, y1 - y0) / 2
    return (x0 + x1) / 2, (y0 + y1) / 2 + 0.4 * half, 1.4 * half


def grey_square(image: NDArray[np.uint8], x: float, y: float, side: float) -> NDArray[np.uint8]:
    """(112, 112) grey; what lies outside the frame is 110, as in the published crops."""
    at = (np.arange(CROP_PX) + 0.5) / CROP_PX * side - side / 2
    columns, rows = np.floor(x + at).astype(int), np.floor(y + at).astype(int)
    height, width = image.shape[:2]
    inside = ((rows >= 0) & (rows < height))[:, None] & ((columns >= 0) & (columns < width))[None]
    picked = image[np.clip(rows, 0, height - 1)[:, None], np.clip(columns, 0, width - 1)[None]]
    grey = picked @ np.array([0.299, 0.587, 0.114], np.float32)
    return np.where(inside, grey, 110).astype(np.uint8)


class CropReader:
    """Crops of one face at its steps, read as they are asked for."""

    def __init__(self, store: CropStore, numbers: NDArray[np.int64]) -> None:
        self._store, self._numbers = store, numbers

    def __len__(self) -> int:
        return len(self._numbers)

    def read(self, begin: int, end: int) -> NDArray[np.uint8]:
        """(N, 112, 112) of steps begin..end."""
        return self._store.read(self._numbers[begin:end])


class CropStore:
    """All crops of one video in one temporary file that vanishes with the store."""

    def __init__(self) -> None:
        self._file = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the store
        self._num = 0
        self._index: dict[int, list[tuple[float, int]]] = {}

    def add(self, track_id: int, time: float, image: NDArray[np.uint8], box: NDArray[np.floating]) -> None:
        """Keep the mouth of a face; `box` in pixels of `image`."""
        self._file.seek(self._num * CROP_PX * CROP_PX)
        self._file.write(grey_square(image, *mouth_square(box)).tobytes())
        self._index.setdefault(track_id, []).append((time, self._num))
        self._num += 1

    def reader(self, track_id: int, times: NDArray[np.floating]) -> CropReader | None:
        """The crops nearest to `times`; None where the face was never offered."""
        kept = self._index.get(track_id)
        if not kept:
            return None
        when, number = np.array([t for t, _ in kept]), np.array([n for _, n in kept])
        after = np.clip(np.searchsorted(when, times), 0, len(when) - 1)
        before = np.maximum(after - 1, 0)
        nearer = np.where(np.abs(when[before] - times) <= np.abs(when[after] - times), before, after)
        return CropReader(self, number[nearer])

    def read(self, numbers: Sequence[int] | NDArray[np.int64]) -> NDArray[np.uint8]:
        """(N, 112, 112) by number."""
        out = np.empty((len(numbers), CROP_PX, CROP_PX), np.uint8)
        for i, number in enumerate(numbers):
            self._file.seek(int(number) * CROP_PX * CROP_PX)
            out[i] = np.frombuffer(self._file.read(CROP_PX * CROP_PX), np.uint8).reshape(CROP_PX, CROP_PX)
        return out

    def close(self) -> None:
        """Give the disk back."""
        self._file.close()
