"""One face while it is followed: its samples, the gaps between them, and the verdict on a piece of it.

Knows landmarks over time; refuses to know frames.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from viseme.core.results import Reason, RejectedTrack
from viseme.faces.config import TrackingConfig
from viseme.faces.geometry import box_iou, face_boxes, head_angles
from viseme.faces.interface import FaceTrackChunk
from viseme.faces.smoothing import smooth

__all__ = ["TAIL_S", "LoneFrames", "Sample", "Track", "chunk_of", "continues", "fault_of", "joined"]

TAIL_S = 2.0
"""A remainder shorter than this keeps the verdict of the piece before it."""


@dataclass(slots=True)
class Sample:
    """One sighting of a face, or a frame inside a short gap."""

    time: float
    landmarks: NDArray[np.float32]
    """(478, 3) source pixels."""
    observed: bool
    confidence: float


@dataclass(slots=True)
class Track:
    """One face while it is followed, and what of it waits to be given out."""

    id: int
    shot: int
    samples: list[Sample] = field(default_factory=list)
    missing: list[float] = field(default_factory=list)
    """Times since the last sighting."""
    roi: NDArray[np.float64] | None = None
    """(4,) where the net looked last, source pixels."""
    num_done: int = 0
    """Leading samples already given out and kept as context for smoothing."""
    detections: list[float] = field(default_factory=list)
    """Best detector score at each keyframe of the piece being gathered."""
    accepted: bool | None = None
    """Verdict of the piece before; None = there was none."""
    rejected: RejectedTrack | None = None
    """Verdict of the pieces since the last good one, not yet told."""

    @property
    def last(self) -> Sample:
        return self.samples[-1]

    def see(self, sample: Sample) -> None:
        """Add a sighting and fill the gap before it."""
        if self.missing:
            before = self.last
            for time in self.missing:
                share = (time - before.time) / (sample.time - before.time)
                self.samples.append(
                    Sample(
                        time,
                        (before.landmarks * (1 - share) + sample.landmarks * share).astype(np.float32),
                        False,
                        before.confidence * (1 - share) + sample.confidence * share,
                    )
                )
            self.missing.clear()
        self.samples.append(sample)

    def span(self) -> float:
        """Seconds gathered and not given out."""
        return self.last.time - self.samples[self.num_done].time


class LoneFrames:
    """Faces that were seen on one frame alone, as none lies near it: one rejection tells of all of them."""

    def __init__(self, config: TrackingConfig) -> None:
        """`config`: how far apart frames may lie for a face to be followed."""
        self._limit = 1 / config.max_gap_s if config.max_gap_s else np.inf
        self._least_s = config.min_track_s
        self._times: tuple[float, float] | None = None
        self._num = 0
        self._id = -1
        self._spare: list[int] = []

    def take(self, track: Track) -> bool:
        """Whether a track that has ended was seen on one frame alone; it is then told of with the others."""
        if len(track.samples) != 1 or track.accepted is not None:
            return False
        time = track.last.time
        if self._times is None:
            self._times, self._num, self._id = (time, time), 1, track.id
            return True
        self._num += time > self._times[1]
        self._times = self._times[0], max(time, self._times[1])
        self._spare.append(track.id)
        return True

    def drop(self, track: Track) -> None:
        """Nothing is told of a track."""
        self._spare.append(track.id)

    def spare_id(self) -> int | None:
        """The number of a track of which nothing will be told."""
        return self._spare.pop() if self._spare else None

    def rejected(self) -> RejectedTrack | None:
        """What is told of all of them; None where there are none."""
        if self._times is None:
            return None
        (start, end), self._times = self._times, None
        few = self._num > 1
        return RejectedTrack(
            track_id=self._id,
            start=start,
            end=end,
            reason=Reason.TOO_FEW_FRAMES if few else Reason.TRACK_TOO_SHORT,
            measured=(self._num - 1) / (end - start) if few else 0.0,
            limit=self._limit if few else self._least_s,
            unit="frames a second" if few else "s",
        )


def chunk_of(
    track: Track, times: NDArray[np.float64], stop: int, final: bool, config: TrackingConfig
) -> FaceTrackChunk:
    """Smooth all samples of a track and give those up to `stop` that were not given before."""
    points = smooth(
        times,
        np.stack([s.landmarks for s in track.samples]),
        rigid_width=config.rigid_smoothing_s,
        speech_width=config.speech_smoothing_s,
    )
    part = slice(track.num_done, stop)
    return FaceTrackChunk(
        track_id=track.id,
        shot=track.shot,
        times=times[part],
        landmarks=points[part],
        boxes=face_boxes(points[part]),
        observed=np.array([s.observed for s in track.samples[part]]),
        confidence=np.array([s.confidence for s in track.samples[part]], np.float32),
        last=final,
    )


def fault_of(track: Track, samples: list[Sample], final: bool, config: TrackingConfig) -> RejectedTrack | None:
    """The first rule that these samples break, with what was measured."""
    start, end = samples[0].time, samples[-1].time

    def fault(reason: Reason, measured: float, limit: float, unit: str) -> RejectedTrack:
        return RejectedTrack(
            track_id=track.id, start=start, end=end, reason=reason, measured=measured, limit=limit, unit=unit
        )

    if final and track.accepted is not None and end - start < TAIL_S:
        if track.accepted:
            return None
        assert track.rejected is not None
        return replace(track.rejected, start=start, end=end)
    if end - start < config.min_track_s and track.accepted is None:
        return fault(Reason.TRACK_TOO_SHORT, end - start, config.min_track_s, "s")
    if track.detections and (detection := float(np.mean(track.detections))) < config.min_mean_detection:
        return fault(Reason.NO_FACE, detection, config.min_mean_detection, "mean detector score")
    landmarks = np.stack([s.landmarks for s in samples])
    boxes = face_boxes(landmarks)
    width = float(np.median(boxes[:, 2] - boxes[:, 0]))
    if width < config.min_face_px:
        return fault(Reason.FACE_TOO_SMALL, width, config.min_face_px, "px")
    observed = float(np.mean([s.observed for s in samples]))
    if observed < config.min_observed:
        return fault(Reason.OCCLUDED_OR_PROFILE, observed, config.min_observed, "fraction of frames with a face")
    profile = float(np.mean(np.abs(head_angles(landmarks)[:, 1]) > config.max_yaw))
    if profile > config.max_profile:
        unit = f"fraction of frames turned by more than {np.degrees(config.max_yaw):.0f} degrees"
        return fault(Reason.OCCLUDED_OR_PROFILE, profile, config.max_profile, unit)
    return None


def joined(first: RejectedTrack, second: RejectedTrack) -> RejectedTrack:
    """Two pieces rejected for one reason as one, the measured value weighted by their length."""
    a, b = max(first.end - first.start, 1e-6), max(second.end - second.start, 1e-6)
    return replace(first, end=second.end, measured=(first.measured * a + second.measured * b) / (a + b))


def continues(before: Sample, after: Sample) -> bool:
    """The two samples may be one face: it moved by less than its overlap and kept its size."""
    a, b = face_boxes(before.landmarks), face_boxes(after.landmarks)
    return bool(box_iou(a[None], b[None])[0, 0] > 0.3)
