"""Clips of a manifest: the face that is seen longest, followed through the file, with the file's audio."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from viseme.audio.bands import bands
from viseme.core.errors import DataError, MissingWeights, NoAudio
from viseme.data.manifest import ManifestRow
from viseme.data.sources import ClipInfo, TrackedClip
from viseme.faces import FaceTrackChunk, tracker
from viseme.faces.crops import CROP_SIZE, crop_frame, crop_squares
from viseme.media import Frame, read_audio, read_frames
from viseme.media.audio import join_blocks
from viseme.media.images import gaussian_blur
from viseme.weights.catalog import sha256_of

__all__ = ["LEAST_FRAMES", "ManifestClips"]

LEAST_FRAMES = 20
"""Shorter tracks are not used."""
MAX_SIDE = 1280
"""Pixels of the longer side at which faces are sought."""


@dataclass(frozen=True)
class ManifestClips:
    """Files on disk. A clip's key is the hash of its bytes, wherever it lies and whatever it is called."""

    rows: tuple[ManifestRow, ...]
    """From `read_manifest`."""
    blur_px: tuple[float, ...] | None = None
    """For each clip, the standard deviation of a Gaussian blur of every frame, source pixels; None = sharp."""
    kind = "manifest"

    @property
    def clips(self) -> Sequence[ClipInfo]:
        """In order of the rows."""
        return [row.info() for row in self.rows]

    def key(self, number: int) -> str:
        """Hash of the file's bytes.

        Raises:
            DataError: the file is missing.
        """
        path = self.rows[number].path
        try:
            found = sha256_of(path)[:32]
        except MissingWeights:
            raise DataError(f"there is no {path}") from None
        except OSError as error:
            raise DataError(f"{path} cannot be read: {error.strerror}") from None
        return found if self.blur_px is None else f"{found}b{round(1000 * self.blur_px[number])}"

    def track(self, number: int, *, pixels: bool = False) -> TrackedClip:
        """See `ClipSource.track`."""
        path = self.rows[number].path
        kind = tracker["mediapipe"]
        chunks = [c for c in kind(kind.Config()).track(self._frames(number)) if isinstance(c, FaceTrackChunk)]
        times, landmarks, observed = _longest(chunks)
        first, audio = _audio(path)
        found = TrackedClip(times=times, landmarks=landmarks, observed=observed, audio=audio, first_audio_frame=first)
        return self.with_images(number, found) if pixels else found

    def with_images(self, number: int, clip: TrackedClip) -> TrackedClip:
        """The same with its crops, from a pass over the part of the file where the face is seen."""
        squares = crop_squares(clip.landmarks)
        images = np.zeros((len(clip.times), CROP_SIZE, CROP_SIZE, 3), np.uint8)
        wanted = {round(float(t) * 1e6): i for i, t in enumerate(clip.times)}
        for frame in self._frames(number, start=max(0.0, float(clip.times[0]) - 1e-3)):
            if float(frame.time) > clip.times[-1] + 1e-6:
                break
            row = wanted.get(round(float(frame.time) * 1e6))
            if row is not None and np.isfinite(squares[row]).all():
                images[row] = crop_frame(frame.image, squares[row], scale=frame.scale)
        return replace(clip, images=images)

    def _frames(self, number: int, start: float = 0.0) -> Iterable[Frame]:
        frames = read_frames(self.rows[number].path, max_side=MAX_SIDE, start=start or None)
        return frames if self.blur_px is None else _blurred(frames, self.blur_px[number])


def _blurred(frames: Iterable[Frame], sigma_px: float) -> Iterator[Frame]:
    for frame in frames:
        sigma = max(sigma_px * frame.scale, 0.1)
        yield replace(frame, image=gaussian_blur(frame.image, sigma))


def _longest(
    chunks: Sequence[FaceTrackChunk],
) -> tuple[NDArray[np.float64], NDArray[np.float32], NDArray[np.bool_]]:
    """Times, landmarks and what was observed of the track with most frames.

    Raises:
        DataError: none is long enough.
    """
    lengths: dict[int, int] = {}
    for chunk in chunks:
        lengths[chunk.track_id] = lengths.get(chunk.track_id, 0) + len(chunk.times)
    if not lengths or max(lengths.values()) < LEAST_FRAMES:
        raise DataError(f"no face is followed for {LEAST_FRAMES} frames")
    best = [c for c in chunks if c.track_id == max(lengths, key=lengths.__getitem__)]
    return (
        np.concatenate([c.times for c in best]),
        np.concatenate([c.landmarks for c in best]),
        np.concatenate([c.observed for c in best]),
    )


def _audio(path: Path) -> tuple[int, NDArray[np.float16] | None]:
    """Number of the first audio frame and bands; None where the file has no audio."""
    try:
        blocks = list(read_audio(path))
    except NoAudio:
        return 0, None
    if not blocks:
        return 0, None
    return bands(*join_blocks(blocks))
