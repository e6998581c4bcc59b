"""The square crop of a face: places, edges, reduction."""

from __future__ import annotations

import numpy as np
import pytest

from viseme.faces.crops import CROP_SIZE, crop_frame, crop_squares, into_crop


def _ramp(height: int, width: int) -> np.ndarray:
    """Red rises with x, green with y, a value a pixel (of a quarter where it would not fit)."""
    image = np.zeros((height, width, 3), np.uint8)
    image[..., 0] = np.arange(width)[None] / max(1, width / 256)
    image[..., 1] = np.arange(height)[:, None] / max(1, height / 256)
    return image


@pytest.mark.parametrize("crop", [(120.0, 110.0, 90.0), (100.3, 90.7, 224.0), (128.0, 128.0, 31.5)])
def test_a_crop_shows_the_pixels_of_its_square(crop):
    found = crop_frame(_ramp(256, 256), np.array(crop)).astype(float)
    x, y, side = crop
    middles = (np.arange(CROP_SIZE) + 0.5) / CROP_SIZE * side - side / 2 - 0.5
    expected = np.clip(x + middles, 0, 255), np.clip(y + middles, 0, 255)
    assert np.abs(found[..., 0] - expected[0][None]).max() <= 0.51
    assert np.abs(found[..., 1] - expected[1][:, None]).max() <= 0.51


def test_beyond_the_frame_the_edge_is_repeated():
    image = np.full((40, 60, 3), 7, np.uint8)
    image[:, 0] = 200
    found = crop_frame(image, np.array([0.0, 20.0, 50.0]))
    assert (found[:, : CROP_SIZE // 2 - 3] == 200).all()
    assert (found[:, CROP_SIZE // 2 + 8 :] == 7).all()
    assert (crop_frame(image, np.array([-500.0, 20.0, 50.0])) == 200).all(), "a square outside the frame"


def test_a_large_face_is_averaged_not_picked():
    """Stripes of one pixel turn grey, not into coarser stripes."""
    image = np.zeros((1400, 1400, 3), np.uint8)
    image[:, ::2] = 255
    found = crop_frame(image, np.array([700.0, 700.0, 1200.0]))
    assert np.abs(found.astype(float) - 127.5).max() < 30, "picking one pixel would give 0 and 255"


def test_a_reduced_frame_gives_the_same_crop():
    image = np.repeat(np.repeat(_ramp(120, 120), 2, 0), 2, 1)
    whole = crop_frame(image, np.array([100.0, 120.0, 80.0])).astype(int)
    half = crop_frame(image[::2, ::2], np.array([100.0, 120.0, 80.0]), scale=0.5).astype(int)
    assert np.abs(whole - half).max() <= 1


def test_landmarks_and_pixels_are_cut_alike():
    rng = np.random.default_rng(0)
    landmarks = rng.uniform(60, 140, (1, 478, 3)).astype(np.float32)
    crops = crop_squares(landmarks)
    image = np.zeros((200, 200, 3), np.uint8)
    x, y = landmarks[0, 5, :2]
    image[int(y), int(x)] = 255
    bright = np.argwhere(crop_frame(image, crops[0])[..., 0] > 60).mean(0)[::-1] + 0.5
    middle = into_crop(np.array([[[int(x) + 0.5, int(y) + 0.5]]]), crops)[0, 0]
    np.testing.assert_allclose(bright, middle, atol=0.6)
