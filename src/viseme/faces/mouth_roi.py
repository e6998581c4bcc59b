"""The mouth as speech experts see it: 96 x 96 grey crops of an aligned face, and the 88 x 88 values made of them.

Knows landmarks and images of tracks at 25 frames a second; refuses to know networks. Crops stay in memory or go where
the caller puts them, and are never compressed with loss.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from viseme.faces.interface import FaceImages
from viseme.faces.schemes import IBUG68_EYES_AND_NOSE, IBUG68_MOUTH
from viseme.media.images import warp_affine

__all__ = [
    "CANVAS_PX",
    "GREY_MEAN",
    "GREY_SPREAD",
    "INPUT_PX",
    "ROI_PX",
    "STEP_S",
    "WINDOW",
    "canvas_transforms",
    "mouth_input",
    "mouth_roi",
    "mouth_rois",
    "nearest_rows",
    "roi_transforms",
]

CANVAS_PX = 256
"""Side of the canvas that a face is aligned on, pixels."""
ROI_PX = 96
"""Side of a crop."""
INPUT_PX = 88
"""Side of what a network sees: the middle of a crop."""
WINDOW = 12
"""Frames over whose mean landmarks a face is aligned."""
_PLACES = np.array(
    [(128.870, 137.303), (92.522, 94.369), (112.772, 94.944), (145.525, 94.535), (166.677, 93.566)]
) + 0.5  # the published places count from the centre of the first pixel, ours from its corner  # fmt: skip
GREY_MEAN, GREY_SPREAD = 0.421, 0.165
"""Taken off grey values in [0, 1], and what the rest is divided by, before a network sees them."""
STEP_S = 0.04
"""Seconds between frames."""


def nearest_rows(times: NDArray[np.floating]) -> NDArray[np.int64]:
    """(N,) which of the frames is nearest to each multiple of 40 ms between the first and the last one.

    Args:
        times: (T,) seconds, rising; T at least 1.

    Example:
        >>> nearest_rows(np.arange(7) / 50).tolist()
        [0, 2, 4, 6]
    """
    first, last = np.ceil(times[0] / STEP_S - 1e-6), np.floor(times[-1] / STEP_S + 1e-6)
    grid = np.arange(int(first), int(last) + 1) * STEP_S
    return np.rint(np.interp(grid, times, np.arange(len(times)))).astype(np.int64)


def canvas_transforms(landmarks: NDArray[np.floating]) -> NDArray[np.float64]:
    """How each frame of a face is laid on the canvas: the similarity of the mean landmarks of 12 frames from it on.

    Args:
        landmarks: (T, 478, 3) source pixels, 25 frames a second, T at least 1.

    Returns:
        (T, 2, 3) `canvas = matrix @ (x, y, 1)`. The last 11 frames have the matrix of the last whole window; a face
        seen for fewer than 12 frames has one.

    Source:
        AV-HuBERT's alignment, least squares without reflection (Umeyama, 1991).

    Raises:
        ValueError: a landmark is not finite.
    """
    points = np.asarray(landmarks, np.float64)[:, IBUG68_EYES_AND_NOSE, :2]
    if not np.isfinite(points).all():
        raise ValueError("landmarks must be finite; fill gaps first")
    num = len(points)
    width = min(WINDOW, num)
    total = np.concatenate([np.zeros((1, *points.shape[1:])), np.cumsum(points, 0)])
    means = (total[width:] - total[:-width]) / width
    means = means[np.minimum(np.arange(num), len(means) - 1)]
    plane, wanted = means @ [1, 1j], _PLACES @ [1, 1j]
    middle, target = plane.mean(1, keepdims=True), wanted.mean()
    turn = ((plane - middle).conj() * (wanted - target)).sum(1) / (abs(plane - middle) ** 2).sum(1)
    shift = target - turn * middle[:, 0]
    rows = [[turn.real, -turn.imag, shift.real], [turn.imag, turn.real, shift.imag]]
    return np.array(rows).transpose(2, 0, 1)


def roi_transforms(landmarks: NDArray[np.floating]) -> NDArray[np.float64]:
    """(T, 2, 3) from source pixels to those of each frame's crop as `mouth_rois` cuts it; see `canvas_transforms`."""
    matrices = canvas_transforms(landmarks)
    return np.stack([_onto_roi(matrix, points) for matrix, points in zip(matrices, landmarks)])


