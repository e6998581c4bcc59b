"""What a video shows of a person nobody trained on: the face at rest, its light, and how the lips look when they move.

Knows landmarks, frames and atlases; refuses to know networks and audio. A few dozen frames are looked at, whatever the
length of the video.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from viseme.compose.light import SIZE, LightMatch
from viseme.compose.region import face_region
from viseme.core.errors import FaceError
from viseme.face3d.atlas import ATLAS_SIZE, LIP_COLUMNS, LIP_ROWS, Cylinder, fit_cylinder
from viseme.face3d.head_pose import canonical_vertices, head_poses, metric
from viseme.faces.rotation import rotation_angles
from viseme.media import read_frames
from viseme.talker.lip_atlas import frame_atlas, lip_shape, opening, whole_atlas

__all__ = ["MAX_SIDE", "LipPool", "Person", "person_of", "pool_rows", "resting_shape"]

MAX_SIDE = 1280
"""Pixels of the longer side at which frames are unrolled."""
MOST_OBSERVED = 32
"""Frames whose lips are kept."""
CANDIDATES = 6
"""Frames whose pixels are looked at for the sharpest one at rest."""
TURNED, MOST_TURNED = np.deg2rad(20.0), np.deg2rad(45.0)
"""Radians of yaw and pitch up to which lips are kept, and up to which anybody can be dubbed."""
CLOSED = 0.02
"""Opening up to which a mouth counts as closed."""
AT_REST = 0.1
"""Share of the frames, the most closed ones, whose median is the face at rest."""
SEEK_S = 3.0
"""Seconds of video that are rather decoded than skipped."""
KNOWN_ROW = 100 * SIZE // ATLAS_SIZE
"""Row of the small atlas above which light is not compared: eyes and hair."""


@dataclass(frozen=True, kw_only=True, eq=False)
class LipPool:
    """Lips as they were seen, in the light of the reference."""

    crops: NDArray[np.float32]
    """(K, 128, 128, 3) RGB; the first one is of the reference frame, at rest."""
    places: NDArray[np.float64]
    """(K, 468, 2) columns and rows of their vertices in the atlas."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Person:
    """A face that can be made to speak."""

    reference: NDArray[np.float64]
    """(468, 3) vertices of the reference frame, reference space."""
    cylinder: Cylinder
    """How vertices are laid onto the atlas."""
    atlas: NDArray[np.float32]
    """(256, 256, 3) of the reference frame, in its light."""
    closed: NDArray[np.float64]
    """(468, 3) at rest."""
    pool: LipPool
    moved: NDArray[np.float32]
    """(T, 468, 3) vertices minus those at rest, of frames all over the video."""


def resting_shape(vertices: NDArray[np.floating]) -> NDArray[np.float64]:
    """(468, 3) median of the most closed of (T, 468, 3)."""
    num = max(3, round(AT_REST * len(vertices)))
    return np.median(np.asarray(vertices, np.float64)[np.argsort(opening(vertices))[:num]], 0)


def person_of(
    path: str | os.PathLike[str],
    times: NDArray[np.floating],
    landmarks: NDArray[np.floating],
    *,
    most: int = MOST_OBSERVED,
) -> Person:
    """Look at a person.

    Args:
        path: The video.
        times: (T,) seconds of frames in which the face was followed, rising: a thousand are enough.
        landmarks: (T, 468 or 478, 3) pixels of the video's frames.
        most: Frames whose lips are kept.

    Raises:
        FaceError: the face is turned away throughout.
    """
    when, points = np.asarray(times, np.float64), np.asarray(landmarks, np.float64)
    upright = metric(points)
    poses = head_poses(upright, canonical_vertices())
    turned = np.abs(rotation_angles(poses.rotation.swapaxes(1, 2))[:, :2]).max(1)
    usable = np.flatnonzero(turned <= max(TURNED, float(np.quantile(turned, 0.25))))
    if float(turned.min()) > MOST_TURNED:
        raise FaceError(
            "the face is turned away throughout; dub without an avatar needs some frames seen from the front"
        )
    when, points, upright, turned = when[usable], points[usable], upright[usable], turned[usable]
    sharpest = _sharpest(path, when, points, _calm(upright, turned))
    reference = head_poses(upright[sharpest][None], canonical_vertices()).normalise(upright[sharpest][None])[0]
    vertices = np.asarray(head_poses(upright, reference).normalise(upright), np.float64)
    cylinder = fit_cylinder(reference)
    closed = resting_shape(vertices)
    places = cylinder.coordinates(vertices)
    chosen = pool_rows(lip_shape(places, cylinder.coordinates(closed)), sharpest, most)
    atlas, pool = _observed(path, when, points, places, chosen)
    return Person(
        reference=reference,
        cylinder=cylinder,
        atlas=atlas,
        closed=closed,
        pool=pool,
        moved=(vertices - closed).astype(np.float32),
    )


