"""The arrays of a person's short clips: frames read once, unrolled, brought to the light of the reference.

Knows one piece of a video at a time; refuses to know how pieces are chosen and where they are trained on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from viseme.audio.clock import RATE
from viseme.audio.stft import speech_gain, stft_windows
from viseme.avatar.person_videos import MAX_SIDE
from viseme.avatar.reference_frame import PersonReference, unwrapped
from viseme.core.errors import DataError, FaceError, MediaError
from viseme.data.prepare import PreparedClips
from viseme.data.store import ClipStore
from viseme.face3d.atlas import LIP_COLUMNS, LIP_ROWS
from viseme.face3d.head_pose import head_poses, metric
from viseme.face3d.interface import load_face_model
from viseme.face3d.reference_atlas import NormalisedAtlas
from viseme.faces.blendshapes import ARKIT_NAMES, arkit_coefficients
from viseme.faces.rotation import rotation_angles
from viseme.media import read_frames

__all__ = ["ARRAYS_VERSION", "NUM_UNITS", "Piece", "frame_atlas", "make_pieces", "unit_weights"]

ARRAYS_VERSION = 2
"""Raise it when the same frames give other arrays."""
NUM_UNITS = 52
"""The first so many expression units of the default face model bear ARKit's names."""
MOST_YAW = np.deg2rad(40.0)
"""Radians from the reference: a head turned further shows too little of the other cheek."""
AROUND_S = 0.5
"""Seconds of audio kept before and after a piece."""


@dataclass(frozen=True)
class Piece:
    """Some frames of a video."""

    video: int
    rows: slice
    """Of its track."""
    seconds: float


def make_pieces(
    followed: PreparedClips,
    paths: Sequence[Path],
    person: PersonReference,
    delays: Sequence[float],
    folder: Path,
    group: Sequence[tuple[str, Piece]],
) -> int:
    """Write one shard; how many pieces were looked at. Runs in a process of its own."""
    arrays, reasons = {}, {}
    for key, piece in group:
        try:
            track = followed.store[followed.keys[piece.video]]
            arrays[key] = _arrays(paths[piece.video], track, piece.rows, person, delays[piece.video])
        except (MediaError, FaceError, DataError) as error:
            reasons[key] = str(error)
    ClipStore(folder).write(arrays, reasons)
    return len(group)


def _arrays(
    path: Path, track: dict[str, NDArray[Any]], rows: slice, person: PersonReference, delay: float
) -> dict[str, NDArray[Any]]:
    rows_used, vertices = _usable(track, rows, person)
    times, landmarks = track["times"][rows_used], track["landmarks"][rows_used]
    lips, valid, seen = _lips(path, times, landmarks, vertices, person)
    times, landmarks, vertices = times[seen], landmarks[seen], vertices[seen]
    voice = np.asarray(track["samples"] / np.float32(32768), np.float32)
    start, gain = float(track["start"]) - delay, speech_gain(voice)
    low = max(0, round((times[0] - AROUND_S - start) * RATE))
    high = max(low, round((times[-1] + AROUND_S - start) * RATE))
    return {
        "times": times.astype(np.float64),
        "vertices": vertices.astype(np.float32),
        "lips": lips,
        "valid": valid,
        "stft": stft_windows(voice, start, times, gain=gain).astype(np.float16),
        "weights": unit_weights(arkit_coefficients(landmarks)),
        "samples": np.asarray(track["samples"][low:high]),
        "start": np.array(start + low / RATE),
    }


def _usable(
    track: dict[str, NDArray[Any]], rows: slice, person: PersonReference
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Rows in which the head was seen and is not turned away, and their vertices (T, 468, 3) in the reference space."""
    found = np.arange(rows.start, rows.stop)[track["observed"][rows]]
    vertices = metric(track["landmarks"][found].astype(np.float64))
    poses = head_poses(vertices, person.vertices)
    near = np.abs(rotation_angles(poses.rotation.swapaxes(1, 2))[:, 1]) < MOST_YAW
    if near.sum() < 2:
        raise DataError("the head is turned away")
    return found[near], np.asarray(poses.normalise(vertices)[near], np.float64)


def _lips(
    path: Path,
    times: NDArray[np.float64],
    landmarks: NDArray[np.float32],
    vertices: NDArray[np.float64],
    person: PersonReference,
) -> tuple[NDArray[np.uint8], NDArray[np.bool_], NDArray[np.bool_]]:
    """Lip crops and what of them was seen, of the frames that could be read, and (T,) which these are.

    What a frame does not show is filled from the frame before, at first from the reference.
    """
    crop = (LIP_ROWS, LIP_COLUMNS)
    size = LIP_ROWS.stop - LIP_ROWS.start
    lips, valid = np.zeros((len(times), size, size, 3), np.uint8), np.zeros((len(times), size, size), bool)
    seen, wanted = np.zeros(len(times), bool), {round(float(t) * 1e6): i for i, t in enumerate(times)}
    last = person.atlas.atlas[crop]
    for frame in read_frames(path, max_side=MAX_SIDE, start=max(0.0, float(times[0]) - 1e-3) or None):
        if float(frame.time) > times[-1] + 1e-6:
            break
        row = wanted.get(round(float(frame.time) * 1e6))
        if row is None:
            continue
        atlas, shown = _atlas(frame.image, frame.scale, landmarks[row], vertices[row], person)
        valid[row], seen[row] = shown[crop], True
        last = np.where(valid[row][..., None], atlas[crop], last)
        lips[row] = np.rint(last * 255).astype(np.uint8)
    if seen.sum() < 2:
        raise DataError(f"{path} has no frames where its face was followed; did the file change?")
    return lips[seen], valid[seen], seen


def _atlas(
    image: NDArray[np.uint8],
    scale: float,
    landmarks: NDArray[np.float32],
    vertices: NDArray[np.float64],
    person: PersonReference,
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """(256, 256, 3) a frame's atlas, in the light of the reference unless frames stay as filmed, and what is seen."""
    if not person.one_light:
        return unwrapped(image, scale, landmarks, person.cylinder.coordinates(vertices))
    found = frame_atlas(image, scale, landmarks, vertices, person)
    return found.atlas, found.valid


def frame_atlas(
    image: NDArray[np.uint8],
    scale: float,
    landmarks: NDArray[np.float32],
    vertices: NDArray[np.float64],
    person: PersonReference,
) -> NormalisedAtlas:
    """A frame's atlas in the light of the reference.

    Args:
        image: (H, W, 3) RGB.
        scale: Width of `image` over width of the source frame.
        landmarks: (478, 3) source pixels.
        vertices: (468, 3) of the same in the reference space.
        person: The reference.
    """
    coordinates = person.cylinder.coordinates(vertices)
    atlas, valid = unwrapped(image, scale, landmarks, coordinates)
    return person.atlas.normalise(atlas, valid, coordinates)


def unit_weights(coefficients: NDArray[np.float32]) -> NDArray[np.float32]:
    """(T, 52) weights in the order of the default face model's units, which is that of every animation that is written,
    from (T, 52) in the order of `ARKIT_NAMES`: `_neutral` goes, and `tongueOut`, which the network does not tell, is 0.
    """
    known = {name: column for column, name in enumerate(ARKIT_NAMES)}
    columns = [known.get(name) for name in load_face_model().expression_names[:NUM_UNITS]]
    return np.stack([np.zeros(len(coefficients), np.float32) if c is None else coefficients[:, c] for c in columns], 1)
