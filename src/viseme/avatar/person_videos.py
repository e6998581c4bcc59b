"""Videos of one person as a source of clips: the face followed, the audio on the same clock, how late it is.

Knows files, faces and the sync model; refuses to know atlases. A video with two people, without a face or seen from the
side only is refused with a sentence that says so.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from viseme.audio.mel_frames import MelFrames
from viseme.audio.voice_activity import voice_fraction
from viseme.core.errors import DataError, MissingWeights, NoAudio
from viseme.core.results import Reason, RejectedTrack
from viseme.core.time import format_time
from viseme.data.prepare import View
from viseme.data.sources import ClipInfo, TrackedClip
from viseme.faces import FaceTrack, FaceTrackChunk, tracker
from viseme.media.audio import join_blocks
from viseme.media.search import shown
from viseme.media.source import FileSource
from viseme.sync.checkpoint import load_sync_weights
from viseme.sync.pipeline import check_tracks
from viseme.weights.catalog import sha256_of

__all__ = ["MAX_SIDE", "PersonVideos", "one_person", "person_view"]

MAX_SIDE = 1280
"""Pixels of the longer side at which faces are sought and unrolled."""
LEAST_SHARE = 0.5
"""Of the width of the largest face: a face that large beside it is a second person."""
LEAST_S = 1.0
"""Seconds that a second person is seen at least."""


@dataclass(frozen=True)
class PersonVideos:
    """Files on disk, one clip each. A clip's key is the hash of its bytes."""

    paths: tuple[Path, ...]
    kind = "person"

    @property
    def clips(self) -> Sequence[ClipInfo]:
        """In order of the paths."""
        return [ClipInfo(name=str(path), speaker="the person") for path in self.paths]

    def key(self, number: int) -> str:
        """Hash of the file's bytes.

        Raises:
            DataError: the file is missing.
        """
        path = self.paths[number]
        try:
            return sha256_of(path)[:32]
        except (MissingWeights, OSError):
            raise DataError(f"{shown(path)} cannot be read; check its name") from None

    def track(self, number: int, *, pixels: bool = False) -> TrackedClip:
        """Follow the person. `truth` holds `samples` (S,) int16, `start` () seconds of the first, and `delay` ()
        seconds by which the audio is late, NaN where that cannot be told.

        Raises:
            MediaError: the file cannot be read, or has no audio.
            DataError: it shows two people, none, or one from the side only.
        """
        assert not pixels, "pixels are read later, frame by frame"
        source = FileSource(self.paths[number], voice=voice_fraction)
        try:
            samples, start = join_blocks(list(source.audio()))
        except (NoAudio, IndexError):
            raise NoAudio(
                f"{shown(self.paths[number])} has no audio; give a video in which the person is heard"
            ) from None
        kind = tracker["mediapipe"]
        events = list(kind(kind.Config()).track(source.frames(max_side=MAX_SIDE)))
        track = one_person(source.name, events)
        found = check_tracks(load_sync_weights(), events, MelFrames.of_samples(samples, start)).estimate
        truth = {
            "samples": np.rint(samples * 32767).astype(np.int16),
            "start": np.array(float(start)),
            "delay": np.array(np.nan if found.audio_delay is None or found.pieces else found.audio_delay),
        }
        return TrackedClip(times=track.times, landmarks=track.landmarks, observed=track.observed, truth=truth)


def person_view() -> View:
    """What `viseme.data.prepare` keeps of a clip of `PersonVideos`."""
    return View("followed", _arrays)


def _arrays(clip: TrackedClip) -> Mapping[str, NDArray[Any]]:
    return {"landmarks": clip.landmarks, "observed": clip.observed.astype(bool), **clip.truth}


def one_person(name: str, events: Sequence[FaceTrackChunk | RejectedTrack]) -> FaceTrack:
    """All stretches of the one face that a video shows, one after the other."""
    chunks = sorted((e for e in events if isinstance(e, FaceTrackChunk)), key=lambda chunk: chunk.start)
    if not chunks:
        raise DataError(f"{shown(name)} {_why_not([e for e in events if isinstance(e, RejectedTrack)])}")
    largest = max(chunk.face_size_px for chunk in chunks)
    chunks = [chunk for chunk in chunks if chunk.face_size_px > LEAST_SHARE * largest]
    for before, after in pairwise(chunks):
        together = min(before.end, after.end) - after.start
        if before.track_id != after.track_id and together > LEAST_S:
            raise DataError(
                f"{shown(name)} shows two people at {format_time(after.start)}; an avatar is made of one person: "
                "cut the others off, or give videos of this person alone"
            )
    kept = [chunks[0]]
    for chunk in chunks[1:]:
        if chunk.start > kept[-1].end:
            kept.append(chunk)
    names = ("times", "landmarks", "boxes", "observed")
    arrays: dict[str, Any] = {n: np.concatenate([getattr(chunk, n) for chunk in kept]) for n in names}
    return FaceTrack(track_id=0, **arrays)


def _why_not(rejected: Sequence[RejectedTrack]) -> str:
    """What a video without a usable face shows instead."""
    reasons = Counter(dict.fromkeys(Reason, 0.0))  # type: ignore[arg-type]
    for track in rejected:
        reasons[track.reason] += track.end - track.start  # type: ignore[assignment]
    reason = reasons.most_common(1)[0][0] if rejected else Reason.NO_FACE
    if reason is Reason.OCCLUDED_OR_PROFILE:
        return "shows the face from the side only, or something is in front of it; film it from the front"
    if reason is Reason.FACE_TOO_SMALL:
        return "shows a face that is too small; film it from nearer"
    return "shows no face"
