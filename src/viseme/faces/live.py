"""The last seconds of every face, frame by frame. Knows tracks; refuses to know audio.

A chunk of the tracker comes seconds after its frames; a live answer cannot wait for it. Here the same pass over the
same nets is asked after each frame for what it knows of the last seconds, in constant memory.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from viseme.core.results import RejectedTrack
from viseme.faces.config import TrackingConfig
from viseme.faces.crop_recorder import CropRecorder
from viseme.faces.geometry import face_boxes
from viseme.faces.interface import FaceTrack, FaceTrackChunk, FrameLike
from viseme.faces.smoothing import REACH, smooth
from viseme.faces.tracking import LandmarkTracker
from viseme.faces.tracks import Track, fault_of

__all__ = ["LiveFaces", "reach_s"]

VERDICT_EVERY = 3
"""Of so many frames one is looked at to tell whether a face can be used."""


def reach_s(config: TrackingConfig) -> float:
    """Seconds after which no later frame changes a landmark: gaps are filled when the face is seen again, and
    smoothing looks ahead."""
    return config.max_gap_s + REACH


class LiveFaces:
    """Faces of a stream, with what was seen of each within the last `window_s` seconds."""

    def __init__(self, tracker: LandmarkTracker, window_s: float, *, crops: bool = False) -> None:
        """Have seen nothing yet.

        Args:
            tracker: Whose networks and rules are used.
            window_s: Seconds of each face that are kept.
            crops: Keep the standard crops of that time too, in a temporary file.
        """
        self._recorder = CropRecorder(keep_s=window_s + 1) if crops else None
        observers = () if self._recorder is None else (self._recorder,)
        self._run = tracker.start(observers=observers, chunk_s=2 * window_s)
        self._config: TrackingConfig = tracker.config
        self._window_s = window_s
        self._ended: list[FaceTrack] = []
        self._refused: list[RejectedTrack] = []
        self._smoothed: dict[int, _Smoothed] = {}
        self.now = 0.0
        """Seconds of the newest frame."""

    def step(self, frame: FrameLike, cut: bool) -> None:
        """Look at the next frame; `cut`: it opens a new shot."""
        for event in self._run.step(frame, cut):
            self._take(event)
        self.now = float(frame.time)
        begin = self.now - self._window_s
        for track in self._run.tracks:
            keep = next((i for i, s in enumerate(track.samples) if s.time >= begin), len(track.samples) - 1)
            del track.samples[:keep]
            del track.detections[: -round(self._window_s / self._config.detect_every_s)]
        self._ended = [face for face in self._ended if face.times[-1] >= begin]
        self._refused = [track for track in self._refused if track.end >= begin]
        if self._recorder is not None:
            kept = {track.id for track in self._run.tracks} | {face.track_id for face in self._ended}
            for track_id in self._recorder.track_ids - kept:
                self._recorder.forget(track_id)

    def end(self) -> None:
        """No further frame comes."""
        for event in self._run.finish():
            self._take(event)

    def close(self) -> None:
        """Give the disk back that crops lie on."""
        if self._recorder is not None:
            self._recorder.close()

    def _take(self, event: FaceTrackChunk | RejectedTrack) -> None:
        if isinstance(event, RejectedTrack):
            self._refused.append(event)
        else:
            self._ended.append(event.track)

    def windows(self) -> tuple[list[FaceTrack], list[RejectedTrack]]:
        """Faces of the last seconds in order of their ids, and those that cannot be used, with the reason."""
        good, refused = list(self._ended), list(self._refused)
        for track in self._run.tracks:
            looked_at = [*track.samples[:-1:VERDICT_EVERY], track.samples[-1]]
            fault = fault_of(track, looked_at, False, self._config)
            if fault is not None:
                refused.append(fault)
            else:
                smoothed = self._smoothed.setdefault(track.id, _Smoothed(self._config))
                good.append(_window(track, smoothed(track)))
        self._smoothed = {t.id: self._smoothed[t.id] for t in self._run.tracks if t.id in self._smoothed}
        if self._recorder is not None:
            good = [replace(f, images=self._recorder.images(f.track_id, f.times)) for f in good]
        return sorted(good, key=lambda face: face.track_id), refused


class _Smoothed:
    """Landmarks of one track, each smoothed once, when all that it depends on has come."""

    def __init__(self, config: TrackingConfig) -> None:
        self._config = config
        self._done: dict[float, NDArray[np.float32]] = {}

    def __call__(self, track: Track) -> NDArray[np.float32]:
        """(T, 478, 3) of all samples; those of the last `REACH` seconds will change."""
        times = np.array([s.time for s in track.samples])
        first = next((i for i, s in enumerate(track.samples) if s.time not in self._done), len(times) - 1)
        low = int(np.searchsorted(times, times[first] - REACH))
        new = smooth(
            times[low:],
            np.stack([s.landmarks for s in track.samples[low:]]),
            rigid_width=self._config.rigid_smoothing_s,
            speech_width=self._config.speech_smoothing_s,
        )[first - low :]
        points = [self._done[s.time] for s in track.samples[:first]] + list(new)
        final = times <= times[-1] - REACH
        self._done = {s.time: p for s, p, done in zip(track.samples, points, final) if done}
        return np.stack(points)


def _window(track: Track, points: NDArray[np.float32]) -> FaceTrack:
    return FaceTrack(
        track_id=track.id,
        times=np.array([s.time for s in track.samples]),
        landmarks=points,
        boxes=face_boxes(points),
        observed=np.array([s.observed for s in track.samples]),
    )
