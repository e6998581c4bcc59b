"""A video as its faces: every frame with the landmarks found on it, and crops that are made when they are asked for.

Knows sources and trackers; refuses to know metrics. A video is decoded once, and at most `NUM_AHEAD` frames are held.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from viseme.engine.prefetch import prefetch
from viseme.faces import FaceEvent, face_boxes
from viseme.faces.crops import crop_frame, crop_squares
from viseme.faces.geometry import box_iou
from viseme.faces.shots import with_cuts
from viseme.faces.tracking import LandmarkTracker
from viseme.media.frames import Frame
from viseme.media.images import resize_part
from viseme.media.source import MediaSource, Warn

__all__ = ["MAX_SIDE", "MainFace", "SeenFrame", "View", "seen_frames"]

MAX_SIDE = 1280
"""Frames are scaled so that the longer side has at most this many pixels, as `check` does."""
NUM_AHEAD = 4
"""Frames decoded, and frames followed, before they are asked for."""
SAME_FACE = 0.2
"""Overlap of two boxes, intersection over union, from which they are one face seen in two videos."""


class View:
    """`FaceView`: one face on one frame. Several threads may ask for crops."""

    def __init__(self, frame: Frame, landmarks: NDArray[np.float32], box: NDArray[np.floating] | None = None) -> None:
        """A face as it is.

        Args:
            frame: It is held.
            landmarks: (478, 3) source pixels.
            box: (4,) what crops show; None = the tight box around the landmarks.
        """
        self.time = float(frame.time)
        self.landmarks = landmarks
        self.tight = np.asarray(face_boxes(landmarks[None])[0], np.float64)
        self.box = self.tight if box is None else np.asarray(box, np.float64)
        self._frame = frame
        self._crops: dict[str, NDArray[np.uint8]] = {}
        self._lock = threading.RLock()

    def showing(self, box: NDArray[np.floating]) -> View:
        """The same face with crops of another place."""
        return View(self._frame, self.landmarks, box)

    @property
    def square(self) -> NDArray[np.float64]:
        """See `FaceView.square`."""
        return crop_squares(self.landmarks[None])[0]

    def crop(self, name: str) -> NDArray[np.uint8]:
        """See `FaceView.crop`."""
        with self._lock:
            if name not in self._crops:
                self._crops[name] = self._made(name)
            return self._crops[name]

    def _made(self, name: str) -> NDArray[np.uint8]:
        frame = self._frame
        if name == "patch224":
            return crop_frame(frame.image, self.square, scale=frame.scale)
        if name == "frame224":
            height, width = frame.image.shape[:2]
            return resize_part(frame.image, np.array([0.0, 0.0, width, height]), 224, 224)
        if name == "lower256":
            return self.crop("face256")[128:]
        side = {"face96": 96, "face256": 256}[name]
        return resize_part(frame.image, self.box * frame.scale, side, side)


@dataclass(frozen=True, eq=False)
class SeenFrame:
    """One frame of a video, looked at."""

    frame: Frame
    faces: dict[int, NDArray[np.float32]]
    """Track -> (478, 3) landmarks, source pixels; only faces that were seen on this very frame."""
    events: tuple[FaceEvent, ...]
    """What the tracker had to tell after it."""


@dataclass
class _Sightings:
    """A `FaceObserver` that keeps the faces of one frame."""

    faces: dict[int, NDArray[np.float32]] = field(default_factory=dict)

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
        """See `FaceObserver.see`."""
        if observed:
            self.faces[track_id] = landmarks

    def renamed(self, track_id: int, new_id: int, start: float) -> None:
        """See `FaceObserver.renamed`; ids matter within one frame only."""


def seen_frames(source: MediaSource, follower: LandmarkTracker, *, on_warning: Warn) -> Iterator[SeenFrame]:
    """Every frame of a video with its faces, followed in a thread of its own.

    Yields:
        Frames in order; what the tracker tells at the end comes with the last frame. Close it when leaving early.
    """
    items = prefetch(_followed(source, follower, on_warning), NUM_AHEAD)
    try:
        yield from items
    finally:
        items.close()


def _followed(source: MediaSource, follower: LandmarkTracker, on_warning: Warn) -> Iterator[SeenFrame]:
    found = _Sightings()
    run = follower.start(observers=(found,))
    waiting: SeenFrame | None = None
    frames = prefetch(source.frames(max_side=MAX_SIDE, on_warning=on_warning), NUM_AHEAD)
    try:
        for frame, cut in with_cuts(frames):
            if waiting is not None:
                yield waiting
            found.faces = {}
            events = tuple(run.step(frame, cut))
            waiting = SeenFrame(frame, found.faces, events)
    finally:
        frames.close()
    if waiting is not None:
        yield SeenFrame(waiting.frame, waiting.faces, (*waiting.events, *run.finish()))


class MainFace:
    """Which face of a video is looked at: one and the same as long as it is seen, then the largest."""

    def __init__(self) -> None:
        self._current: int | None = None

    def of(self, seen: SeenFrame, like: NDArray[np.floating] | None = None) -> View | None:
        """The face of one frame, None where there is none.

        Args:
            seen: The frame.
            like: (4,) box of the same face in another video of the same shape of frame, in pixels of this one; of
                several faces the one that lies there is taken.
        """
        if not seen.faces:
            return None
        ids = list(seen.faces)
        boxes = face_boxes(np.stack([seen.faces[i] for i in ids]))
        if like is not None:
            overlap = box_iou(np.asarray(like, np.float32)[None], boxes)[0]
            if overlap.max() < SAME_FACE:
                return None
            self._current = ids[int(overlap.argmax())]
        elif self._current not in seen.faces:
            self._current = ids[int((boxes[:, 2] - boxes[:, 0]).argmax())]
        assert self._current is not None
        return View(seen.frame, seen.faces[self._current])
