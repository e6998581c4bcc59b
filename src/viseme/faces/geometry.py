"""Plain measures on landmarks and boxes: head angles, lip opening, overlap. Knows NumPy only."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from viseme.faces.rotation import nearest_rotation, rotation_angles
from viseme.faces.schemes import CHEEKS, LIP_OPENING_PAIRS, MOUTH_CORNERS, RIGID, RIGID_SHAPE

__all__ = [
    "box_iou",
    "face_boxes",
    "face_rois",
    "face_width",
    "head_angles",
    "lip_opening",
    "merge_detections",
    "same_face",
]

_FACE_MIDDLE = np.array([0.0, -0.896, 0.121])
"""Middle of the face's box from the middle of `RIGID_SHAPE`, in its unit and axes, mouth closed."""
_FACE_HEIGHT = 2.96
"""Height of that box."""


def face_boxes(landmarks: NDArray[np.floating]) -> NDArray[np.float32]:
    """Smallest boxes around the landmarks: (..., 478, 3) to (..., 4) xyxy, same pixels."""
    plane = landmarks[..., :2]
    return np.concatenate([plane.min(axis=-2), plane.max(axis=-2)], axis=-1).astype(np.float32)


def face_rois(landmarks: NDArray[np.floating], margin: float = 1.5) -> NDArray[np.float64]:
    """Square regions that hold the face upright for the landmark net.

    As large as MediaPipe's own (1.5 times the box), but taken from the upper face, so that an opening jaw
    neither moves nor zooms the region in which the lips are measured.

    Args:
        landmarks: (N, 478, 3).
        margin: Side of the region over the height of a frontal face.

    Returns:
        (N, 4) centre x, centre y, side, rotation clockwise in the image.
    """
    rotation, scale, centre = _rigid_fit(landmarks)
    middle = centre + scale[:, None] * (rotation @ _FACE_MIDDLE)
    roll = rotation_angles(rotation)[:, 2]
    return np.column_stack([middle[:, 0], -middle[:, 1], scale * _FACE_HEIGHT * margin, -roll])


def box_iou(a: NDArray[np.floating], b: NDArray[np.floating]) -> NDArray[np.float64]:
    """Area of intersection over area of union of every pair of boxes: (N, 4), (M, 4) to (N, M).

    Example:
        >>> box_iou(np.array([[0, 0, 2, 2]]), np.array([[1, 0, 3, 2], [5, 5, 6, 6]])).round(3).tolist()
        [[0.333, 0.0]]
    """
    shared = _shared_area(a, b)
    union = _area(a)[:, None] + _area(b)[None, :] - shared
    return np.divide(shared, union, out=np.zeros_like(shared), where=union > 0)


def same_face(a: NDArray[np.floating], b: NDArray[np.floating]) -> NDArray[np.bool_]:
    """Which boxes lie on one face: they overlap by .3, or one lies mostly inside the other.

    Args:
        a: (N, 4) xyxy.
        b: (M, 4) xyxy.

    Returns:
        (N, M).
    """
    smaller = np.minimum(_area(a)[:, None], _area(b)[None, :])
    return (box_iou(a, b) > 0.3) | (_shared_area(a, b) > 0.6 * np.maximum(smaller, 1e-9))


def merge_detections(found: NDArray[np.float32]) -> NDArray[np.float32]:
    """One box per face: the best score wins over every box on the same face.

    Args:
        found: (N, 5) xyxy and score.

    Returns:
        (M, 5), best score first.
    """
    left = found[np.argsort(-found[:, 4], kind="stable")].astype(np.float64)
    kept = []
    while len(left):
        best, left = left[0], left[1:]
        kept.append(best)
        left = left[~same_face(best[None, :4], left[:, :4])[0]]
    return np.array(kept, np.float32).reshape(-1, 5)


def _area(boxes: NDArray[np.floating]) -> NDArray[np.float64]:
    sides = np.clip(boxes[:, 2:] - boxes[:, :2], 0, None).astype(np.float64)
    return sides[:, 0] * sides[:, 1]


def _shared_area(a: NDArray[np.floating], b: NDArray[np.floating]) -> NDArray[np.float64]:
    low = np.maximum(a[:, None, :2], b[None, :, :2])
    high = np.minimum(a[:, None, 2:], b[None, :, 2:])
    sides = np.clip(high - low, 0, None).astype(np.float64)
    return sides[..., 0] * sides[..., 1]


def face_width(landmarks: NDArray[np.floating]) -> NDArray[np.float64]:
    """Distance between the cheeks in space, (..., 478, 3) to (...,), in the unit of the landmarks.

    Depth is part of it, so a turned head is about as wide as a frontal one.
    """
    return np.linalg.norm((landmarks[..., CHEEKS[1], :] - landmarks[..., CHEEKS[0], :]).astype(np.float64), axis=-1)


def lip_opening(landmarks: NDArray[np.floating]) -> NDArray[np.float64]:
    """Inner-lip aperture over face width; about 0 closed, .05 to .15 open vowels.

    The mean of three vertical distances between the inner lip lines, in the image plane along the face's own
    vertical (rotation in the image does not matter), over the distance between the cheeks in space.

    Args:
        landmarks: (..., 478, 3).

    Returns:
        (...,) ratio without unit; slightly negative where the lower line is put above the upper one.
    """
    points = landmarks.astype(np.float64)
    across = points[..., MOUTH_CORNERS[1], :2] - points[..., MOUTH_CORNERS[0], :2]
    length = np.linalg.norm(across, axis=-1, keepdims=True)
    across = across / np.where(length > 0, length, 1)
    down = np.stack([-across[..., 1], across[..., 0]], axis=-1)
    gaps = [((points[..., low, :2] - points[..., up, :2]) * down).sum(axis=-1) for up, low in LIP_OPENING_PAIRS]
    width = face_width(points)
    return np.divide(np.mean(gaps, axis=0), width, out=np.zeros_like(width), where=width > 0)


def head_angles(landmarks: NDArray[np.floating]) -> NDArray[np.float64]:
    """Where the head points: the rotation that best takes `RIGID_SHAPE` to the upper face.

    Args:
        landmarks: (T, 478, 3) pixels, x right, y down, z smaller = nearer.

    Returns:
        (T, 3) pitch, yaw, roll in radians, with R = Rz(roll) Ry(yaw) Rx(pitch) in axes x right, y up, z out
        of the face: pitch > 0 looks down, yaw > 0 turns the nose to image right, roll > 0 is counter-clockwise
        in the image. Zero pitch is that of the mean shape; a person's own zero may differ by some degrees.
    """
    return rotation_angles(_rigid_fit(landmarks)[0])


def _rigid_fit(
    landmarks: NDArray[np.floating],
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Least-squares similarity from `RIGID_SHAPE` to the upper face, axes x right, y up, z out of the face.

    Returns:
        Rotations (T, 3, 3), scales (T,) in pixels per eye distance, centres of the upper face (T, 3).
    """
    points = landmarks[:, RIGID].astype(np.float64) * (1, -1, -1)
    centre = points.mean(axis=1)
    shape = RIGID_SHAPE - RIGID_SHAPE.mean(axis=0)
    rotation, strength = nearest_rotation(np.einsum("tki,kj->tij", points - centre[:, None], shape))
    return np.asarray(rotation, np.float64), strength / (shape**2).sum(), centre
