"""Images: where pixels go, what colours they have, and that text can be seen."""

from __future__ import annotations

import numpy as np
import pytest

from viseme.media.images import (
    decode_image,
    draw_box,
    draw_text,
    encode_jpeg,
    encode_png,
    gaussian_blur,
    resize,
    text_size,
    warp_affine,
)


def _ramp(height: int = 60, width: int = 80) -> np.ndarray:
    """Red counts columns, green rows, in steps of 2; a pixel's value is twice its centre less one."""
    image = np.zeros((height, width, 3), np.uint8)
    image[..., 0] = 2 * np.arange(width)
    image[..., 1] = 2 * np.arange(height)[:, None]
    return image


def test_resize_takes_the_mean_of_an_area():
    image = np.zeros((2, 4, 3), np.uint8)
    image[0, :2, 0], image[1, :2, 0] = 40, 80
    small = resize(image, 2, 1)
    assert small.shape == (1, 2, 3)
    assert small[0, :, 0].tolist() == [60, 0]


def test_a_warp_puts_pixel_centres_where_the_matrix_says():
    image = _ramp()
    turn = np.deg2rad(20)
    linear = 1.5 * np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
    shift = np.array([-20.3, 11.6])
    out = warp_affine(image, np.c_[linear, shift], 50, 40)
    for x, y in ((20, 15), (30, 20), (25, 24)):
        source = np.linalg.solve(linear, np.array([x + 0.5, y + 0.5]) - shift)
        assert out[y, x, :2] == pytest.approx(2 * source - 1, abs=1.5)


def test_a_warp_by_nothing_changes_nothing():
    image = np.random.default_rng(0).integers(0, 256, (30, 40, 3), dtype=np.uint8)
    assert np.array_equal(warp_affine(image, np.array([[1.0, 0, 0], [0, 1, 0]]), 40, 30), image)


def test_the_edge_is_repeated_outside_however_far():
    image = _ramp()
    out = warp_affine(image, np.array([[1.0, 0, 30], [0, 1, 10]]), 120, 100)
    assert (out[:, :30, 0] == 0).all()
    assert (out[:, 112:, 0] == 158).all()
    assert (out[:10, :, 1] == 0).all()
    far = warp_affine(image, np.array([[1.0, 0, 1e6], [0, 1, -1e6]]), 8, 8)
    assert (far[..., 0] == 0).all()
    assert (far[..., 1] == 118).all()


def test_a_matrix_without_inverse_is_refused():
    with pytest.raises(ValueError, match="no inverse"):
        warp_affine(_ramp(), np.array([[1.0, 1, 0], [1, 1, 0]]), 8, 8)


def test_a_blur_keeps_level_and_spreads_by_its_deviation():
    image = np.zeros((61, 61, 3), np.uint8)
    image[28:33, 28:33] = 255
    out = gaussian_blur(image, 4.0).astype(float)[..., 0]
    assert out.sum() == pytest.approx(image[..., 0].sum(), rel=0.06)  # rounding to bytes takes a little
    at = np.arange(61) - 30.0
    spread = np.sqrt((out.sum(0) * at**2).sum() / out.sum())
    assert spread == pytest.approx(np.sqrt(4.0**2 + 2.0), rel=0.1)


def test_jpeg_and_png_come_back():
    image = _ramp()
    assert np.array_equal(decode_image(encode_png(image)), image)
    assert np.abs(decode_image(encode_jpeg(image, 95)).astype(int) - image).mean() < 2
    assert len(encode_jpeg(image, 20)) < len(encode_jpeg(image, 95))
    with pytest.raises(ValueError, match="JPEG or PNG"):
        decode_image(encode_jpeg(image, 90)[:100])


def test_a_box_is_drawn_around_and_cut_off_at_the_edge():
    image = np.zeros((40, 50, 3), np.uint8)
    draw_box(image, (10, 10, 30, 25), (1, 2, 3), 2)
    assert image[9:11, 10:30].tolist() == np.broadcast_to((1, 2, 3), (2, 20, 3)).tolist()
    assert (image[11:24, 11:29] == 0).all()
    draw_box(image, (-20, -20, 500, 5), (9, 9, 9), 0)
    assert (image[:5] == 9).all()
    draw_box(image, (60, 60, 70, 70), (7, 7, 7), 3)
    assert not (image == 7).any()


def test_text_can_be_read_inside_its_size():
    image = np.zeros((40, 200, 3), np.uint8)
    width, height = text_size("speaking +2.5", 16)
    draw_text(image, "speaking +2.5", (10, 5), (255, 255, 255), 16)
    rows, columns = np.nonzero(image[..., 0] > 128)
    assert columns.min() >= 10
    assert columns.max() < 10 + width
    assert rows.min() >= 5
    assert rows.max() < 5 + height
    assert 9 <= np.ptp(rows) <= 18  # as tall as a 16-pixel font is
    draw_text(image, "far away", (500, 5), (255, 0, 0), 16)
    draw_text(image, "cut off", (190, 30), (255, 0, 0), 16)
    assert (image[30:, 190:, 0] > 128).any()
