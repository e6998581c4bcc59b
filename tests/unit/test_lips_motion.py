"""Lip motion does not know how the head was turned, how large it was or where; signs of the head's angles."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from viseme.face3d.interface import load_face_model
from viseme.face3d.lips import align, lip_motion
from viseme.faces.schemes import ALIGNMENT, ALIGNMENT_SHAPE, CHIN, EYE_CORNERS, LIP_POINTS, MIRROR

TO_FRAME = np.array([1.0, -1.0, -1.0])
"""Model axes (y up, z to the camera) to the tracker's (y down, z away)."""


def _rotation(pitch: float = 0.0, yaw: float = 0.0, roll: float = 0.0) -> np.ndarray:
    """`Rz(roll) Ry(yaw) Rx(pitch)`, right-handed, written out."""
    (cx, sx), (cy, sy), (cz, sz) = ((np.cos(a), np.sin(a)) for a in (pitch, yaw, roll))
    x = np.array([[1, 0, 0], [0, cx, -sx], [0, sx, cx]])
    y = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
    z = np.array([[cz, -sz, 0], [sz, cz, 0], [0, 0, 1]])
    return z @ y @ x


def _head(**activations: float) -> np.ndarray:
    """(468, 3) landmarks of the face model, model axes, decimetres."""
    model = load_face_model()
    return model.landmark_points(model.shape(beta=model.expression(activations))).astype(np.float64)


@pytest.fixture(scope="module")
def speech() -> np.ndarray:
    """(12, 468, 3) a mouth that opens and closes."""
    return np.stack([_head(jawOpen=0.5 * np.sin(0.5 * t) ** 2, mouthPucker=0.4 * np.cos(t) ** 2) for t in range(12)])


def _seen(heads: np.ndarray, rotations=None, *, scale: float = 100.0, place=(320.0, 240.0, 0.0)) -> np.ndarray:
    """Landmarks as the tracker gives them, pixels."""
    turned = heads if rotations is None else np.einsum("tij,tkj->tki", rotations, heads)
    return turned * TO_FRAME * scale + np.array(place)


TIMES = np.arange(12) * 0.04


@settings(max_examples=25, deadline=None, derandomize=True)
@given(
    pitch=st.floats(-0.7, 0.7),
    yaw=st.floats(-1.0, 1.0),
    roll=st.floats(-3.0, 3.0),
    scale=st.floats(20.0, 900.0),
    x=st.floats(-2000, 2000),
    y=st.floats(-2000, 2000),
    z=st.floats(-500, 500),
)
def test_turning_scaling_and_moving_the_whole_clip_changes_nothing(pitch, yaw, roll, scale, x, y, z):
    heads = np.stack([_head(jawOpen=v) for v in (0.0, 0.3, 0.6, 0.2, 0.1)])
    plain = lip_motion(_seen(heads), TIMES[:5])
    rotations = np.repeat(_rotation(pitch, yaw, roll)[None], 5, 0)
    turned = lip_motion(_seen(heads, rotations, scale=scale, place=(x, y, z)), TIMES[:5])
    np.testing.assert_allclose(turned.points, plain.points, atol=1e-4)
    np.testing.assert_allclose(turned.opening, plain.opening, atol=1e-4)
    np.testing.assert_allclose(turned.residual, plain.residual, atol=1e-4)
    np.testing.assert_allclose(turned.size_px / plain.size_px, scale / 100, rtol=1e-4)


def test_a_head_that_moves_from_frame_to_frame_changes_nothing(speech):
    rng = np.random.default_rng(0)
    rotations = np.stack([_rotation(*rng.uniform(-0.5, 0.5, 3)) for _ in speech])
    plain = lip_motion(_seen(speech), TIMES, smooth_s=0)
    moved = _seen(speech, rotations) * rng.uniform(0.5, 2, (12, 1, 1)) + rng.uniform(-300, 300, (12, 1, 3))
    np.testing.assert_allclose(lip_motion(moved, TIMES, smooth_s=0).points, plain.points, atol=1e-4)


def test_a_slow_nod_leaves_little_after_smoothing():
    heads = np.repeat(_head()[None], 50, 0)
    times = np.arange(50) * 0.04
    rotations = np.stack(
        [_rotation(0.2 * np.sin(2 * np.pi * 0.5 * t), 0.3 * np.cos(2 * np.pi * 0.3 * t)) for t in times]
    )
    points = lip_motion(_seen(heads, rotations), times).points
    assert points.std(0).max() < 0.004  # eye distances; a mouth that speaks moves by .02 and more


