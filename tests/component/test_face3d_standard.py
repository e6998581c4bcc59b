"""Image formation and the standard frame on the packaged head."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import pytest
import torch

from viseme.face3d.camera import Camera, place, project
from viseme.face3d.differentiable import visibility
from viseme.face3d.formation import STANDARD_LIGHT, form_image, form_landmarks, render_standard, standard_pose
from viseme.face3d.interface import load_face_model
from viseme.face3d.linear_model import form_shape
from viseme.faces.schemes import LIP_MIDDLE

MODEL = load_face_model()
OPEN = MODEL.expression({"jawOpen": 0.5})
RANGE = (-1.0, 1.0)
"""Decimetres that depths 0 and 255 stand for."""


def standard(*betas: np.ndarray, **options: Any) -> np.ndarray:
    return render_standard(MODEL, np.stack(betas), RANGE, **options)


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
        names = ("mean", "id_basis", "exp_basis")
        bases = {n: torch.as_tensor(b, dtype=torch.float32) for n, b in zip(names, MODEL.landmark_bases(scheme))}
        found = form_landmarks(bases, alpha, beta, pose).numpy()
        for i in range(2):
            points = MODEL.landmark_points(MODEL.shape(alpha[i].numpy(), beta[i].numpy()), scheme).astype(float)
            expected = project(place(points, pose[i].numpy().astype(float)), Camera())
            np.testing.assert_allclose(found[i], expected, atol=2e-2)


def test_numpy_and_torch_form_the_same_shapes() -> None:
    rng = np.random.default_rng(3)
    alpha, beta = rng.normal(0, 0.5, (3, 80)).astype(np.float32), rng.normal(0, 0.5, (3, 9)).astype(np.float32)
    many = form_shape(MODEL.arrays(), alpha, beta)
    ours = form_shape(MODEL.tensors(), torch.from_numpy(alpha), torch.from_numpy(beta))
    np.testing.assert_allclose(many, ours.numpy(), atol=1e-5)
    for row in range(3):
        np.testing.assert_allclose(many[row], MODEL.shape(alpha[row], beta[row]), atol=1e-5)
    one_face = form_shape(MODEL.arrays(), alpha[:1], beta)
    np.testing.assert_allclose(one_face[2], MODEL.shape(alpha[0], beta[2]), atol=1e-5)


def test_the_standard_frame_is_equation_nine() -> None:
    drawn = standard(OPEN)[0]
    rgb, shown = np.moveaxis(drawn[:3], 0, -1), drawn[:3].any(0)
    tensors = {**MODEL.tensors(), "triangles": torch.as_tensor(MODEL.outer_triangles(), dtype=torch.int64)}
    pose = torch.as_tensor(standard_pose(MODEL), dtype=torch.float32)[None]
    gamma = torch.as_tensor(STANDARD_LIGHT, dtype=torch.float32)[None]
    formed = form_image(tensors, None, torch.as_tensor(OPEN)[None], None, gamma, pose)
    same = formed.mask[0].numpy() == shown
    assert same.mean() > 0.999
    theirs = formed.rgb[0].movedim(0, -1).numpy()
    close = np.abs(theirs * 255 - rgb).max(-1) <= 1.5
    assert close.mean() > 0.999
    inside = same & shown
    low, high = RANGE
    depth = ((formed.depth[0].numpy() - low) / (high - low) * 255).clip(0, 255)
    assert np.abs(depth - drawn[3])[inside].mean() < 0.5


def test_antialiasing_is_the_mean_of_finer_samples() -> None:
    fine = standard(OPEN, size=224)[0].astype(float)
    coarse = standard(OPEN, size=112, antialias=2)[0]
    np.testing.assert_allclose(coarse, fine.reshape(4, 112, 2, 112, 2).mean((2, 4)), atol=1.01)


def test_the_standard_face_is_frontal_centred_and_black_around() -> None:
    drawn = standard(np.zeros_like(OPEN))[0]
    assert drawn.shape == (4, 224, 224)
    empty = ~drawn[:3].any(0)
    assert drawn[:, empty].max() == 0
    columns = np.nonzero(~empty)[1]
    assert abs(columns.mean() - 111.5) < 2
    assert empty[100, :20].all()
    assert drawn[:3, 100, 112].min() > 60


def test_the_mouth_shows_the_background_unless_asked() -> None:
    without, full = standard(OPEN)[0], standard(OPEN, interior=True)[0]
    shape = MODEL.shape(None, OPEN)
    points = project(place(MODEL.landmark_points(shape, "mp468").astype(float), standard_pose(MODEL)), Camera())
    column, row = points[LIP_MIDDLE, :2].mean(0).astype(int)
    assert without[:, row, column].max() == 0
    assert full[:3, row, column].max() > 0


def test_a_clip_is_its_frames() -> None:
    clip = np.stack([np.zeros_like(OPEN), OPEN])
    drawn = standard(*clip, size=112)
    for i in range(2):
        np.testing.assert_array_equal(drawn[i], standard(clip[i], size=112)[0])
    with pytest.raises(ValueError, match="beta must be"):
        render_standard(MODEL, clip[:, :-1], RANGE)


def test_standard_frames_are_quick() -> None:
    """Processor time: 100 frames a second with room to spare (500 on one idle core)."""
    clip = np.repeat(OPEN[None], 20, 0)
    standard(OPEN)
    began = time.process_time()
    standard(*clip)
    assert (time.process_time() - began) / 20 < 1 / 100
