"""What the faces room gives: tracks of landmarks on exact time, and a reason for every face not used.

Read this first. Knows frames with times; refuses to know audio, 3D models and files.
Landmarks are `mediapipe478` (see `schemes`), in pixels of the source frame: x right, y down,
pixel centres at +0.5; z in the same pixel scale, smaller = nearer to the camera.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from viseme.core.registry import Registry
from viseme.core.results import RejectedTrack

__all__ = [
    "FaceEvent",
    "FaceImages",
    "FaceObserver",
    "FaceTrack",
    "FaceTrackChunk",
    "FaceTracker",
    "FrameLike",
    "tracker",
]


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


class FaceImages(Protocol):
    """Crops of a stretch of one face, one a frame, read when they are asked for."""

    squares: NDArray[np.float64]
    """(T, 3) centre x, centre y and side of the square of the frame that each shows, source pixels."""

    def __len__(self) -> int:
        """Frames."""
        ...

    def __getitem__(self, rows: slice | NDArray[np.integer] | NDArray[np.bool_]) -> NDArray[np.uint8]:
        """(N, 224, 224, 3) RGB of some of the frames."""
        ...

    def rows(self, rows: slice | NDArray[np.integer] | NDArray[np.bool_]) -> FaceImages:
        """Some of the frames, still to be read."""
        ...


@dataclass(frozen=True, kw_only=True, eq=False)
class FaceTrack:
    """Any stretch of one face: a chunk, several joined, or the last seconds of a stream."""

    track_id: int
    times: NDArray[np.float64]
    """(T,) seconds, strictly rising."""
    landmarks: NDArray[np.float32]
    """(T, 478, 3) source pixels."""
    boxes: NDArray[np.float32]
    """(T, 4) xyxy source pixels."""
    observed: NDArray[np.bool_]
    """(T,) False = interpolated."""
    images: FaceImages | None = None
    """Crops, where they were recorded (`viseme.faces.crop_recorder`)."""

    @staticmethod
    def joined(parts: Sequence[FaceTrack]) -> FaceTrack:
        """Stretches of one face that follow each other as one, without their images.

        Raises:
            ValueError: there is none, or they are of several faces.
        """
        if len({part.track_id for part in parts}) != 1:
            raise ValueError(f"cannot join {len(parts)} stretches of faces {sorted({p.track_id for p in parts})}")
        names = ("times", "landmarks", "boxes", "observed")
        arrays: dict[str, Any] = {name: np.concatenate([getattr(part, name) for part in parts]) for name in names}
        return FaceTrack(track_id=parts[0].track_id, **arrays)

    def rows(self, rows: slice | NDArray[np.integer] | NDArray[np.bool_]) -> FaceTrack:
        """Some of the frames."""
        return FaceTrack(
            track_id=self.track_id,
            times=self.times[rows],
            landmarks=self.landmarks[rows],
            boxes=self.boxes[rows],
            observed=self.observed[rows],
            images=None if self.images is None else self.images.rows(rows),
        )


@dataclass(frozen=True, kw_only=True, eq=False)
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
    def track(self) -> FaceTrack:
        """The same stretch without what the tracker says of it as a piece."""
        return FaceTrack(
            track_id=self.track_id,
            times=self.times,
            landmarks=self.landmarks,
            boxes=self.boxes,
            observed=self.observed,
        )

    @property
    def face_size_px(self) -> float:
        """Median width of the box, source pixels."""
        return float(np.median(self.boxes[:, 2] - self.boxes[:, 0]))


class FaceObserver(Protocol):
    """Is told of every followed face on every frame, while the frame's pixels are at hand: no second decoding."""

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
        """Take what is wanted of one face on one frame.

        Args:
            track_id: The face.
            time: Seconds of the frame.
            image: (H, W, 3) RGB; not to be kept or changed.
            scale: Width of `image` over width of the source frame.
            landmarks: (478, 3) source pixels, not yet smoothed.
            observed: False where the face was not seen on this frame; the landmarks are then the last ones seen.
        """
        ...

    def renamed(self, track_id: int, new_id: int, start: float) -> None:
        """A face becomes usable again and goes on under another id.

        Args:
            track_id: What it was called so far; a `RejectedTrack` ends that id.
            new_id: What it is called from now on.
            start: Seconds; frames from then on, already told of, are of `new_id` too.
        """
        ...


FaceEvent: TypeAlias = "FaceTrackChunk | RejectedTrack"
"""What a tracker yields."""


class FaceTracker(Protocol):
    """Frames in, tracks out.

    The last thing said about a `track_id` is a chunk with `last=True` or a `RejectedTrack`: a face that
    becomes unusable after some good chunks ends there with a reason, and goes on under a new id when it
    becomes usable again.
    """

    def track(self, frames: Iterable[FrameLike], *, observers: Sequence[FaceObserver] = ()) -> Iterator[FaceEvent]:
        """Follow every face; memory does not grow with the number of frames.

        Args:
            frames: In order of presentation, all of one size.
            observers: Told of every followed face on every frame.

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
