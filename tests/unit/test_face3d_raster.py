"""Visibility: a hand-drawn triangle, and the two rasterisers bit for bit."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from viseme.face3d.raster import BACKGROUND, visible_triangles, visible_triangles_torch


def both(
    uvd: np.ndarray, triangles: np.ndarray, width: int, height: int, device: torch.device
) -> tuple[np.ndarray, np.ndarray]:
    ids, depth = visible_triangles(uvd, triangles.astype(np.int32), width, height)
    given = torch.from_numpy(uvd).to(device), torch.from_numpy(triangles).to(device)
    ids_t, depth_t = visible_triangles_torch(*given, width, height)
    np.testing.assert_array_equal(ids, ids_t.cpu().numpy())
    np.testing.assert_array_equal(depth, depth_t.cpu().numpy())
    return ids, depth


def test_a_triangle_covers_the_pixels_whose_centres_it_holds(device) -> None:
    uvd = np.array([[0, 0, 10.0], [0, 4, 10], [4, 0, 10]])
    ids, depth = both(uvd, np.array([[0, 1, 2]]), 4, 3, device)
    drawn = ["".join("#" if i == 0 else "." for i in row) for row in ids]
    assert drawn == ["####", "###.", "##.."]
    assert depth[0, 0] == 10
    assert np.isinf(depth[2, 3])


def test_back_faces_are_not_drawn(device) -> None:
    uvd = np.array([[0, 0, 10.0], [0, 4, 10], [4, 0, 10]])
    ids, _ = both(uvd, np.array([[0, 2, 1]]), 4, 3, device)
    assert (ids == BACKGROUND).all()


def test_the_nearer_wins_and_among_equals_the_lower_id(device) -> None:
    far, near = [[0, 0, 10.0], [0, 8, 10], [8, 0, 10]], [[0, 0, 9.0], [0, 8, 9], [8, 0, 9]]
    uvd = np.array(far + near + near)
    ids, _ = both(uvd, np.arange(9).reshape(3, 3), 4, 4, device)
    assert (ids == 1).all()


@pytest.mark.parametrize("depth", [4.9, 15.1])
def test_nothing_is_drawn_beyond_the_near_and_far_planes(device, depth: float) -> None:
    uvd = np.array([[0, 0, depth], [0, 8, depth], [8, 0, depth]])
    ids, _ = both(uvd, np.array([[0, 1, 2]]), 4, 4, device)
    assert (ids == BACKGROUND).all()


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_random_triangles_agree_bit_for_bit(device, seed: int) -> None:
    rng = np.random.default_rng(seed)
    uvd = np.column_stack([rng.uniform(-8, 40, 60), rng.uniform(-8, 40, 60), rng.uniform(6, 14, 60)])
    if seed % 2:
        uvd = np.round(uvd * 2) / 2  # many centres on edges, many equal depths
    both(uvd, rng.integers(0, 60, (40, 3)), 32, 32, device)
