"""Where clips come from: a manifest of files, or the synthetic talker. Read this first.

Knows what a clip offers before it is read, and what is known of it once its face was followed; refuses to know what is
learnt from it. Every source is one more row of the table below.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from viseme.core.registry import Registry

__all__ = ["ClipInfo", "ClipSource", "TrackedClip", "clip_sources"]


@dataclass(frozen=True, kw_only=True)
class ClipInfo:
    """What is known of a clip before it is read."""

    name: str
    """Unlike any other of its source."""
    speaker: str
    """Who is seen; splits never divide a speaker."""
    source: str = ""
    """The corpus it is from; empty = not said."""
    licence: str = ""
    """What its owner says about use."""
    audio_delay: float | None = None
    """Seconds by which the audio is late; None = not known."""


@dataclass(frozen=True, kw_only=True)
class TrackedClip:
    """One face of a clip with the clip's audio."""

    times: NDArray[np.float64]
    """(T,) seconds of the frames, strictly rising."""
    landmarks: NDArray[np.float32]
    """(T, 478, 3) `mediapipe478`, source pixels; z in the same scale, smaller = nearer to the camera."""
    observed: NDArray[np.bool_]
    """(T,) False = interpolated over a gap."""
    audio: NDArray[np.float16] | None = None
    """(A, 105) logarithm of the power in bands (`viseme.audio.bands`); None = the source has no audio."""
    first_audio_frame: int = 0
    """Number of the first audio frame; frame `n` is centred on `(n + 1/2) / 100` seconds."""
    images: NDArray[np.uint8] | None = None
    """(T, 224, 224, 3) RGB standard crops; None where they were not asked for."""
    truth: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    """Name -> what a synthetic source knows besides."""


class ClipSource(Protocol):
    """Clips by number; goes to worker processes as a pickle."""

    @property
    def kind(self) -> str:
        """Name of the source, for folders."""
        ...

    @property
    def clips(self) -> Sequence[ClipInfo]:
        """What is known of every clip before it is read."""
        ...

    def key(self, number: int) -> str:
        """Up to 64 letters and digits that are alike for two clips only if these hold the same."""
        ...

    def track(self, number: int, *, pixels: bool = False) -> TrackedClip:
        """Follow the face of a clip.

        Args:
            number: Index into `clips`.
            pixels: Also hand out `images`.

        Raises:
            MediaError, FaceError, DataError: this clip cannot be used.
        """
        ...


clip_sources: Registry[Any] = Registry(
    "clip_source",
    {
        "manifest": "viseme.data.manifest_clips:ManifestClips",
        "synthetic": "viseme.synthetic.sources:Talkers",
        "synthetic-recorded": "viseme.synthetic.sources:RecordedTalkers",
        "synthetic-films": "viseme.synthetic.sources:FilmedTalkers",
        "synthetic-faces": "viseme.synthetic.sources:Faces",
    },
)
"""Name -> source. "manifest" is made with rows of a manifest, "synthetic-recorded" with a folder and seeds, the others
with seeds."""
