"""Image formation on meshes small enough to work out by hand, and its gradients against differences."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from viseme.face3d.camera import Camera
from viseme.face3d.formation import STANDARD_LIGHT, form_image
from viseme.face3d.light import K0, K1, K2_AXIAL
from viseme.face3d.linear_model import form_shape

SQUARE = np.array([[-0.5, -0.25, 0.5], [0.5, -0.25, 0.5], [0.5, 0.75, 0.5], [-0.5, 0.75, 0.5]])
ALBEDO = (0.2, 0.5, 0.8)


def plane() -> dict[str, torch.Tensor]:
    """A square half a decimetre before the origin that faces the camera, with one coefficient of each kind."""
    basis = torch.zeros(4, 3, 1, dtype=torch.float64)
    basis[:, 2] = 0.1  # toward the camera
    side = torch.zeros(4, 3, 1, dtype=torch.float64)
    side[:, 0] = 0.2  # to image right
    return {
        "mean": torch.from_numpy(SQUARE),
        "id_basis": basis,
        "exp_basis": side,
        "tex_mean": torch.tensor(ALBEDO, dtype=torch.float64).repeat(4, 1),
        "tex_basis": torch.full((4, 3, 1), 0.1, dtype=torch.float64),
        "triangles": torch.tensor([[0, 1, 2], [0, 2, 3]]),
    }


def pose(**values: float) -> torch.Tensor:
    names = ("pitch", "yaw", "roll", "tx", "ty", "tz")
    return torch.tensor([[values.get(name, 0.0) for name in names]], dtype=torch.float64)


def light(*, band: int, value: float = 1.0) -> torch.Tensor:
    gamma = torch.zeros(1, 3, 9, dtype=torch.float64)
    gamma[..., band] = value
    return gamma.view(1, 27)


def covered(mask: torch.Tensor) -> tuple[int, int, int, int]:
    """First and last row, first and last column."""
    rows, columns = np.nonzero(mask.numpy())
    return int(rows.min()), int(rows.max()), int(columns.min()), int(columns.max())


@pytest.mark.parametrize("compiled", [True, False])
def test_a_square_lands_on_the_pixels_worked_out_by_hand(compiled: bool) -> None:
    # d = 9.5: u = 112 -+ 1015 * .5 / 9.5 = 58.58 and 165.42;
    # v = 112 - 1015 * .75 / 9.5 = 31.87 and 112 + 1015 * .25 / 9.5 = 138.71
    rgb, mask, depth = form_image(plane(), None, None, None, None, pose(), compiled=compiled)
    assert covered(mask[0]) == (32, 138, 59, 164)
    assert mask.sum() == 107 * 106
    torch.testing.assert_close(rgb[0, :, 100, 100], torch.tensor(ALBEDO, dtype=torch.float64))
    assert depth[0, 100, 100].item() == pytest.approx(0.5)
    assert rgb[0, :, ~mask[0]].abs().max() == 0
    assert depth[0, ~mask[0]].abs().max() == 0


def test_coefficients_move_and_colour() -> None:
    model = plane()
    one = torch.ones(1, 1, dtype=torch.float64)
    shape = form_shape(model, one, 2 * one)
    np.testing.assert_allclose(shape[0], SQUARE + np.array([0.4, 0, 0.1]), atol=1e-12)
    rgb, mask, depth = form_image(model, one, 2 * one, one, None, pose())
    # d = 9.4: u from 112 - 1015 * .1 / 9.4 = 101.20 to 112 + 1015 * .9 / 9.4 = 209.18
    assert covered(mask[0])[2:] == (101, 208)
    assert depth[0, 100, 150].item() == pytest.approx(0.6)
    torch.testing.assert_close(rgb[0, :, 100, 150], torch.tensor([0.3, 0.6, 0.9], dtype=torch.float64))


def test_gamma0_gives_the_albedo() -> None:
    gamma = torch.from_numpy(STANDARD_LIGHT)[None]
    assert gamma[0, 0].item() == pytest.approx(1.128379, abs=2e-6)
    lit = form_image(plane(), None, None, None, gamma, pose(yaw=0.4))
    flat = form_image(plane(), None, None, None, None, pose(yaw=0.4))
    torch.testing.assert_close(lit.rgb, flat.rgb, atol=1e-12, rtol=0)


def test_light_constants_and_signs_in_the_camera_frame() -> None:
    def red(gamma: torch.Tensor, **turned: float) -> float:
        rgb, mask, _ = form_image(plane(), None, None, None, gamma, pose(**turned))
        rows, columns = torch.nonzero(mask[0], as_tuple=True)
        return rgb[0, 0, rows[len(rows) // 2], columns[len(rows) // 2]].item() / ALBEDO[0]

    assert red(light(band=0, value=0.8)) == pytest.approx(0.8 * K0)  # where networks start from
    assert red(light(band=2)) == pytest.approx(K1)  # from the camera
    assert red(light(band=6)) == pytest.approx(2 * K2_AXIAL)
    # the normal turns with the head: positive yaw to image right, positive pitch down
    assert red(light(band=3), yaw=0.3) == pytest.approx(-K1 * np.sin(0.3))
    assert red(light(band=1), pitch=0.3) == pytest.approx(K1 * np.sin(0.3))
    assert red(light(band=2), roll=0.3) == pytest.approx(K1)


def test_translation_and_turns_have_the_signs_of_the_convention() -> None:
    def middle(**turned: float) -> np.ndarray:
        return np.mean(np.nonzero(form_image(plane(), None, None, None, None, pose(**turned)).mask[0].numpy()), 1)

    row, column = middle()
    assert middle(tx=0.2)[1] - column == pytest.approx(0.2 * 1015 / 9.5, abs=1)
    assert row - middle(ty=0.2)[0] == pytest.approx(0.2 * 1015 / 9.5, abs=1)  # up is a smaller row
    assert middle(yaw=0.2)[1] > column  # what is before the origin goes where the nose goes
    assert middle(pitch=0.2)[0] > row


def test_a_batch_of_two_is_two_of_one() -> None:
    torch.manual_seed(0)
    arguments = [torch.randn(2, n, dtype=torch.float64) * 0.3 for n in (1, 1, 1, 27, 6)]
    both = form_image(plane(), *arguments)
    for i in range(2):
        one = form_image(plane(), *(a[i : i + 1] for a in arguments))
        for ours, theirs in zip(both, one):
            torch.testing.assert_close(ours[i : i + 1], theirs)


def crumpled() -> dict[str, torch.Tensor]:
    """Nine vertices in front of the camera, no two triangles in a plane, two columns in each basis."""
    rng = np.random.default_rng(7)
    grid = np.stack(np.meshgrid([-0.6, 0.0, 0.6], [-0.6, 0.0, 0.6]), -1).reshape(-1, 2)
    mean = np.c_[grid + rng.normal(0, 0.06, (9, 2)), rng.normal(0, 0.15, 9)]
    corner = np.array([0, 1, 3, 4])
    triangles = np.concatenate([np.c_[corner, corner + 1, corner + 4], np.c_[corner, corner + 4, corner + 3]])
    double = {"dtype": torch.float64}
    return {
        "mean": torch.tensor(mean, **double),
        "id_basis": torch.tensor(rng.normal(0, 0.05, (9, 3, 2)), **double),
        "exp_basis": torch.tensor(rng.normal(0, 0.05, (9, 3, 2)), **double),
        "tex_mean": torch.tensor(rng.uniform(0.3, 0.7, (9, 3)), **double),
        "tex_basis": torch.tensor(rng.normal(0, 0.1, (9, 3, 2)), **double),
        "triangles": torch.tensor(triangles),
    }


@pytest.mark.parametrize("compiled", [True, False])
@pytest.mark.parametrize("varied", ["identity", "expression", "texture", "light", "pose"])
def test_gradients_agree_with_differences(varied: str, compiled: bool) -> None:
    model, camera = crumpled(), Camera.standard(12)
    rng = np.random.default_rng(3)
    start = {
        "identity": rng.normal(0, 0.5, (2, 2)),
        "expression": rng.normal(0, 0.5, (2, 2)),
        "texture": rng.normal(0, 0.5, (2, 2)),
        "light": STANDARD_LIGHT + rng.normal(0, 0.1, (2, 27)),
        "pose": rng.normal(0, 0.1, (2, 6)),
    }
    values = {name: torch.tensor(value, dtype=torch.float64) for name, value in start.items()}
    values[varied].requires_grad_()

    weights = torch.tensor(rng.normal(size=(5, 2 * 4 * 12 * 12)), dtype=torch.float64)

    def draw(value: torch.Tensor) -> torch.Tensor:
        """Five random sums over all colours and depths: one backward pass a number is what takes time."""
        formed = form_image(model, *{**values, varied: value}.values(), camera=camera, compiled=compiled)
        assert formed.mask.sum() > 60
        return weights @ torch.cat([formed.rgb.flatten(), formed.depth.flatten()])

    assert torch.autograd.gradcheck(draw, values[varied])


def test_gradcheck_would_notice_a_wrong_gradient() -> None:
    point = torch.ones(1, 1, dtype=torch.float64, requires_grad=True)

    def half_cut(alpha: torch.Tensor) -> torch.Tensor:
        return form_image(plane(), 0.5 * alpha + 0.5 * alpha.detach(), None, None, None, pose()).depth.sum()

    assert not torch.autograd.gradcheck(half_cut, point, raise_exception=False)


def test_the_torch_path_never_leaves_the_device(monkeypatch: pytest.MonkeyPatch) -> None:
    """What would fail on CUDA fails here: NumPy views, numba kernels."""

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("left the device")

    monkeypatch.setattr(torch.Tensor, "numpy", refuse)
    monkeypatch.setattr("viseme.face3d.differentiable.visible_triangles", refuse)
    coefficient = torch.ones(1, 1, dtype=torch.float64, requires_grad=True)
    gamma = torch.from_numpy(STANDARD_LIGHT)[None]
    form_image(plane(), coefficient, None, coefficient, gamma, pose(), compiled=False).rgb.sum().backward()
    assert coefficient.grad is not None
    with pytest.raises(AssertionError, match="left the device"):
        form_image(plane(), None, None, None, None, pose(), compiled=True)


def test_a_mesh_behind_the_camera_draws_nothing_and_keeps_gradients_finite() -> None:
    coefficient = torch.zeros(1, 1, dtype=torch.float64, requires_grad=True)
    rgb, mask, _ = form_image(plane(), coefficient, None, coefficient, None, pose(tz=20.0))
    assert not mask.any()
    rgb.sum().backward()
    assert coefficient.grad is not None
    assert torch.isfinite(coefficient.grad).all()


def test_wrong_shapes_are_refused() -> None:
    with pytest.raises(ValueError, match="at most 1"):
        form_image(plane(), torch.zeros(1, 2), None, None, None, pose())
    with pytest.raises(ValueError, match="pose must be"):
        form_image(plane(), None, None, None, None, torch.zeros(6))
    with pytest.raises(ValueError, match="gamma must be"):
        form_image(plane(), None, None, None, torch.zeros(1, 9), pose())
