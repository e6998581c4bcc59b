"""Loss terms: values that can be checked by hand, the printed weights, gradients where they must be."""

from __future__ import annotations

import pytest
import torch

from viseme.core.errors import ConfigError
from viseme.standardization.training.losses import (
    LossWeights,
    albedo_uniformity_loss,
    coefficient_loss,
    dsp_weights,
    known_expression_loss,
    landmark_loss,
    light_loss,
    lmid_weights,
    photometric_loss,
    recognition_loss,
    skin_probability,
)


def test_the_printed_weights():
    dsp, lmid = dsp_weights(), lmid_weights()
    assert (dsp.photometric, dsp.landmarks, dsp.coefficients) == (1.92, 1.6e-3, 3e-4)
    assert (lmid.photometric, lmid.landmarks, lmid.coefficients) == (1.92, 1.6e-3, 3e-4)
    assert (dsp.identity, dsp.expression, dsp.texture) == (0.5, 2.0, 0.5)
    assert (lmid.identity, lmid.expression, lmid.texture) == (0.8, 0.8, 2.0)
    assert (dsp.lips, dsp.contour, dsp.nose) == (10, 1, 1)
    assert (lmid.lips, lmid.contour, lmid.nose) == (20, 10, 10)
    assert (dsp.uniformity, lmid.uniformity) == (0, 5)
    assert not dsp.squared
    assert not lmid.squared
    assert dsp.known == lmid.known == 0, "ours, not the papers'"


def test_a_negative_weight_is_refused_by_name():
    with pytest.raises(ConfigError, match="'lips'"):
        LossWeights(lips=-1)


def test_recognition_is_refused_for_nothing_would_read_it():
    with pytest.raises(ConfigError, match=r"'recognition' is 0\.2.*leave it at 0"):
        LossWeights(recognition=0.2)


def test_photometric_is_the_attended_mean_of_colour_distances():
    seen, drawn = torch.zeros(1, 1, 3, 3), torch.zeros(1, 1, 3, 3)
    drawn[0, 0, 0] = torch.tensor([0.3, 0.0, 0.4])  # .5 away
    drawn[0, 0, 1, 1] = 1.0
    assert float(photometric_loss(seen, drawn, torch.tensor([[[1.0, 0.0, 0.0]]]))) == pytest.approx(0.5)
    assert float(photometric_loss(seen, drawn, torch.tensor([[[1.0, 1.0, 0.0]]]))) == pytest.approx(0.75)
    assert float(photometric_loss(seen, drawn, torch.tensor([[[3.0, 1.0, 0.0]]]))) == pytest.approx(0.625)


def test_photometric_of_nothing_drawn_is_zero_and_has_a_gradient():
    drawn = torch.rand(1, 2, 2, 3, requires_grad=True)
    value = photometric_loss(torch.rand(1, 2, 2, 3), drawn, torch.zeros(1, 2, 2))
    value.backward()
    assert float(value.detach()) == 0
    assert bool(torch.isfinite(drawn.grad).all())


def test_equal_frames_and_points_have_a_finite_gradient():
    frame = torch.full((1, 2, 2, 3), 0.5, requires_grad=True)
    points = torch.ones(1, 4, 2, requires_grad=True)
    total = photometric_loss(torch.full((1, 2, 2, 3), 0.5), frame, torch.ones(1, 2, 2))
    (total + landmark_loss(torch.ones(1, 4, 2), points, torch.ones(4))).backward()
    assert bool(torch.isfinite(frame.grad).all())
    assert bool(torch.isfinite(points.grad).all())


def test_landmarks_plain_and_squared_divide_by_their_number_not_their_weights():
    there, here = torch.zeros(2, 2, 2), torch.zeros(2, 2, 2)
    here[0, 0] = torch.tensor([3.0, 4.0])
    weights = torch.tensor([10.0, 1.0])
    assert float(landmark_loss(there, here, weights)) == pytest.approx(50 / 4)
    assert float(landmark_loss(there, here, weights, squared=True)) == pytest.approx(250 / 4)


def test_coefficients_are_squared_norms_per_frame():
    value = coefficient_loss(
        torch.ones(2, 3), 2 * torch.ones(2, 2), torch.ones(2, 4), identity=0.5, expression=2.0, texture=0.25
    )
    assert float(value) == pytest.approx(0.5 * 3 + 2 * 8 + 0.25 * 4)


def test_albedo_uniformity_is_a_variance_over_vertices():
    even = torch.full((1, 5, 3), 0.6)
    assert float(albedo_uniformity_loss(even)) == 0
    spread = torch.tensor([[[0.0, 0.5, 0.5], [1.0, 0.5, 0.5]]])
    assert float(albedo_uniformity_loss(spread)) == pytest.approx(0.25)


def test_white_light_costs_nothing():
    white = torch.arange(9.0).repeat(1, 3)
    assert float(light_loss(white)) == 0
    tinted = white.clone()
    tinted[0, 0] = 3.0  # one coefficient of red: mean 1, squared differences 4, 1, 1 of 27
    assert float(light_loss(tinted)) == pytest.approx(6 / 27)


def test_recognition_is_one_minus_a_cosine():
    a, b = torch.tensor([[1.0, 0.0], [1.0, 0.0]]), torch.tensor([[2.0, 0.0], [0.0, 5.0]])
    assert float(recognition_loss(a[:1], b[:1])) == pytest.approx(0)
    assert float(recognition_loss(a, b)) == pytest.approx(0.5)
    assert float(recognition_loss(a, torch.zeros(2, 2))) == pytest.approx(1), "no feature is no likeness, not NaN"


def test_known_expression_counts_pixels_of_landmarks_that_move():
    basis = torch.zeros(2, 3, 2)
    basis[0, 1, 0] = 101.5  # unit 0 moves landmark 0 up by a decimetre
    truth, found = torch.zeros(1, 2), torch.tensor([[0.1, 7.0]])
    assert float(known_expression_loss(found, truth, basis, torch.tensor([10.0, 1.0]))) == pytest.approx(50.75)


def test_skin_is_relative_to_the_person():
    for colour in ((0.8, 0.6, 0.5), (0.25, 0.16, 0.12)):
        image = torch.tensor(colour).expand(1, 8, 8, 3).clone()
        image[:, 0] = torch.tensor([0.1, 0.2, 0.9])
        mask = torch.ones(1, 8, 8)
        mask[:, :, 0] = 0
        found = skin_probability(image, mask)
        assert float(found[0, 4, 4]) == pytest.approx(1, abs=1e-5)
        assert float(found[0, 0, 4]) < 0.01
        assert float(found[0, 4, 0]) == 0


def test_skin_of_an_empty_mask_is_zero():
    assert float(skin_probability(torch.rand(1, 4, 4, 3), torch.zeros(1, 4, 4)).sum()) == 0
