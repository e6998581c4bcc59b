"""What a metric of a generated video is: read this before adding one.

A metric is one file: pure functions of arrays, and a class that follows one of three Protocols. `FrameMetric`s are fed
pairs of frames, with the face found in both; `TrackMetric`s are fed the stretches of the generated face as `check` is;
`ClipMetric`s are fed as frame metrics are, and make their anchors themselves of what they found. All give the values of
one clip, in constant memory unless they say otherwise, and say in `protocols` how they are computed. What a failed clip
counts, means over clips, intervals and anchors are the pipeline's to know (`viseme.metrics.pipeline`).

An *anchor* is the same metric on another pair: the pipeline starts one accumulator for the generated video and one for
each anchor that applies ("still_face": the first reference frame, held; "shifted": the reference some frames later;
"mismatched_audio": the reference under another clip's audio; "reference": the reference as it is).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from viseme.audio.mel_frames import AudioLike
from viseme.core.registry import Registry
from viseme.core.scores import FailureCause, MetricProtocol
from viseme.faces import FaceEvent

__all__ = [
    "SHIFT_FRAMES",
    "ClipAccumulator",
    "ClipAudio",
    "ClipMetric",
    "FaceView",
    "FrameAccumulator",
    "FrameMetric",
    "FramePair",
    "Measured",
    "TrackAccumulator",
    "TrackMetric",
    "clip_metrics",
    "frame_metrics",
    "track_metrics",
]


SHIFT_FRAMES = 5
"""Frames by which the reference is late in the anchor "shifted", and early in "shifted_early": 0.2 s at 25 frames a
second."""


class FaceView(Protocol):
    """One face on one frame."""

    time: float
    """Seconds."""
    landmarks: NDArray[np.float32]
    """(478, 3) source pixels, as they were found on this frame."""
    box: NDArray[np.float64]
    """(4,) xyxy source pixels of what "face96" and "face256" show."""

    def crop(self, name: str) -> NDArray[np.uint8]:
        """RGB of a part of the frame, made once: "face96" (96, 96, 3) and "face256" (256, 256, 3) of the tight box
        around the landmarks, "lower256" (128, 256, 3) its lower half, "patch224" (224, 224, 3) a square with room
        around the face, which shows `square`.

        Crops of a pair show the same place of both frames, that of the reference's face, where the two videos have one
        shape of frame; otherwise each its own face. "frame224" (224, 224, 3) is the whole frame.
        """
        ...

    @property
    def square(self) -> NDArray[np.float64]:
        """(3,) centre x, centre y and side of "patch224", source pixels."""
        ...


@dataclass(frozen=True, eq=False)
class FramePair:
    """The same instant of two videos."""

    time: float
    """Seconds, of the reference where there is one."""
    generated: FaceView
    reference: FaceView | None
    """None = there is no reference, and metrics that need one are not fed."""


class ClipAudio(Protocol):
    """The audio that the lips are compared with."""

    def blocks(self) -> Iterator[AudioLike]:
        """Mono at 16 kHz, from the beginning; may be asked for several times."""
        ...


@dataclass(frozen=True, kw_only=True)
class Measured:
    """One metric of one clip, NaN where it cannot be told."""

    value: float
    num_frames: int
    """What was averaged over: frames, pairs of them, or words."""
    cause: FailureCause | None = None
    """Why it cannot be told, where the metric knows."""


class FrameAccumulator(Protocol):
    """Gathers one clip in constant memory."""

    def add(self, pair: FramePair) -> None:
        """One more pair, in order of time. Frames without a face are not handed over: times tell of gaps."""
        ...

    def compute(self) -> Mapping[str, Measured]:
        """Name of each of the metric's protocols -> value."""
        ...


class FrameMetric(Protocol):
    """Made of frames."""

    protocols: tuple[MetricProtocol, ...]

    def start(self) -> FrameAccumulator:
        """An accumulator for one clip."""
        ...


class TrackAccumulator(Protocol):
    """Gathers one clip in constant memory."""

    def take(self, event: FaceEvent) -> None:
        """One more stretch of a face, or a face that will not be used."""
        ...

    def compute(self) -> Mapping[str, Measured]:
        """Name of each of the metric's protocols -> value."""
        ...

    def shifted(self) -> Mapping[str, Mapping[str, Measured]]:
        """The same of lips `SHIFT_FRAMES` later, "shifted", and earlier, "shifted_early", as far as it is known."""
        ...


class TrackMetric(Protocol):
    """Made of smoothed tracks and audio, without pixels."""

    protocols: tuple[MetricProtocol, ...]

    def start(self, audio: ClipAudio) -> TrackAccumulator:
        """An accumulator for one clip."""
        ...


class ClipAccumulator(Protocol):
    """Gathers one clip and its anchors."""

    def add(self, generated: FaceView | None, reference: FaceView | None) -> None:
        """The face at one instant of both videos, in order of time; None where there is no video or no face."""
        ...

    def compute(self) -> Mapping[str, Mapping[str, Measured]]:
        """ "generated", and every anchor that could be made -> name of a protocol -> value."""
        ...


class ClipMetric(Protocol):
    """Made of the faces of a whole clip. What is dear to find of the reference is found once for all anchors."""

    protocols: tuple[MetricProtocol, ...]

    def start(self, audios: Mapping[str, ClipAudio]) -> ClipAccumulator:
        """An accumulator for one clip.

        Args:
            audios: "generated", what the generated lips are compared with, "reference" and "mismatched_audio", where
                they are there.
        """
        ...


frame_metrics: Registry[type] = Registry(
    "frame metric",
    {
        "ssim": "viseme.metrics.ssim:Ssim",
        "psnr": "viseme.metrics.psnr:Psnr",
        "lmd": "viseme.metrics.landmark_distance:LandmarkDistance",
        "cpbd": "viseme.metrics.cpbd:Cpbd",
        "jitter": "viseme.metrics.jitter:Jitter",
        "lip-distance": "viseme.metrics.lip_opening:LipDistance",
    },
)
"""Name -> class of a `FrameMetric` that is made without arguments. Classes with `on_request` are measured only where
they are named; those that load weights have the names of their protocols in `names`."""

track_metrics: Registry[type] = Registry("track metric", {"visual-sync": "viseme.metrics.visual_sync:VisualSyncMetric"})
"""Name -> class of a `TrackMetric` that is made without arguments."""

clip_metrics: Registry[type] = Registry(
    "clip metric",
    {
        "face-motion": "viseme.metrics.face_motion:FaceMotion",
        "mouth-opening": "viseme.metrics.lip_opening:MouthOpening",
    },
)
"""Name -> class of a `ClipMetric` that is made without arguments."""
