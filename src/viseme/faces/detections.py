"""From the numbers of the BlazeFace detector to boxes. Knows its anchors; refuses to know networks and frames.

The detector answers at 896 anchors of a 128 x 128 input: two at each of 16 x 16 places, six at each of 8 x 8.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from viseme.faces.geometry import box_iou

__all__ = ["INPUT_SIZE", "faces", "scores_of", "weighted_boxes"]

INPUT_SIZE = 128
"""Pixels of the detector's input, either way."""


def _anchors() -> NDArray[np.float32]:
    """(896, 2) x and y of the places that answer, in pixels of the input."""
    grids = []
    for num_places, num_answers in ((16, 2), (8, 6)):
        centres = (np.arange(num_places) + 0.5) * (INPUT_SIZE / num_places)
        y, x = np.meshgrid(centres, centres, indexing="ij")
        grids.append(np.repeat(np.stack([x, y], axis=-1).reshape(-1, 2), num_answers, axis=0))
    return np.concatenate(grids).astype(np.float32)


_ANCHORS = _anchors()


def faces(boxes: NDArray[np.float32], logits: NDArray[np.float32], min_score: float) -> NDArray[np.float32]:
    """The faces of one input, one box each.

    Args:
        boxes: (896, 16) centre from the anchor, width and height in pixels of the input; then six key points, unused.
        logits: (896,).
        min_score: 0 to 1.

    Returns:
        (N, 5) xyxy in pixels of the input, score.
    """
    scores = scores_of(logits)
    good = np.flatnonzero(scores >= min_score)
    centres, half = _ANCHORS[good] + boxes[good, :2], boxes[good, 2:4] / 2
    return weighted_boxes(np.column_stack([centres - half, centres + half, scores[good]]).astype(np.float32))


def scores_of(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    """Scores, 0 to 1, of logits of any size."""
    return (1 / (1 + np.exp(-np.clip(logits, -80, 80)))).astype(np.float32)


def weighted_boxes(found: NDArray[np.float32], min_overlap: float = 0.3) -> NDArray[np.float32]:
    """One box per face: the mean, weighted by score, of the boxes that overlap the best one. The best score stays.

    Steadier than the best box alone; what BlazeFace does instead of dropping all but the best.

    Args:
        found: (N, 5) xyxy and score.
        min_overlap: Intersection over union from which two boxes are of one face.

    Returns:
        (M, 5), best score first.

    Source:
        Bazarevsky et al., "BlazeFace: Sub-millisecond Neural Face Detection on Mobile GPUs", 2019, section 3.4.

    Example:
        >>> weighted_boxes(np.array([[0, 0, 4, 4, 0.75], [0, 0, 4, 8, 0.25], [9, 9, 10, 10, 0.5]], np.float32)).tolist()
        [[0.0, 0.0, 4.0, 5.0, 0.75], [9.0, 9.0, 10.0, 10.0, 0.5]]
    """
    left, means = found[np.argsort(-found[:, 4], kind="stable")], []
    while len(left):
        same = box_iou(left[:1, :4], left[:, :4])[0] > min_overlap
        same[0] = True
        means.append([*np.average(left[same, :4], axis=0, weights=left[same, 4]), left[0, 4]])
        left = left[~same]
    return np.array(means, np.float32).reshape(-1, 5)
