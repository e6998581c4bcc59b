"""The standard face: what is drawn, what depth means, what the mesh is."""

from __future__ import annotations

import numpy as np
import pytest

from viseme.core.errors import ConfigError
from viseme.face3d.formation import standard_pose
from viseme.face3d.interface import load_face_model
from viseme.standardization.interface import Coefficients
from viseme.standardization.synthesis import StandardFace, rendered_frames


@pytest.fixture(scope="module")
def face() -> StandardFace:
    return StandardFace()


def betas(*openings: float) -> np.ndarray:
    return np.stack([load_face_model().expression({"jawOpen": x}) for x in openings])


def test_a_frame_is_the_mean_face_on_black(face: StandardFace) -> None:
    image = face.rgbd(betas(0), face.depth_range(betas(0)))[0]
    assert image.shape == (4, 224, 224)
    assert image.dtype == np.uint8
    assert (image[:, :60, 0] == 0).all(), "background"
    assert image[0, 100, 112] > 100
    nose = np.unravel_index(image[3].argmax(), (224, 224))
    assert abs(nose[1] - 112) < 4
    assert abs(nose[0] - 130) < 25


def test_the_standard_pose_puts_the_face_in_the_middle(face: StandardFace) -> None:
    front = face.model.mean[face.model.masks["face_front"]] + standard_pose(face.model)[3:]
    np.testing.assert_allclose(front[:, :2].min(0), -front[:, :2].max(0), atol=1e-6)


def test_colour_is_albedo(face: StandardFace) -> None:
    image = face.rgb(betas(0))[0]
    forehead = image[:, 60, 112] / 255
    tones = face.model.tex_mean[face.model.masks["face_front"]]
    assert (np.abs(forehead - np.median(tones, 0)) < 0.08).all()


def test_the_mouth_opens_and_its_inside_is_background(face: StandardFace) -> None:
    shut, wide = face.rgbd(betas(0, 0.6), (-0.7, 0.4))[:, 3, 140:200, 95:130]
    assert (wide == 0).sum() > 100 > 5 * (shut == 0).sum()
    inside = StandardFace(StandardFace.Config(mouth_interior=True)).rgb(betas(0.6))[0, 0, 140:200, 95:130]
    assert (inside == 0).sum() < 20


def test_depth_scales(face: StandardFace) -> None:
    b = betas(0, 1)
    low, high = face.depth_range(b)
    each = face.depth_ranges(b)
    assert low == pytest.approx(each[:, 0].min())
    assert high == pytest.approx(each[:, 1].max())
    fixed = face.model_depth_range
    assert fixed[0] < low
    assert high < fixed[1]
    by_frame = face.rgbd(b, each)[:, 3]
    assert (by_frame.max((1, 2)) >= 252).all()
    assert face.depth_range(b[:0]) == fixed
    half = (low + high) / 2
    assert (face.rgbd(b[:1], (half, half + 2 * (high - half)))[0, 3].max()) == pytest.approx(128, abs=3)


def test_mesh_is_displacement_over_sigma(face: StandardFace) -> None:
    b = betas(0, 0.4)
    mesh = face.mesh(b)
    assert mesh.shape == (2, len(face.mesh_vertices), 3)
    assert (mesh[0] == 0).all()
    moved = face.model.shape(beta=b[1]) - face.model.mean
    np.testing.assert_allclose(mesh[1] * face.mesh_sigma[:, None], moved[face.mesh_vertices], atol=1e-5)
    assert face.mesh_triangles.max() == len(face.mesh_vertices) - 1
    drawn = np.random.default_rng(0).normal(size=(500, 64))
    spread = np.sqrt((face.mesh(drawn) ** 2).mean((0, 2)))
    np.testing.assert_allclose(spread, 1, atol=0.15)


def test_a_frame_that_is_not_valid_is_black(face: StandardFace) -> None:
    b = betas(0.2, 0.2)
    found = Coefficients(
        times=np.arange(2.0), beta=b, pose=np.zeros((2, 6), np.float32), valid=np.array([True, False]),
        reason=np.array([0, 3], np.uint8), crops=np.zeros((2, 3)),
    )  # fmt: skip
    drawn = rendered_frames(face, found, None, slice(0, 2))
    assert drawn[0].any()
    assert not drawn[1].any()


def test_nonsense_is_refused(face: StandardFace) -> None:
    with pytest.raises(ValueError, match="beta must be"):
        face.rgb(np.zeros((2, 9)))
    with pytest.raises(ConfigError, match="antialias"):
        StandardFace.Config(antialias=9)
