"""Clips that teach a talker: tight faces, mel windows and what experts see and hear, at 25 frames a second, on disk.

Knows clips and crops; refuses to know networks. Clips are prepared once; one marked `dev` never comes here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from viseme.audio.features import speech_features
from viseme.audio.mel_windows import mel_windows
from viseme.core.errors import DataError
from viseme.data.manifest import ManifestRow
from viseme.data.prepare import PreparedClips, View, prepare, track_clips
from viseme.data.sources import ClipInfo, TrackedClip, clip_sources
from viseme.engine.progress import Bar
from viseme.expert.corpus import HeardClips
from viseme.faces.crops import crop_again, crop_squares
from viseme.faces.mouth_roi import STEP_S, nearest_rows, roi_transforms
from viseme.faces.tight_squares import tight_squares

__all__ = ["MOST_FRAMES", "NUM_FRAMES", "TalkerClips", "pieces", "talker_clips"]

NUM_FRAMES = 5
"""k: consecutive frames of a pass."""
LEAST_FRAMES = 30
"""Shorter clips are not used."""
MOST_FRAMES = 250
"""Frames that an expert sees at once, at most."""


@dataclass(frozen=True)
class TalkerClips:
    """Prepared clips on disk; goes to other processes as names, not as data."""

    prepared: PreparedClips
    places: tuple[int, ...]
    """Which of the prepared clips."""
    side: int
    """Of a face, pixels."""

    def __len__(self) -> int:
        """Number of clips."""
        return len(self.places)

    def read(self, number: int, *names: str) -> list[NDArray[Any]]:
        """Arrays of a clip, read-only maps of files.

        `faces` (T, S, S, 3) uint8; `mel` (T, 80, 16) float16 around the middle of each frame; `speech` (T, 104)
        float16; `to_mouth` (T, 2, 3) from pixels of a face to those of the 96-pixel mouth that an expert's is cut from.
        """
        return self.prepared.store.read(self.keys[number], names)

    @property
    def infos(self) -> list[ClipInfo]:
        """What is known of each."""
        return [self.prepared.infos[place] for place in self.places]

    @property
    def keys(self) -> list[str]:
        """Of each."""
        return [self.prepared.keys[place] for place in self.places]

    @property
    def lengths(self) -> list[int]:
        """Frames of each."""
        return [len(self.read(number, "speech")[0]) for number in range(len(self))]

    def some(self, numbers: Sequence[int]) -> TalkerClips:
        """Some of the clips."""
        return replace(self, places=tuple(self.places[i] for i in numbers))


def talker_clips(rows: Sequence[ManifestRow], work: Path, *, side: int = 96, num_jobs: int = 1) -> TalkerClips:
    """Prepare clips of a manifest whose delay it knows; the others are left out.

    Args:
        rows: From `read_manifest`.
        work: Folder where what was prepared is kept; faces that another training followed there are not followed again.
        side: Of a face, pixels.
        num_jobs: Processes.

    Raises:
        DataError: no clip can be used.
    """
    known = tuple(row for row in rows if row.audio_delay is not None)
    tracked = track_clips(clip_sources["manifest"](known), work, num_jobs=num_jobs, on_progress=Bar("tracking faces"))
    view = View(f"talker-{side}-1", partial(_made, side=side), needs_pixels=True)
    heard = HeardClips(tracked, known, with_phones=False)
    found = prepare(heard, view, work, num_jobs=num_jobs, on_progress=Bar("face crops"))
    if not found.keys:
        why = next((reason for _, reason in found.left_out), "the manifest has none whose truth_delay_ms is known")
        raise DataError(f"no clip can be used: {why}")
    return TalkerClips(found, tuple(range(len(found.keys))), side)


def pieces(num: int, most: int = MOST_FRAMES) -> Iterator[tuple[int, int]]:
    """First frame and end of equal parts of a clip that an expert can see at once.

    Example:
        >>> list(pieces(75)), list(pieces(501))
        ([(0, 75)], [(0, 167), (167, 334), (334, 501)])
    """
    count = -(-num // most)
    bounds = [round(i * num / count) for i in range(count + 1)]
    yield from pairwise(bounds)


def _made(clip: TrackedClip, *, side: int) -> Mapping[str, NDArray[Any]]:
    assert clip.images is not None
    rows = nearest_rows(clip.times)
    num = len(rows)
    if num < LEAST_FRAMES:
        raise DataError(f"the face is seen for less than {LEAST_FRAMES * STEP_S:g} s")
    landmarks = clip.landmarks[rows]
    squares = tight_squares(landmarks)
    shown = crop_squares(clip.landmarks)[rows]
    faces = [crop_again(clip.images[row], whole, tight, size=side) for row, whole, tight in zip(rows, shown, squares)]
    begin = float(np.ceil(clip.times[0] / STEP_S - 1e-6)) * STEP_S
    samples, start = clip.truth["samples"], float(clip.truth["samples_start"])
    return {
        "faces": np.stack(faces),
        "mel": mel_windows(samples, begin + (np.arange(num) + 0.5) * STEP_S, start=start).astype(np.float16),
        "speech": speech_features(samples, num, start=start - begin).astype(np.float16),
        "to_mouth": _from_face(roi_transforms(landmarks), squares, side).astype(np.float32),
    }


def _from_face(matrices: NDArray[np.float64], squares: NDArray[np.float64], side: int) -> NDArray[np.float64]:
    """(T, 2, 3) from pixels of a face, instead of source pixels."""
    scale = squares[:, 2] / side
    corner = squares[:, :2] - squares[:, 2:] / 2
    linear = matrices[:, :, :2] * scale[:, None, None]
    shift = np.einsum("tij,tj->ti", matrices[:, :, :2], corner) + matrices[:, :, 2]
    return np.concatenate([linear, shift[..., None]], 2)
