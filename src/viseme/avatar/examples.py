"""Frames to learn from: which of a person's prepared frames train, and which are held out. Knows prepared clips."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from viseme.core.errors import DataError
from viseme.sync.heard import HeardAudio

__all__ = ["HELD_OUT", "LEAST_S", "Frames", "TrainingClips", "audio_of", "split_frames"]

HELD_OUT = 0.1
"""Share of the frames, the last ones, that are kept for measuring."""
GAP = 13
"""Frames between the two, so that no audio window reaches across."""
LEAST_S = 20.0
"""Seconds of a face under which no avatar is trained."""
_BLOCK = 256


class TrainingClips(Protocol):
    """A person's prepared clips, as `avatar.prepare` leaves them on disk."""

    @property
    def reference(self) -> NDArray[np.floating]:
        """(468, 3) reference space."""
        ...

    @property
    def reference_atlas(self) -> NDArray[np.float32]:
        """(256, 256, 3) RGB in [0, 1]."""
        ...

    def __len__(self) -> int:
        """Number of clips."""
        ...

    def read(self, number: int, *names: str) -> list[NDArray[Any]]:
        """Arrays of a clip: `times` (T,), `vertices` (T, 468, 3), `lips` (T, 128, 128, 3) uint8, `valid`
        (T, 128, 128), `stft` (T, 2, 256, 24), `weights` (T, 52), `samples` (S,) at 16 kHz, `start` ()."""
        ...


@dataclass(frozen=True, eq=False)
class Frames:
    """Some frames of a person's clips, in order."""

    clips: TrainingClips
    places: NDArray[np.int64]
    """(N, 2) clip and frame."""

    def __len__(self) -> int:
        return len(self.places)

    def read(self, name: str, rows: NDArray[np.integer] | None = None) -> NDArray[Any]:
        """(N, ...) an array of these frames, or of some of them in the order asked for."""
        places = self.places if rows is None else self.places[rows]
        out: NDArray[Any] | None = None
        for clip in np.unique(places[:, 0]).tolist():
            mine = np.flatnonzero(places[:, 0] == clip)
            values = self.clips.read(clip, name)[0]
            if out is None:
                out = np.empty((len(places), *values.shape[1:]), values.dtype)
            out[mine] = values[places[mine, 1]]
        assert out is not None
        return out

    def silent(self) -> NDArray[np.bool_]:
        """(N,) frames in which the mouth is closed because nobody is heard, see `HeardAudio.openness`."""
        out = np.zeros(len(self), bool)
        for clip in np.unique(self.places[:, 0]).tolist():
            mine = np.flatnonzero(self.places[:, 0] == clip)
            times = np.asarray(self.clips.read(clip, "times")[0], np.float64)[self.places[mine, 1]]
            out[mine] = HeardAudio([], *audio_of(self.clips, clip)).openness(times) == 0
        return out

    def blocks(self, name: str) -> Iterator[tuple[slice, NDArray[Any]]]:
        """The array of all frames in blocks, so that memory does not grow with their number."""
        for at in range(0, len(self), _BLOCK):
            part = slice(at, min(at + _BLOCK, len(self)))
            yield part, self.read(name, np.arange(part.start, part.stop))


def audio_of(clips: TrainingClips, number: int) -> tuple[NDArray[np.float32], float]:
    """(S,) samples of a clip at full scale 1, and the seconds of the first."""
    samples, start = clips.read(number, "samples", "start")
    scale = np.float32(1 / 32768) if samples.dtype.kind == "i" else np.float32(1)
    return np.asarray(samples, np.float32) * scale, float(start)


def split_frames(clips: TrainingClips, share: float = HELD_OUT) -> tuple[Frames, Frames]:
    """Frames to learn from, and the last contiguous share of all, which is held out.

    Raises:
        DataError: there are too few.
    """
    counts, seconds = _counts(clips)
    if seconds < LEAST_S:
        raise DataError(
            f"there are {seconds:.0f} s in which the face is seen well; an avatar needs {LEAST_S:.0f} s, better 2 to "
            "5 minutes"
        )
    places = np.concatenate([np.stack([np.full(n, i), np.arange(n)], 1) for i, n in enumerate(counts)])
    cut = round(len(places) * (1 - share))
    held = places[cut:]
    train = places[:cut]
    near = (train[:, 0] == held[0, 0]) & (train[:, 1] >= held[0, 1] - GAP)
    return Frames(clips, train[~near].astype(np.int64)), Frames(clips, held.astype(np.int64))


def _counts(clips: TrainingClips) -> tuple[Sequence[int], float]:
    """Frames of each clip, and seconds of all."""
    counts, seconds = [], 0.0
    for number in range(len(clips)):
        times = clips.read(number, "times")[0]
        counts.append(len(times))
        seconds += float(np.median(np.diff(times))) * len(times) if len(times) > 1 else 0.0
    return counts, seconds