def mouth_rois(
    images: FaceImages, landmarks: NDArray[np.floating], *, change: NDArray[np.floating] | None = None
) -> NDArray[np.uint8]:
    """The mouth of every frame.

    Args:
        images: T square crops of the face, 25 a second, with room around it (`FacePatch`).
        landmarks: (T, 478, 3) source pixels of the same frames.
        change: (2, 3) what else is done to the aligned face on the canvas, about the centre of the crop, which stays
            where it is; None = nothing.

    Returns:
        (T, 96, 96) grey, centred on the mean of the mouth's points, as far as the canvas reaches.

    Source:
        AV-HuBERT's crops: bilinear, the corner on whole pixels of the canvas; beyond the image its edge is repeated
        where the published program has black.
    """
    matrices = canvas_transforms(landmarks) if len(landmarks) else np.zeros((0, 2, 3))
    out = [
        mouth_roi(images[row : row + 1][0], images.squares[row], landmarks[row], matrix, change=change)
        for row, matrix in enumerate(matrices)
    ]
    return np.array(out, np.uint8).reshape(-1, ROI_PX, ROI_PX)


def mouth_roi(
    image: NDArray[np.uint8],
    square: NDArray[np.floating],
    landmarks: NDArray[np.floating],
    matrix: NDArray[np.floating],
    *,
    change: NDArray[np.floating] | None = None,
) -> NDArray[np.uint8]:
    """(96, 96) the mouth of one frame; see `mouth_rois`.

    Args:
        image: (S, S, 3) crop of the face.
        square: (3,) centre x, centre y, side of what it shows, source pixels.
        landmarks: (478, 3) source pixels.
        matrix: (2, 3) the frame's row of `canvas_transforms`.
        change: As `mouth_rois`.
    """
    moved = _onto_roi(matrix, landmarks)
    if change is not None:
        middle = np.full(2, ROI_PX / 2)
        moved = _after(_shifted(_after(change, _shifted(np.eye(2, 3), -middle)), middle), moved)
    colours = warp_affine(image, _after(moved, _from_square(square, len(image))), ROI_PX, ROI_PX)
    return np.rint(colours @ np.array([0.299, 0.587, 0.114])).astype(np.uint8)


def _onto_roi(matrix: NDArray[np.floating], landmarks: NDArray[np.floating]) -> NDArray[np.float64]:
    """(2, 3) from source pixels to those of a crop whose corner lies on whole pixels of the canvas."""
    mouth = np.asarray(landmarks, np.float64)[IBUG68_MOUTH, :2].mean(0)
    centre = matrix[:, :2] @ mouth + matrix[:, 2]
    corner = np.clip(np.rint(centre - 0.5), ROI_PX // 2, CANVAS_PX - ROI_PX // 2) - ROI_PX // 2
    return _shifted(matrix, -corner)


def mouth_input(rois: NDArray[np.uint8]) -> NDArray[np.float32]:
    """(T, 96, 96) crops to the (T, 88, 88) normalised middles that a speech expert sees."""
    low = (ROI_PX - INPUT_PX) // 2
    middle = rois[:, low : low + INPUT_PX, low : low + INPUT_PX]
    return ((middle / np.float32(255) - np.float32(GREY_MEAN)) / np.float32(GREY_SPREAD)).astype(np.float32)


def _from_square(square: NDArray[np.floating], size: int) -> NDArray[np.float64]:
    """(2, 3) from pixels of a crop to source pixels."""
    x, y, side = (float(v) for v in square)
    return np.array([[side / size, 0, x - side / 2], [0, side / size, y - side / 2]])


def _shifted(matrix: NDArray[np.floating], shift: NDArray[np.floating]) -> NDArray[np.float64]:
    return np.asarray(np.column_stack([matrix[:, :2], matrix[:, 2] + shift]), np.float64)


def _after(second: NDArray[np.floating], first: NDArray[np.floating]) -> NDArray[np.float64]:
    """(2, 3) of one after the other."""
    whole = [second[:, :2] @ first[:, :2], second[:, :2] @ first[:, 2] + second[:, 2]]
    return np.asarray(np.column_stack(whole), np.float64)
