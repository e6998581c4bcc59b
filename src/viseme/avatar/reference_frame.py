"""Which frame of a person's videos the others are compared with. Knows landmarks and frames; refuses to know audio."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from viseme.avatar.person_videos import MAX_SIDE
from viseme.core.errors import DataError
from viseme.face3d.atlas import Cylinder, fit_cylinder, unwrap
from viseme.face3d.atlas_light import luma
from viseme.face3d.head_pose import NUM_VERTICES, canonical_vertices, head_poses, metric
from viseme.face3d.reference_atlas import ReferenceAtlas, reference_atlas, skin_mask
from viseme.faces.rotation import rotation_angles
from viseme.media import read_frames

__all__ = ["PersonReference", "find_reference", "frame_at", "unwrapped"]

MOST_ANGLE = np.deg2rad(10.0)
"""Radians of pitch and of yaw of a reference frame."""
CLOSED = 0.03
"""Of the eye distance: inner lips that near count as closed."""
CANDIDATES = 8
"""Frames whose pixels are looked at for the sharpest."""
_STEP = 5
"""Every so many frames of a video is looked at."""


@dataclass(frozen=True, kw_only=True, eq=False)
class PersonReference:
    """What all frames of a person are laid on."""

    vertices: NDArray[np.float64]
    """(468, 3) reference space: that of `face3d.head_pose.canonical_vertices`, unit = the radius of its cylinder."""
    cylinder: Cylinder
    atlas: ReferenceAtlas
    video: int
    """Number of the video, and seconds of the frame in it."""
    time: float
    one_light: bool = True
    """Whether frames are brought to the light of the reference; False = left as filmed, to see what that is worth."""


@dataclass(frozen=True)
class _Candidate:
    cost: float
    video: int
    row: int


def find_reference(
    paths: Sequence[Path], tracks: Sequence[tuple[NDArray[np.float64], NDArray[np.float32], NDArray[np.bool_]]]
) -> PersonReference:
    """The sharpest of the frames that look straight ahead with the mouth closed.

    Args:
        paths: Of the videos.
        tracks: Times (T,), landmarks (T, 478, 3) and what was observed (T,) of each.

    Raises:
        DataError: no frame is seen from the front.
    """
    found = [c for number, track in enumerate(tracks) for c in _candidates(number, track[1], track[2])]
    if not found:
        raise DataError("no frame shows the face from the front; add a video in which the person looks into the camera")
    best = sorted(found, key=lambda c: c.cost)[:CANDIDATES]
    made = [_made(paths[c.video], c, tracks[c.video][0][c.row], tracks[c.video][1][c.row]) for c in best]
    return max(made, key=lambda pair: pair[0])[1]


def _candidates(video: int, landmarks: NDArray[np.float32], observed: NDArray[np.bool_]) -> list[_Candidate]:
    rows = np.flatnonzero(observed)[::_STEP]
    if not len(rows):
        return []
    vertices = metric(landmarks[rows].astype(np.float64))
    angles = np.abs(rotation_angles(head_poses(vertices, canonical_vertices()).rotation.swapaxes(1, 2))[:, :2])
    opening = np.linalg.norm(vertices[:, 13] - vertices[:, 14], axis=-1)
    opening /= np.linalg.norm(vertices[:, 33] - vertices[:, 263], axis=-1)
    cost = angles.sum(1) + 10 * np.maximum(opening - CLOSED, 0)
    return [_Candidate(float(cost[i]), video, int(rows[i])) for i in np.flatnonzero((angles <= MOST_ANGLE).all(1))]


def _made(
    path: Path, candidate: _Candidate, time: float, landmarks: NDArray[np.float32]
) -> tuple[float, PersonReference]:
    """Sharpness and the reference that a frame gives."""
    vertices = metric(landmarks[None].astype(np.float64))
    vertices = head_poses(vertices, canonical_vertices()).normalise(vertices)[0]
    cylinder = fit_cylinder(vertices)
    coordinates = cylinder.coordinates(vertices)
    image, scale = frame_at(path, time)
    atlas, valid = unwrapped(image, scale, landmarks, coordinates)
    skin = skin_mask(coordinates) & valid
    steps = np.abs(np.diff(luma(atlas), axis=0))[skin[1:]]
    made = PersonReference(
        vertices=vertices,
        cylinder=cylinder,
        atlas=reference_atlas(atlas, valid, coordinates),
        video=candidate.video,
        time=float(time),
    )
    return float(steps.mean()), made


def frame_at(path: Path, time: float) -> tuple[NDArray[np.uint8], float]:
    """(H, W, 3) RGB of the frame at a time, and its scale."""
    for frame in read_frames(path, max_side=MAX_SIDE, start=max(0.0, time - 1e-3) or None):
        return frame.image, frame.scale
    raise DataError(f"{path} has no frame at {time:.3f} s; did the file change?")


def unwrapped(
    image: NDArray[np.uint8], scale: float, landmarks: NDArray[np.float32], coordinates: NDArray[np.float64]
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """`unwrap` of a frame: `landmarks` (478, 3) of the source frame, `coordinates` (468, 2) in the atlas."""
    points = landmarks[:NUM_VERTICES].astype(np.float64) * [scale, scale, -scale]
    return unwrap(image, points, coordinates)
