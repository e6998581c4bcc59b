"""A clip as it is looked at: the face seen longest at 25 frames a second, a patch of every frame around it, and audio.

Knows sources and the tracker; refuses to know what is measured.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise, takewhile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from viseme.audio.clock import RATE
from viseme.audio.mel_frames import MelFrames
from viseme.core.errors import DataError, NoAudio
from viseme.faces import FaceTrack, FaceTrackChunk, tracker
from viseme.faces.crop_recorder import CropRecorder, FacePatch, ImagesInMemory
from viseme.faces.mouth_roi import canvas_transforms, nearest_rows
from viseme.media import Frame
from viseme.media.audio import join_blocks
from viseme.media.source import open_source
from viseme.reproduce.measured_clips import MAX_SIDE, TRACKER

__all__ = ["LEAST_FRAMES", "Look", "look_at"]

LEAST_FRAMES = 25
"""A face seen for less than this is not measured."""


@dataclass(frozen=True, eq=False)
class Look:
    """What is measured of a clip."""

    track: FaceTrack
    """T frames, 25 a second, with `images` (`FacePatch`)."""
    samples: NDArray[np.float32]
    """(S,) at 16 kHz, the whole clip's."""
    audio_start: float
    """Seconds of the first sample."""
    width: int
    """Of the source frame, pixels."""
    height: int

    @property
    def images(self) -> ImagesInMemory:
        """Patches of the frames."""
        assert isinstance(self.track.images, ImagesInMemory)
        return self.track.images

    @property
    def mels(self) -> MelFrames:
        """Of the audio, on the clip's clock."""
        return MelFrames.of_samples(self.samples, self.audio_start)

    @cached_property
    def audio(self) -> NDArray[np.float32]:
        """(S,) from the first frame of the track on; silence where the audio begins later."""
        late = round((self.audio_start - float(self.track.times[0])) * RATE)
        return np.pad(self.samples, (late, 0)) if late > 0 else self.samples[-late:]

    @cached_property
    def canvas_px(self) -> NDArray[np.float64]:
        """(T,) source pixels that one pixel of the canvas covers."""
        return 1 / np.hypot(*canvas_transforms(self.track.landmarks)[:, :, 0].T)

    @property
    def centre(self) -> NDArray[np.float64]:
        """(2,) of the face over the whole clip, source pixels."""
        return np.median((self.track.boxes[:, :2] + self.track.boxes[:, 2:]) / 2, axis=0).astype(np.float64)


def look_at(path: Path, seconds: float, change: Callable[[Frame], Frame] | None = None) -> Look | None:
    """Follow the faces of a file; None where none is seen for a second.

    Args:
        path: Of the file.
        seconds: What comes later is not looked at.
        change: What is done to every frame first.

    Raises:
        DataError: two faces are seen at one time, so that it is not known whose voice is heard.
        MediaError, FaceError, WeightsError: the file cannot be read or has no audio, or faces cannot be followed.
    """
    source = open_source(path)
    samples, start = join_blocks(list(source.audio()))
    if not len(samples):
        raise NoAudio(f"{path.name} has an audio stream and no audio in it")
    frames = takewhile(lambda frame: frame.time < seconds, source.frames(max_side=MAX_SIDE))
    faces: dict[int, list[FaceTrack]] = defaultdict(list)
    with CropRecorder(FacePatch()) as recorder:
        kind = tracker[TRACKER]
        for event in kind(kind.Config()).track(map(change, frames) if change else frames, observers=[recorder]):
            if isinstance(event, FaceTrackChunk):
                faces[event.track_id].append(event.track)
        if not faces:
            return None
        spans = sorted((float(parts[0].times[0]), float(parts[-1].times[-1])) for parts in faces.values())
        if any(later < end for (_, end), (later, _) in pairwise(spans)):
            raise DataError(f"{path.name} shows two faces at one time")
        track = FaceTrack.joined(max(faces.values(), key=lambda parts: sum(len(p.times) for p in parts)))
        track = track.rows(nearest_rows(track.times))
        images = recorder.images(track.track_id, track.times)
        if images is None or len(track.times) < LEAST_FRAMES:
            return None
        kept = ImagesInMemory(images[:], images.squares)
    return Look(replace(track, images=kept), samples, float(start), source.width, source.height)
