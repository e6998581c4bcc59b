"""Boxes from the detector's numbers."""

from __future__ import annotations

import numpy as np

from viseme.faces.detections import faces, scores_of, weighted_boxes


def answer(index: int, *box: float, logit: float = 4.0) -> tuple[np.ndarray, np.ndarray]:
    boxes, logits = np.zeros((896, 16), np.float32), np.full(896, -9.0, np.float32)
    boxes[index, :4], logits[index] = box, logit
    return boxes, logits


def test_a_box_lies_around_its_anchor() -> None:
    # two answers a place: answer 35 is the second one of place 17, in row 1, column 1 of a grid of 8 pixels
    (face,) = faces(*answer(35, 2, -1, 20, 10), 0.5)
    np.testing.assert_allclose(face, [4, 6, 24, 16, scores_of(np.float32(4))], rtol=1e-6)


def test_the_coarse_grid_follows_with_six_answers_a_place() -> None:
    (face,) = faces(*answer(512 + 6 * 9, 0, 0, 2, 2), 0.5)  # row 1, column 1 of a grid of 16 pixels
    np.testing.assert_allclose(face[:4], [23, 23, 25, 25])


def test_low_scores_are_no_faces() -> None:
    assert faces(*answer(3, 0, 0, 5, 5, logit=-0.1), 0.5).shape == (0, 5)
    assert faces(*answer(3, 0, 0, 5, 5, logit=0.1), 0.5).shape == (1, 5)


def test_boxes_without_overlap_stay_as_they_are() -> None:
    found = np.array([[0, 0, 4, 4, 0.6], [10, 10, 14, 14, 0.9]], np.float32)
    np.testing.assert_allclose(weighted_boxes(found), found[::-1])
    assert weighted_boxes(found[:0]).shape == (0, 5)


def test_scores_of_large_logits_are_no_warning() -> None:
    np.testing.assert_allclose(scores_of(np.array([-1e4, 0, 1e4], np.float32)), [0, 0.5, 1], atol=1e-6)
