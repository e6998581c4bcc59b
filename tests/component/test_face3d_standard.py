"""Image formation and the standard frame on the packaged head."""

from __future__ import annotations

import time

import numpy as np
import pytest
import torch

from viseme.face3d.camera import Camera, place, project
from viseme.face3d.deferred import visibility
from viseme.face3d.formation import (
    STANDARD_LIGHT,
    depth_range,
    form_image,
    form_landmarks,
    form_shape,
    outer_triangles,
    render_standard,
    standard_pose,
)
from viseme.face3d.interface import load_face_model
from viseme.face3d.light import lamp

MODEL = load_face_model()
OPEN = MODEL.shape(None, MODEL.expression({"jawOpen": 0.5}))


def test_a_batch_has_the_same_ids_in_torch_and_in_numba() -> None:
    tensors = MODEL.tensors()
    torch.manual_seed(1)
    shape = form_shape(tensors, 0.8 * torch.randn(3, 80), 0.5 * torch.randn(3, 64))
    uvd = project(place(shape, torch.randn(3, 6) * torch.tensor([0.2, 0.5, 0.2, 0.1, 0.1, 0.3])), Camera())
    ours = visibility(uvd, tensors["triangles"], Camera(), compiled=False)
    assert torch.equal(ours, visibility(uvd, tensors["triangles"], Camera(), compiled=True))
    assert (ours >= 0).flatten(1).any(1).all()


def test_compiled_and_torch_give_the_same_frame_and_gradients() -> None:
    tensors = MODEL.tensors(dtype=torch.float64)
    torch.manual_seed(4)
    spread = ((80, 0.5), (64, 0.3), (80, 0.3), (27, 0.3), (6, 0.1))
    given = [(torch.randn(2, n, dtype=torch.float64) * s).requires_grad_() for n, s in spread]
    weight = torch.randn(2, 3, 96, 96, dtype=torch.float64)
    frames, gradients = [], []
    for compiled in (True, False):
        rgb, mask, depth = form_image(tensors, *given, camera=Camera.standard(96), compiled=compiled)
        assert mask.double().mean() > 0.3
        frames.append(rgb.detach())
        gradients.append(torch.autograd.grad((rgb * weight).sum() + depth.sum(), given))
    torch.testing.assert_close(*frames)
    for ours, theirs in zip(*gradients):
        torch.testing.assert_close(ours, theirs)


def test_landmarks_are_those_of_the_model() -> None:
    torch.manual_seed(2)
    alpha, beta, pose = torch.randn(2, 80), torch.randn(2, 10), torch.randn(2, 6) * 0.1
    for scheme in ("mp468", "ibug68"):
        found = form_landmarks(MODEL, MODEL.tensors(), alpha, beta, pose, scheme=scheme).numpy()
        for i in range(2):
            points = MODEL.landmark_points(MODEL.shape(alpha[i].numpy(), beta[i].numpy()), scheme).astype(float)
            expected = project(place(points, pose[i].numpy().astype(float)), Camera())
            np.testing.assert_allclose(found[i], expected, atol=2e-2)


def test_the_standard_frame_is_equation_nine() -> None:
    rgb, z = render_standard(MODEL, OPEN)
    tensors = {**MODEL.tensors(), "triangles": torch.as_tensor(outer_triangles(MODEL), dtype=torch.int64)}
    beta = torch.as_tensor(MODEL.expression({"jawOpen": 0.5}))[None]
    pose = torch.as_tensor(standard_pose(MODEL), dtype=torch.float32)[None]
    gamma = torch.as_tensor(STANDARD_LIGHT, dtype=torch.float32)[None]
    formed = form_image(tensors, None, beta, None, gamma, pose)
    same = formed.mask[0].numpy() == ~np.isnan(z)
    assert same.mean() > 0.999
    theirs = formed.rgb[0].movedim(0, -1).numpy()
    close = np.abs(theirs * 255 - rgb).max(-1) <= 1.5
    assert close.mean() > 0.999
    inside = same & ~np.isnan(z)
    assert np.abs(formed.depth[0].numpy() - z)[inside].mean() < 1e-4


def test_the_standard_face_is_frontal_centred_and_black_around() -> None:
    rgb, z = render_standard(MODEL, MODEL.mean)
    assert rgb.shape == (224, 224, 3)
    assert z.shape == (224, 224)
    empty = np.isnan(z)
    assert rgb[empty].max() == 0
    columns = np.nonzero(~empty)[1]
    assert abs(columns.mean() - 111.5) < 2
    assert np.isnan(z[100, :20]).all()
    assert rgb[100, 112].min() > 60


def test_the_mouth_shows_the_background_unless_asked() -> None:
    (rgb, _), (full, _) = render_standard(MODEL, OPEN), render_standard(MODEL, OPEN, interior=True)
    points = project(place(MODEL.landmark_points(OPEN, "mp468").astype(float), standard_pose(MODEL)), Camera())
    row, column = int(points[[13, 14], 1].mean()), int(points[[13, 14], 0].mean())
    assert rgb[row, column].max() == 0
    assert full[row, column].max() > 0


def test_another_light_shades() -> None:
    lit, _ = render_standard(MODEL, MODEL.mean, gamma=lamp((1, 0, 0.2), ambient=(0.2, 0.2, 0.2)))
    assert lit[100, 140:150].mean() > lit[100, 74:84].mean() + 20


def test_a_clip_is_its_frames_and_its_depth_range_holds_them() -> None:
    clip = np.stack([MODEL.mean, OPEN])
    rgb, z = render_standard(MODEL, clip, size=112)
    for i in range(2):
        one, depth = render_standard(MODEL, clip[i], size=112)
        np.testing.assert_array_equal(rgb[i], one)
        np.testing.assert_array_equal(z[i], depth)
    low, high = depth_range(MODEL, clip)
    assert low == min(depth_range(MODEL, c)[0] for c in clip)
    assert high == max(depth_range(MODEL, c)[1] for c in clip)
    with pytest.raises(ValueError, match="4861"):
        render_standard(MODEL, MODEL.mean[:-1])


def test_standard_frames_are_quick() -> None:
    """Processor time: 100 frames a second with room to spare (500 on one idle core)."""
    clip = np.repeat(OPEN[None], 20, 0)
    render_standard(MODEL, clip[:1])
    began = time.process_time()
    render_standard(MODEL, clip)
    assert (time.process_time() - began) / 20 < 1 / 100
