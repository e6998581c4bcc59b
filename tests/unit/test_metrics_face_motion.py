"""Lip vertex error, upper-face dynamics and jitter: what they are blind to, and which vertices they look at."""

from __future__ import annotations

import numpy as np
import pytest

from viseme.face3d.interface import load_default_model
from viseme.metrics.fdd import face_dynamics, upper_face_deviation
from viseme.metrics.jitter import JitterSums, jitter, jitter_ratio
from viseme.metrics.lve import lip_vertex_error
from viseme.metrics.vertices import vertices_of

RNG = np.random.default_rng(5)


def test_the_regions_of_the_default_model_are_where_they_should_be() -> None:
    model = load_default_model()
    lips, upper = vertices_of(model, "lips"), vertices_of(model, "upper_face")
    assert str(lips) == f"249 vertices of lips of the face model {model.name!r}"
    assert not set(lips.indices.tolist()) & set(upper.indices.tolist())
    eyes = model.landmark_points(model.mean, "mp468")[[33, 263], 1].mean()
    assert model.mean[lips.indices, 1].max() < eyes
    assert 200 < len(upper.indices) < 1901
    brows = {name: 1.0 for name in model.expression_names if "brow" in name.lower()}
    raised = model.shape(beta=model.expression(brows))
    moved = np.linalg.norm(raised - model.mean, axis=-1)
    assert moved[upper.indices].mean() > 5 * moved[lips.indices].mean()


def test_an_open_jaw_is_a_lip_error_and_no_upper_face_motion() -> None:
    model = load_default_model()
    jaw = next(name for name in model.expression_names if name.lower() == "jawopen")
    talking = np.stack([model.shape(beta=model.expression({jaw: v})) for v in (0.0, 0.5, 0.0, 0.5)])
    still = np.repeat(model.mean[None], 4, 0)
    lips, upper = (vertices_of(model, region).indices for region in ("lips", "upper_face"))
    error = lip_vertex_error(still, talking, lips)
    assert 0.02 < error < 0.5  # decimetres, half of the frames
    assert abs(upper_face_deviation(still, talking, model.mean, upper)) < 0.02 * error


def test_a_model_without_the_region_is_told() -> None:
    from dataclasses import replace

    with pytest.raises(ValueError, match="no region 'lips'"):
        vertices_of(replace(load_default_model(), masks={}), "lips")


def test_too_little_motion_is_positive_and_too_much_negative() -> None:
    rest = RNG.normal(size=(6, 3))
    moving = rest + np.sin(np.arange(30))[:, None, None] * [0, 1, 0]
    assert upper_face_deviation(rest + 0.5 * (moving - rest), moving, rest, [0, 1]) > 0
    assert upper_face_deviation(rest + 2 * (moving - rest), moving, rest, [0, 1]) < 0
    assert face_dynamics(moving, rest, range(6)) == pytest.approx(np.abs(np.sin(np.arange(30))).std())


@pytest.mark.parametrize("shapes", [((2, 5, 3), (3, 5, 3)), ((2, 5, 2), (2, 5, 2)), ((5, 3), (5, 3))])
def test_vertices_that_do_not_correspond_are_refused(shapes: tuple) -> None:
    with pytest.raises(ValueError, match="vertices"):
        lip_vertex_error(*map(np.zeros, shapes), [0])
    with pytest.raises(ValueError, match="vertices"):
        upper_face_deviation(np.zeros((0, 5, 3)), np.zeros((2, 5, 3)), np.zeros((5, 3)), [0])


def test_jitter_is_blind_to_even_motion_and_sees_noise() -> None:
    even = np.arange(50.0)[:, None, None] * [1.0, 2.0] + RNG.normal(size=(1, 7, 2))
    assert jitter(even) == pytest.approx(0, abs=1e-20)
    noise = RNG.normal(size=(5000, 7, 2))
    assert jitter(noise) == pytest.approx(12, rel=0.05)  # (1 + 4 + 1) for each of two coordinates
    assert jitter_ratio(2 * noise, noise) == pytest.approx(4)


def test_gaps_and_clips_are_not_bridged() -> None:
    track = np.zeros((9, 2, 2))
    track[5:] = 100.0
    track[4] = np.nan
    assert jitter(track) == 0.0
    sums = JitterSums()
    sums.add(track[:4])
    sums.add(track[5:])
    assert (sums.energy, sums.num) == (0.0, 8)
    assert np.isnan(jitter(track[:2]))
    assert np.isnan(jitter_ratio(track, track))
