"""What the faces room gives: tracks of landmarks on exact time, and a reason for every face not used.

Read this first. Knows frames with times; refuses to know audio, 3D models and files.
Landmarks are `mediapipe478` (see `schemes`), in pixels of the source frame: x right, y down,
pixel centres at +0.5; z in the same pixel scale, smaller = nearer to the camera.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from viseme.core.registry import Registry
from viseme.core.results import RejectedTrack

if TYPE_CHECKING:
    from viseme.faces.thumbnails import FaceStrips

__all__ = ["FaceEvent", "FaceTrackChunk", "FaceTracker", "FrameLike", "tracker"]


class FrameLike(Protocol):
    """What a tracker needs of a frame; `viseme.media.Frame` is one."""

    @property
    def index(self) -> int:
        """Number of the frame in its stream, from 0."""
        ...

    @property
    def time(self) -> Fraction:
        """Seconds after the first frame."""
        ...

    @property
    def image(self) -> NDArray[np.uint8]:
        """(H, W, 3) RGB."""
        ...

    @property
    def scale(self) -> float:
        """Width of `image` over width of the source frame."""
        ...


@dataclass(frozen=True, kw_only=True)
class FaceTrackChunk:
    """A stretch of one face, in order; chunks of one `track_id` follow each other without overlap.

    `T` frames: every frame of the video between the first and the last time is there, seen or
    interpolated. A track never crosses a shot cut.
    """

    track_id: int
    """Unique in one video. Never reused, never shared by two faces."""
    shot: int
    """Number of the shot, from 0."""
    times: NDArray[np.float64]
    """(T,) seconds, strictly rising; presentation times, so the steps may vary."""
    landmarks: NDArray[np.float32]
    """(T, 478, 3) source pixels, lightly smoothed (`Config.smoothing`)."""
    boxes: NDArray[np.float32]
    """(T, 4) xyxy source pixels around the landmarks; may leave the frame."""
    observed: NDArray[np.bool_]
    """(T,) False = interpolated over a short gap."""
    confidence: NDArray[np.float32]
    """(T,) the net's face presence, 0 to 1; interpolated where `observed` is False."""
    last: bool
    """No further chunk of this track follows."""

    def __post_init__(self) -> None:
        num = len(self.times)
        assert self.landmarks.shape == (num, 478, 3), self.landmarks.shape
        assert self.boxes.shape == (num, 4), self.boxes.shape
        assert self.observed.shape == self.confidence.shape == (num,)

    @property
    def start(self) -> float:
        """Seconds of the first frame."""
        return float(self.times[0])

    @property
    def end(self) -> float:
        """Seconds of the last frame."""
        return float(self.times[-1])

    @property
    def face_size_px(self) -> float:
        """Median width of the box, source pixels."""
        return float(np.median(self.boxes[:, 2] - self.boxes[:, 0]))


FaceEvent: TypeAlias = "FaceTrackChunk | RejectedTrack"
"""What a tracker yields."""


class FaceTracker(Protocol):
    """Frames in, tracks out.

    The last thing said about a `track_id` is a chunk with `last=True` or a `RejectedTrack`: a face that
    becomes unusable after some good chunks ends there with a reason, and goes on under a new id when it
    becomes usable again.
    """

    def track(self, frames: Iterable[FrameLike], *, strips: FaceStrips | None = None) -> Iterator[FaceEvent]:
        """Follow every face; memory does not grow with the number of frames.

        Args:
            frames: In order of presentation, all of one size.
            strips: Where to keep small frames of each face for a report; None = keep none.

        Yields:
            Chunks of at most `Config.chunk_s` seconds as the frames come, and rejected faces with
            reason, measured value, limit and unit.

        Raises:
            FaceError: the nets could not be loaded or run.
        """
        ...


tracker: Registry[type] = Registry(
    "tracker",
    {
        "mediapipe": "viseme.faces.mediapipe:MediaPipeTracker",
        "task-file": "viseme.faces.mediapipe:TaskFileTracker",
    },
)
"""Name -> tracker class; `tracker["mediapipe"](tracker["mediapipe"].Config())`."""