def pool_rows(shapes: NDArray[np.float32], first: int, most: int) -> NDArray[np.intp]:
    """Rows whose shapes are as unlike each other as can be, `first` first.

    Args:
        shapes: (T, D).
        first: A row.
        most: Rows wanted; fewer where shapes repeat.
    """
    chosen = [first]
    apart = np.linalg.norm(shapes - shapes[first], axis=1)
    while len(chosen) < most:
        row = int(np.argmax(apart))
        if apart[row] < 0.3:
            break
        chosen.append(row)
        apart = np.minimum(apart, np.linalg.norm(shapes - shapes[row], axis=1))
    return np.array(chosen, np.intp)


def _calm(upright: NDArray[np.floating], turned: NDArray[np.floating]) -> NDArray[np.intp]:
    """Rows of a face that looks ahead with the mouth shut, best first."""
    cost = turned + 10 * np.maximum(opening(upright) - CLOSED, 0)
    return np.argsort(cost, kind="stable")[:CANDIDATES]


def _sharpest(
    path: str | os.PathLike[str], times: NDArray[np.float64], points: NDArray[np.float64], rows: NDArray[np.intp]
) -> int:
    """The row whose lips are seen in most detail."""
    found = {}
    for row, image, scale in _images(path, times, rows):
        low, high = points[row, :468, :2].min(0) * scale, points[row, :468, :2].max(0) * scale
        (x0, y0), (x1, y1) = np.clip(low, 0, None).astype(int), high.astype(int)
        face = image[y0:y1, x0:x1].astype(np.float32).mean(2)
        found[row] = float(np.abs(np.diff(face, axis=0)).mean()) if len(face) > 1 else 0.0
    if not found:
        raise FaceError("no frame of the video could be read again; did the file change?")
    return max(found, key=found.__getitem__)


def _observed(
    path: str | os.PathLike[str],
    times: NDArray[np.float64],
    points: NDArray[np.float64],
    places: NDArray[np.float64],
    chosen: NDArray[np.intp],
) -> tuple[NDArray[np.float32], LipPool]:
    """The atlas of the first of the chosen rows, and the lips of all in its light."""
    whole, crops = {}, {}
    for row, image, scale in _images(path, times, chosen):
        flat = points[row, :468, :2] * scale
        whole[row] = whole_atlas(image, flat, places[row])
        crops[row] = frame_atlas(image, flat, places[row])
    first = int(chosen[0])
    match, small = LightMatch(), _small(whole[first])
    skin = _skin()
    for row in crops:
        if row == first:
            continue
        match.begin()
        own = _small(whole[row])
        known = skin * ((own.min(2) > 0) & (small.min(2) > 0))
        crops[row] = np.clip(match.match(own, small, known).on(crops[row], LIP_ROWS, LIP_COLUMNS, ATLAS_SIZE), 0, 1)
    rows = [row for row in chosen.tolist() if row in crops]
    pool = LipPool(crops=np.stack([crops[row] for row in rows]).astype(np.float32), places=places[rows])
    return whole[first], pool


def _skin() -> NDArray[np.float32]:
    """(64, 64) where the atlas of a face shows skin that speech hardly moves."""
    reference = canonical_vertices()
    still = fit_cylinder(reference).coordinates(reference)[face_region(reference).lips > 0] * SIZE / ATLAS_SIZE
    low, high = still.min(0).astype(int) - 1, still.max(0).astype(int) + 2
    out = np.ones((SIZE, SIZE), np.float32)
    out[:KNOWN_ROW] = 0
    out[low[1] : high[1], low[0] : high[0]] = 0
    return out


def _small(atlas: NDArray[np.float32]) -> NDArray[np.float32]:
    side = ATLAS_SIZE // SIZE
    out = atlas.reshape(SIZE, side, SIZE, side, 3)
    return np.ascontiguousarray(
        np.where(out.min((1, 3, 4)) > 0, out.mean((1, 3)).transpose(2, 0, 1), 0).transpose(1, 2, 0)
    )


def _images(
    path: str | os.PathLike[str], times: NDArray[np.float64], rows: NDArray[np.intp]
) -> Iterator[tuple[int, NDArray[np.uint8], float]]:
    """Row, image and scale of the frames of some rows, in order of time."""
    waiting = sorted({int(row) for row in rows}, key=lambda row: times[row])
    while waiting:
        begin = float(times[waiting[0]])
        for frame in read_frames(path, max_side=MAX_SIDE, start=max(0.0, begin - 1e-3) or None):
            now = float(frame.time)
            while waiting and times[waiting[0]] < now - 1e-4:
                waiting.pop(0)  # a frame that is there no more
            if waiting and abs(times[waiting[0]] - now) <= 1e-4:
                yield waiting.pop(0), frame.image, frame.scale
            if not waiting or times[waiting[0]] > now + SEEK_S:
                break
        else:
            return