@pytest.mark.parametrize("angle", [-0.5, -0.2, 0.2, 0.5])
@pytest.mark.parametrize("axis", [0, 1, 2])
def test_signs_of_pitch_yaw_and_roll(axis, angle):
    """Positive = looking down, nose to image right, counter-clockwise in the image."""
    straight = _head()
    turn = [0.0, 0.0, 0.0]
    turn[axis] = angle
    turned = np.repeat(_rotation(*turn)[None], 2, 0)
    both = np.stack([straight, straight])
    rest = lip_motion(_seen(both), TIMES[:2]).angles[0]
    found = lip_motion(_seen(both, turned), TIMES[:2]).angles[0]
    assert found[axis] - rest[axis] == pytest.approx(angle, abs=0.05)
    others = [a for a in range(3) if a != axis]
    np.testing.assert_allclose(found[others], rest[others], atol=0.08)


def test_what_the_signs_mean_in_the_frame():
    """The same, from pixels alone: where the nose tip (4) goes against the eye corners (33 and 263)."""
    straight = _head()

    def nose(**turn: float) -> np.ndarray:
        seen = _seen(straight[None], _rotation(**turn)[None])[0]
        return seen[4] - (seen[33] + seen[263]) / 2

    assert nose(pitch=0.3)[1] > nose()[1] + 1, "looking down, the nose goes down in the frame"
    assert nose(yaw=0.3)[0] > nose()[0] + 1
    rolled = _seen(straight[None], _rotation(roll=0.3)[None])[0]
    assert rolled[263][1] < rolled[33][1] - 1, "counter-clockwise, the eye at image right goes up"


def test_a_frontal_head_has_small_angles():
    angles = lip_motion(_seen(_head()[None]), TIMES[:1]).angles[0]
    assert np.abs(angles).max() < 0.2


def test_the_opening_grows_with_the_jaw():
    heads = np.stack([_head(jawOpen=v) for v in np.linspace(0, 1, 6)])
    motion = lip_motion(_seen(heads), TIMES[:6], smooth_s=0)
    assert (np.diff(motion.opening) > 0.01).all()
    chin = motion.points[:, LIP_POINTS.tolist().index(CHIN)]
    assert chin[-1, 1] < chin[0, 1] - 0.05, "the chin goes down: y is up"
    assert motion.residual.max() < 0.02, "the upper face does not move when the jaw does"


def test_shapes_units_and_what_was_observed():
    heads = np.repeat(_head()[None], 4, 0)
    seen = np.array([True, False, True, True])
    motion = lip_motion(np.pad(_seen(heads), ((0, 0), (0, 10), (0, 0))), TIMES[:4], seen)  # 478 points
    assert motion.points.shape == (4, 67, 3)
    assert motion.angles.shape == (4, 3)
    np.testing.assert_array_equal(motion.observed, seen)
    assert lip_motion(_seen(heads), TIMES[:4]).observed.all()
    eyes = np.linalg.norm(_head()[33] - _head()[263]) * 100
    assert motion.size_px[0] == pytest.approx(eyes, rel=0.15)


@pytest.mark.parametrize("shape", [(0, 478, 3), (5, 100, 3), (5, 478, 2), (478, 3)])
def test_arrays_that_are_no_landmarks_are_refused(shape):
    with pytest.raises(ValueError, match="landmarks must be"):
        lip_motion(np.zeros(shape), np.zeros(shape[0]))


def test_times_must_fit():
    with pytest.raises(ValueError, match="3 times for 2 frames"):
        lip_motion(_seen(np.repeat(_head()[None], 2, 0)), TIMES[:3])


def test_the_shape_aligned_to_is_symmetric_and_one_eye_distance_wide():
    index = ALIGNMENT.tolist()
    assert ALIGNMENT_SHAPE.shape == (len(index), 3)
    right, left = (ALIGNMENT_SHAPE[index.index(corner)] for corner in EYE_CORNERS)
    assert np.linalg.norm(right - left) == pytest.approx(1.0, abs=0.01)
    mirrored = ALIGNMENT_SHAPE[[index.index(point) for point in MIRROR[ALIGNMENT]]] * np.array([-1, 1, 1])
    np.testing.assert_allclose(mirrored, ALIGNMENT_SHAPE, atol=0.01)


@settings(max_examples=30, deadline=None, derandomize=True)
@given(seed=st.integers(0, 9999), scale=st.floats(0.05, 20))
def test_align_finds_a_known_similarity(seed, scale):
    rng = np.random.default_rng(seed)
    target = rng.normal(size=(8, 3))
    rotation, place = _rotation(*rng.uniform(-3, 3, 3)), rng.normal(size=3)
    source = ((target - place) / scale) @ rotation  # so that scale * rotation @ source + place = target
    found_scale, found_rotation, found_place = align(source[None], target)
    assert found_scale[0] == pytest.approx(scale, rel=1e-6)
    np.testing.assert_allclose(found_rotation[0], rotation, atol=1e-6)
    np.testing.assert_allclose(found_place[0], place, atol=1e-5)


def test_align_never_mirrors():
    rng = np.random.default_rng(0)
    target = rng.normal(size=(8, 3))
    _, rotation, _ = align((target * np.array([-1, 1, 1]))[None], target)
    assert np.linalg.det(rotation[0]) == pytest.approx(1.0)
