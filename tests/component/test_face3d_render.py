"""The two renderers on the packaged head."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from viseme.face3d.camera import Camera, place, project
from viseme.face3d.differentiable import render
from viseme.face3d.interface import load_face_model
from viseme.face3d.light import UNIFORM_LIGHT, lamp
from viseme.face3d.look import HAIR_STYLES, Look
from viseme.face3d.raster import visible_triangles, visible_triangles_torch
from viseme.face3d.render import render_head

MODEL = load_face_model()
LIGHT = lamp((0.4, 0.4, 0.8), colour=(0.6, 0.6, 0.6), ambient=(0.4, 0.4, 0.4))
POSE = np.array([0.05, 0.2, -0.1, 0.05, 0.0, 0.1])


@pytest.mark.parametrize("yaw", [0.0, 0.4, -0.9])
def test_both_rasterisers_see_the_same_triangles(yaw: float) -> None:
    camera = Camera()
    shape = MODEL.shape(None, MODEL.expression({"jawOpen": 0.5})).astype(np.float64)
    uvd = project(place(shape, np.array([0.1, yaw, 0, 0, 0, 0])), camera)
    ids, depth = visible_triangles(uvd, MODEL.triangles, camera.width, camera.height)
    ids_t, depth_t = visible_triangles_torch(torch.from_numpy(uvd), torch.from_numpy(MODEL.triangles), 224, 224)
    np.testing.assert_array_equal(ids, ids_t.numpy())
    np.testing.assert_array_equal(depth, depth_t.numpy())
    assert (ids >= 0).mean() > 0.3


def test_the_differentiable_frame_under_uniform_light_is_the_albedo() -> None:
    arrays = MODEL.tensors()
    drawn = render(
        arrays["mean"],
        arrays["tex_mean"],
        arrays["triangles"],
        torch.zeros(6),
        gamma=torch.tensor(UNIFORM_LIGHT).float(),
    )
    flat = render(arrays["mean"], arrays["tex_mean"], arrays["triangles"], torch.zeros(6), compiled=False)
    torch.testing.assert_close(drawn.image, flat.image, atol=2e-6, rtol=0)
    assert drawn.image[~drawn.mask].abs().max() == 0
    assert drawn.depth[drawn.mask].max() < 1.0


def test_gradients_agree_with_differences() -> None:
    """In float64, inside the silhouette: pose, light, shape and colour."""
    arrays = MODEL.tensors(dtype=torch.float64)
    camera = Camera.standard(48)
    basis = arrays["exp_basis"][..., MODEL.expression_names.index("jawOpen")]
    start = torch.cat([torch.tensor(POSE), torch.tensor(LIGHT), torch.tensor([0.3, 0.2])]).double()
    fixed = None

    def loss(x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        vertices = arrays["mean"] + x[33] * basis
        colours = arrays["tex_mean"] + x[34] * arrays["tex_basis"][..., 0]
        out = render(vertices, colours, arrays["triangles"], x[:6], gamma=x[6:33], camera=camera)
        return out.image, out.ids

    point = start.clone().requires_grad_()
    image, fixed = loss(point)
    weight = torch.linspace(0.5, 1.5, image.numel(), dtype=torch.float64).view_as(image)
    for i in (0, 1, 2, 5, 6, 15, 24, 33, 34):
        step = torch.zeros_like(start)
        step[i] = 1e-6
        (high, ids_high), (low, ids_low) = loss(start + step), loss(start - step)
        same = (ids_high == ids_low) & (ids_high == fixed)
        assert same.double().mean() > 0.99
        (slope,) = torch.autograd.grad((image * weight * same[..., None]).sum(), point, retain_graph=True)
        expected = ((high - low) * weight * same[..., None]).sum() / 2e-6
        assert slope[i].item() == pytest.approx(expected.item(), rel=2e-4, abs=1e-4), i


def test_the_head_is_where_the_camera_says() -> None:
    camera = Camera.portrait(200, 160, face_width=0.4)
    drawn = render_head(MODEL.shape(), MODEL.albedo(), LIGHT, POSE, camera=camera, bust=False, look=Look(hair="none"))
    assert drawn.image.shape == (160, 200, 3)
    points = project(place(MODEL.landmark_points(MODEL.shape(), "mp468").astype(float), POSE), camera)
    middle = points[[4, 13, 50, 280, 199]]
    columns, rows = middle[:, 0].astype(int), middle[:, 1].astype(int) - 1
    assert (drawn.mask[rows, columns] == 1).all()
    np.testing.assert_allclose(drawn.depth[rows, columns], middle[:, 2], atol=0.12)


def test_the_background_shows_where_nothing_is_and_the_frame_repeats() -> None:
    scene = np.random.default_rng(0).uniform(size=(96, 96, 3)).astype(np.float32)
    first = render_head(MODEL.shape(), MODEL.albedo(), LIGHT, POSE, size=(96, 96), background=scene)
    again = render_head(MODEL.shape(), MODEL.albedo(), LIGHT, POSE, size=(96, 96), background=scene)
    np.testing.assert_array_equal(first.image, again.image)
    empty = first.mask == 0
    assert empty.any()
    np.testing.assert_allclose(first.image[empty], scene[empty], atol=1e-6)
    assert np.isinf(first.depth[empty]).all()
    assert first.image.min() >= 0
    assert first.image.max() <= 1


@pytest.mark.parametrize("hair", HAIR_STYLES)
def test_every_hair_style_draws_without_holes(hair: str) -> None:
    """Below the eyes, between the ears, nothing of a loud background may shine through."""
    loud = (0.0, 1.0, 0.0)
    drawn = render_head(
        MODEL.shape(), MODEL.albedo(), LIGHT, np.zeros(6), size=(160, 160), look=Look(hair=hair), background=loud
    )
    column = drawn.mask[30:, 80]
    assert (column[column.argmax() :] == 1).all()


def test_the_mouth_opens_onto_a_darker_cavity_with_teeth() -> None:
    camera = Camera.portrait(256, 256, face_width=0.7)
    shape = MODEL.shape(None, MODEL.expression({"jawOpen": 0.6}))
    drawn = render_head(shape, MODEL.albedo(), LIGHT, np.zeros(6), camera=camera)
    points = project(place(MODEL.landmark_points(shape, "mp468").astype(float), np.zeros(6)), camera)
    top, bottom, x = points[13, 1], points[14, 1], points[13, 0]
    inside = drawn.image[int(top) + 2 : int(bottom) - 1, int(x) - 8 : int(x) + 8]
    skin = drawn.image[int(points[152, 1]) - 20 : int(points[152, 1]) - 10, int(x) - 8 : int(x) + 8]
    assert inside.mean() < 0.8 * skin.mean()


def test_shoulders_stay_while_the_head_turns() -> None:
    def shoulders(yaw: float) -> np.ndarray:
        pose = np.array([0, yaw, 0, 0, 0.5, 0])
        return render_head(MODEL.shape(), MODEL.albedo(), UNIFORM_LIGHT, pose, size=(160, 160)).image[140:]

    assert abs(shoulders(0.3) - shoulders(-0.3)).mean() < 0.02


def test_wrong_arrays_are_refused() -> None:
    with pytest.raises(ValueError, match="must be"):
        render_head(MODEL.shape()[:-1], MODEL.albedo(), LIGHT, POSE)
    with pytest.raises(ValueError, match="antialias"):
        render_head(MODEL.shape(), MODEL.albedo(), LIGHT, POSE, antialias=0)
    with pytest.raises(ValueError, match="known: none, shaved"):
        Look(hair="mohawk")
