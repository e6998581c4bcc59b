"""Pose and projection against numbers worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import strategies as st

from viseme.face3d.camera import Camera, place, project

NOSE, UP, RIGHT = np.array([0.0, 0, 1]), np.array([0.0, 1, 0]), np.array([1.0, 0, 0])
ANGLE = st.floats(-1.5, 1.5)


def test_the_origin_lies_in_the_middle_and_a_decimetre_is_101_5_pixels() -> None:
    points = np.array([[0.0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 2.0]])
    expected = [[112, 112, 10], [213.5, 112, 10], [112, 10.5, 10], [112, 112, 8]]
    np.testing.assert_allclose(project(points, Camera()), expected, atol=1e-9)


def test_the_standard_camera_sees_12_6_degrees_at_every_size() -> None:
    for size in (112, 224, 512):
        camera = Camera.standard(size)
        assert 2 * np.degrees(np.arctan(size / 2 / camera.focal)) == pytest.approx(12.593, abs=1e-3)


def test_the_portrait_camera_draws_the_face_as_wide_as_asked() -> None:
    camera = Camera.portrait(320, 240, face_width=0.5)
    ears = project(np.array([[-0.725, 0, 0], [0.725, 0, 0]]), camera)
    assert ears[1, 0] - ears[0, 0] == pytest.approx(160)


def test_a_golden_pose() -> None:
    pose = np.array([0.1, -0.2, 0.3, 0.05, -0.1, 0.2])
    placed = place(np.array([[0.5, -0.25, 0.75]]), pose)
    rx = np.array([[1, 0, 0], [0, np.cos(0.1), -np.sin(0.1)], [0, np.sin(0.1), np.cos(0.1)]])
    ry = np.array([[np.cos(-0.2), 0, np.sin(-0.2)], [0, 1, 0], [-np.sin(-0.2), 0, np.cos(-0.2)]])
    rz = np.array([[np.cos(0.3), -np.sin(0.3), 0], [np.sin(0.3), np.cos(0.3), 0], [0, 0, 1]])
    np.testing.assert_allclose(placed[0], rz @ ry @ rx @ [0.5, -0.25, 0.75] + pose[3:], atol=1e-12)
    np.testing.assert_allclose(project(placed, Camera())[0], [165.81951, 146.61354, 8.99375], atol=1e-4)


def test_torch_agrees_with_numpy(device, dtype, agree) -> None:
    rng = np.random.default_rng(0)
    points, pose = rng.normal(size=(2, 7, 3)), rng.normal(size=(2, 6)) * 0.3
    there = [torch.from_numpy(v).to(device, dtype) for v in (points, pose)]
    agree(project(place(*there), Camera()), project(place(points, pose), Camera()))


def test_a_pose_has_gradients() -> None:
    rng = np.random.default_rng(0)
    points, pose = torch.from_numpy(rng.normal(size=(2, 7, 3))), torch.from_numpy(rng.normal(size=(2, 6)) * 0.3)
    assert torch.autograd.gradcheck(lambda p: project(place(points, p), Camera()), pose.requires_grad_())
