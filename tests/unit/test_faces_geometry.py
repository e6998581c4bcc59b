"""Landmark sets, boxes, head angles, lip opening: values one can check by hand."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from viseme.faces import schemes
from viseme.faces.geometry import (
    box_iou,
    face_boxes,
    face_rois,
    head_angles,
    lip_opening,
    merge_detections,
    same_face,
)

angle = st.floats(-1.0, 1.0)


def rotation(pitch: float, yaw: float, roll: float) -> np.ndarray:
    """Rz(roll) Ry(yaw) Rx(pitch), written out."""
    cp, sp, cy, sy, cr, sr = np.cos(pitch), np.sin(pitch), np.cos(yaw), np.sin(yaw), np.cos(roll), np.sin(roll)
    x = np.array([[1, 0, 0], [0, cp, -sp], [0, sp, cp]])
    y = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
    z = np.array([[cr, -sr, 0], [sr, cr, 0], [0, 0, 1]])
    return z @ y @ x


def head(r: np.ndarray, scale: float = 40.0, at: tuple[float, float] = (100.0, 80.0)) -> np.ndarray:
    """Landmarks (1, 478, 3) of a head whose upper face is the mean shape."""
    points = np.zeros((478, 3))
    points[schemes.RIGID] = schemes.RIGID_SHAPE
    points = scale * points @ r.T * (1, -1, -1)
    return (points + np.array([*at, 0]))[None].astype(np.float32)


def test_the_mirror_is_its_own_inverse_and_maps_each_set_to_itself():
    assert np.array_equal(schemes.MIRROR[schemes.MIRROR], np.arange(478))
    own = ("LIPS_OUTER", "LIPS_INNER", "FACE_OVAL", "JAW", "NOSE", "RIGID", "ALIGNMENT", "LIP_POINTS", "UPPER_INNER")
    for name in (*own, "LOWER_INNER", "LIP_MIDDLE", "MOUTH_CORNERS", "INNER_MOUTH_CORNERS", "EYE_CORNERS", "CHEEKS"):
        points = getattr(schemes, name)
        assert set(schemes.MIRROR[points]) == set(points), name
        assert len(set(points)) == len(points)
    assert np.array_equal(schemes.MIRROR[schemes.RIGHT_EYE], schemes.LEFT_EYE)
    assert np.array_equal(schemes.MIRROR[schemes.RIGHT_IRIS], schemes.LEFT_IRIS)


def test_lip_sets_are_what_networks_were_trained_with():
    """The order matters: weights and cached features hold 67 points in it."""
    assert schemes.UPPER_INNER.tolist() == [191, 80, 81, 82, 13, 312, 311, 310, 415]
    assert schemes.LOWER_INNER.tolist() == [95, 88, 178, 87, 14, 317, 402, 318, 324]
    assert schemes.LIP_POINTS_MIDDLE == (25, 35)
    front = [10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0, 19, 18, 17, 16, 15, 14, 13, 12, 11]
    jaw = [40, 42, 41, 44, 43, 46, 45, 48, 47, 50, 49, 52, 51, 53, 54, 55, 56]
    around = [57, 58, 60, 59, 62, 61, 64, 63, 66, 65]
    assert schemes.LIP_POINTS_MIRROR.tolist() == [*front, *(20 + i for i in front), *jaw, *around]
    of_order = schemes.LIP_POINTS.astype(np.int64).tobytes() + schemes.ALIGNMENT.astype(np.int64).tobytes()
    assert hashlib.sha256(of_order).hexdigest()[:16] == "e87062cf060258ee"


def test_the_mean_shape_is_symmetric():
    place = {int(i): k for k, i in enumerate(schemes.RIGID)}
    twin = [place[int(schemes.MIRROR[i])] for i in schemes.RIGID]
    assert np.allclose(schemes.RIGID_SHAPE[twin] * (-1, 1, 1), schemes.RIGID_SHAPE, atol=0.0011)


def test_sets_are_read_only():
    with pytest.raises(ValueError, match="read-only"):
        schemes.LIPS_INNER[0] = 1


@given(pitch=angle, yaw=angle, roll=angle, scale=st.floats(5, 500))
def test_head_angles_undo_the_rotation(pitch, yaw, roll, scale):
    assert np.allclose(head_angles(head(rotation(pitch, yaw, roll), scale))[0], (pitch, yaw, roll), atol=1e-3)


def test_signs_of_head_angles_in_the_frame():
    """Nose bridge 6 lies in front of the temples: it moves the way the head turns."""
    centre = head(np.eye(3))[0]
    looks_right = head(rotation(0, 0.4, 0))[0]
    assert looks_right[6, 0] > centre[6, 0]
    looks_down = head(rotation(0.4, 0, 0))[0]
    assert looks_down[6, 1] - looks_down[127, 1] > centre[6, 1] - centre[127, 1]
    tilted = head(rotation(0, 0, 0.4))[0]
    assert tilted[356, 1] < tilted[127, 1], "counter-clockwise: the temple at image right goes up"


def test_the_region_turns_with_the_head_and_ignores_the_jaw():
    still = head(np.eye(3))
    still[:, 152] = (100, 200, 0)
    opened = still.copy()
    opened[:, 152, 1] += 30
    assert np.array_equal(face_rois(still), face_rois(opened))
    x, y, side, turn = face_rois(head(rotation(0, 0, 0.3)))[0]
    assert turn == pytest.approx(-0.3, abs=1e-3)
    assert side == pytest.approx(40 * 2.96 * 1.5, rel=1e-3)
    assert x > 100, "the chin swings to the right"
    assert y > 80, "the middle of the face lies below the eyes"


@given(turn=angle, opening=st.floats(0, 0.3), scale=st.floats(10, 300))
def test_lip_opening_does_not_depend_on_roll_or_size(turn, opening, scale):
    points = np.zeros((1, 478, 3))
    points[0, [234, 454]] = [(-0.5, 0, 0), (0.5, 0, 0)]
    points[0, [61, 291]] = [(-0.2, 0.5, 0), (0.2, 0.5, 0)]
    for up, low in ((82, 87), (13, 14), (312, 317)):
        points[0, up] = (0, 0.5 - opening / 2, 0)
        points[0, low] = (0, 0.5 + opening / 2, 0)
    points = scale * points @ rotation(0, 0, turn).T + 300
    assert lip_opening(points)[0] == pytest.approx(opening, abs=1e-6)


def test_lip_opening_of_nothing_is_zero():
    assert lip_opening(np.zeros((2, 478, 3))).tolist() == [0.0, 0.0]


boxes = st.lists(st.tuples(*[st.floats(0, 100)] * 2, *[st.floats(1, 50)] * 2), min_size=1, max_size=5).map(
    lambda rows: np.array([(x, y, x + w, y + h) for x, y, w, h in rows])
)


@given(a=boxes, b=boxes)
def test_overlap_is_symmetric_and_bounded(a, b):
    iou = box_iou(a, b)
    assert np.allclose(iou, box_iou(b, a).T)
    assert (iou >= 0).all()
    assert (iou <= 1 + 1e-9).all()
    assert np.allclose(np.diag(box_iou(a, a)), 1)
    assert np.array_equal(same_face(a, b), same_face(b, a).T)


def test_a_box_without_area_overlaps_nothing():
    flat = np.array([[5.0, 5, 5, 9]])
    assert box_iou(flat, flat)[0, 0] == 0


def test_merging_keeps_the_best_of_each_face():
    found = np.array(
        [[0, 0, 10, 10, 0.6], [1, 1, 11, 11, 0.9], [2, 2, 5, 5, 0.7], [50, 0, 60, 10, 0.5]],
        np.float32,
    )
    merged = merge_detections(found)
    assert merged[:, 4].tolist() == pytest.approx([0.9, 0.5])
    assert len(merge_detections(np.zeros((0, 5), np.float32))) == 0


def test_boxes_hold_the_points():
    points = np.random.default_rng(0).normal(size=(3, 478, 3))
    box = face_boxes(points)
    assert np.allclose(box[:, :2], points[..., :2].min(axis=1))
    assert np.allclose(box[:, 2:], points[..., :2].max(axis=1))
