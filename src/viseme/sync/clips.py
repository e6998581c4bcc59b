"""A clip as training sees it: what an input sees, audio bands, and the delay that is taken out.

Knows prepared clips; refuses to know how they were prepared, and networks. A clip is read from disk when it is drawn.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

from viseme.data.prepare import PreparedClips
from viseme.data.sources import ClipInfo
from viseme.data.store import ClipStore

__all__ = ["Clip", "ClipSet", "JoinedClips"]


@dataclass(frozen=True, kw_only=True)
class Clip:
    """Everything training needs of one clip."""

    name: str
    speaker: str
    times: NDArray[np.float64]
    """(T,) seconds of the frames."""
    video: NDArray[Any]
    """(T, K, 3) points, or (T, C, H, W) uint8 frames: what the input sees."""
    audio: NDArray[np.float16]
    """(A, 105) logarithm of the power in bands."""
    first_audio_frame: int
    """Number of the first audio frame, see `viseme.audio.clock`."""
    level: float
    """90th percentile of the logarithm of the audio frames' power."""
    delay: float = 0.0
    """Seconds by which the audio is late; taken out in training."""


@dataclass(frozen=True)
class ClipSet(Sequence[Clip]):
    """Clips on disk, as one input sees them; goes to other processes as names, not as data."""

    store: ClipStore
    keys: tuple[str, ...]
    infos: tuple[ClipInfo, ...]
    """What is known of each clip."""
    input: str
    """Name of the visual input, which is the name of its arrays in the store."""
    delays: tuple[float, ...]
    """Seconds by which the audio of each is late."""

    def __len__(self) -> int:
        return len(self.keys)

    @overload
    def __getitem__(self, index: int) -> Clip: ...
    @overload
    def __getitem__(self, index: slice) -> ClipSet: ...
    def __getitem__(self, index: int | slice) -> Clip | ClipSet:
        """A clip, its arrays read-only; or some of the clips."""
        if isinstance(index, slice):
            return self.take(range(*index.indices(len(self))))
        times, video, audio, first, level = self.store.read(
            self.keys[index], ("times", self.input, "audio", "first_audio_frame", "level")
        )
        return Clip(
            name=self.infos[index].name,
            speaker=self.infos[index].speaker,
            times=times,
            video=video,
            audio=audio,
            first_audio_frame=int(first),
            level=float(level),
            delay=self.delays[index],
        )

    def take(self, indices: Sequence[int] | NDArray[np.integer]) -> ClipSet:
        """The clips at these places."""
        keys, infos = tuple(self.keys[i] for i in indices), tuple(self.infos[i] for i in indices)
        return ClipSet(self.store, keys, infos, self.input, tuple(self.delays[i] for i in indices))

    @classmethod
    def of(cls, prepared: PreparedClips, input: str, delays: Sequence[float] | None = None) -> ClipSet:
        """All usable clips of a preparation; None = their audio is not late."""
        late = (0.0,) * len(prepared.keys) if delays is None else tuple(delays)
        return cls(prepared.store, prepared.keys, prepared.infos, input, late)

    def as_input(self, input: str) -> ClipSet:
        """The same clips as another input sees them."""
        return replace(self, input=input)

    def array(self, index: int, name: str) -> NDArray[Any]:
        """Anything else that was made of a clip."""
        return self.store.read(self.keys[index], [name])[0]


@dataclass(frozen=True)
class JoinedClips(Sequence[Clip]):
    """Clips of several sets, one after the other."""

    sets: tuple[ClipSet, ...]

    def __len__(self) -> int:
        return sum(map(len, self.sets))

    @overload
    def __getitem__(self, index: int) -> Clip: ...
    @overload
    def __getitem__(self, index: slice) -> list[Clip]: ...
    def __getitem__(self, index: int | slice) -> Clip | list[Clip]:
        """A clip, or some of them."""
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        at = index + len(self) if index < 0 else index
        for clips in self.sets:
            if at < len(clips):
                return clips[at]
            at -= len(clips)
        raise IndexError(index)

    @property
    def keys(self) -> tuple[str, ...]:
        """Of all of them."""
        return tuple(key for clips in self.sets for key in clips.keys)
