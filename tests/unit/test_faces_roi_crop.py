"""Crops for the networks: exact where they can be, and landmarks come back to where they were taken."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from viseme.faces.roi_crop import RoiCrop, crop_roi


def noise(height: int, width: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)


def ramp(height: int, width: int) -> np.ndarray:
    """Red rises by two a column, green by two a row: the mean of neighbours is a whole number."""
    y, x = 2 * np.mgrid[:height, :width]
    return np.stack([x, y, np.full_like(x, 7)], axis=-1).astype(np.uint8)


def crop(frame: np.ndarray, *roi: float, size: int = 32, outside: str = "edge") -> RoiCrop:
    return crop_roi(frame, np.array(roi), np.empty((3, size, size), np.float32), outside=outside)


def centres(size: int) -> np.ndarray:
    """(size, size, 3) the pixel centres of a crop."""
    y, x = np.mgrid[:size, :size] + 0.5
    return np.stack([x, y, np.zeros_like(x)], axis=-1).astype(np.float32)


def test_an_upright_region_of_the_crops_size_is_a_piece_of_the_frame() -> None:
    frame = noise(60, 80)
    pixels = crop(frame, 40, 30, 32, 0).pixels
    np.testing.assert_allclose(pixels.transpose(1, 2, 0) * 255, frame[14:46, 24:56], atol=1e-4)


def test_a_quarter_turn_clockwise_turns_the_frame_counter_clockwise() -> None:
    frame = noise(64, 64)
    turned = crop(frame, 32, 32, 32, np.pi / 2)
    assert turned.rotation == pytest.approx(np.pi / 2, abs=0.008)
    upright = crop(frame, 32, 32, 32, 0).pixels
    agreement = np.corrcoef(turned.pixels.ravel(), np.rot90(upright, 1, (1, 2)).ravel())[0, 1]
    assert agreement > 0.8  # the rotation is rounded


@given(x=st.floats(55, 65), y=st.floats(55, 65), side=st.floats(20, 70), rotation=st.floats(-0.7, 0.7))
def test_every_pixel_comes_from_where_to_frame_says(x: float, y: float, side: float, rotation: float) -> None:
    found = crop(ramp(120, 120), x, y, side, rotation)
    places = found.to_frame(centres(32))
    np.testing.assert_allclose(found.pixels[0] * 255 / 2 + 0.5, places[..., 0], atol=0.02)
    np.testing.assert_allclose(found.pixels[1] * 255 / 2 + 0.5, places[..., 1], atol=0.02)
    np.testing.assert_allclose(found.pixels[2] * 255, 7, atol=1e-3)


@given(side=st.floats(5, 3000), rotation=st.floats(-3, 3))
def test_the_region_is_moved_by_little(side: float, rotation: float) -> None:
    found = crop(np.zeros((40, 50, 3), np.uint8), 20.3, 11.8, side, rotation)
    assert abs(found.side / side - 1) <= 0.008
    assert abs(found.rotation - rotation) <= 0.008
    unit = max(1, side / 32 / 0.75)  # of what the frame is scaled down to
    assert max(abs(found.x - 20.3), abs(found.y - 11.8)) <= unit / 2


def test_a_finely_patterned_frame_is_averaged_when_it_is_scaled_down() -> None:
    frame = np.zeros((256, 256, 3), np.uint8)
    frame[::2, ::2] = frame[1::2, 1::2] = 200
    np.testing.assert_allclose(crop(frame, 128, 128, 100, 0).pixels, 100 / 255, atol=1e-3)


@pytest.mark.parametrize("centre", [(0, 0), (80, 60), (-500, 30), (40, 900), (700, -700)])
def test_beyond_the_frame_its_edge_goes_on_or_all_is_black(centre: tuple[float, float]) -> None:
    frame = noise(60, 80) // 2 + 100
    assert crop(frame, *centre, 40, 0.2).pixels.min() >= 100 / 255 - 1e-3
    if max(map(abs, centre)) > 100:
        assert crop(frame, *centre, 40, 0.2, outside="black").pixels.mean() < 0.05


def test_a_large_region_around_a_frame_is_the_frame_in_black() -> None:
    frame = np.full((90, 160, 3), 255, np.uint8)
    pixels = crop(frame, 80, 45, 160, 0, outside="black").pixels
    assert pixels[:, 8:24].min() == pytest.approx(1)
    assert pixels[:, :6].max() == pixels[:, 26:].max() == 0


def test_a_crop_does_not_depend_on_the_one_before() -> None:
    frame = noise(300, 300)
    first = crop(frame, 100, 120, 90, 0.3).pixels.copy()
    crop(frame, 150, 150, 290, -0.3)
    np.testing.assert_array_equal(crop(frame, 100, 120, 90, 0.3).pixels, first)


def test_depth_keeps_the_scale() -> None:
    found = crop(noise(60, 80), 40, 30, 64, 0)
    np.testing.assert_allclose(found.to_frame(np.array([[16, 16, -8]], np.float32)), [[40, 30, -16]], atol=1e-5)
