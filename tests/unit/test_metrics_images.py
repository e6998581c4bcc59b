"""SSIM, PSNR and LMD beside plain slow references, and values known by hand."""

from __future__ import annotations

import numpy as np
import pytest

from viseme.media.images import resize_part
from viseme.metrics.interface import frame_metrics
from viseme.metrics.landmark_distance import landmark_distance
from viseme.metrics.psnr import psnr
from viseme.metrics.ssim import ssim


def slow_ssim(one: np.ndarray, other: np.ndarray) -> float:
    """Window by window, from the paper."""
    at = np.arange(-5, 6)
    window = np.exp(-(at[:, None] ** 2 + at[None] ** 2) / (2 * 1.5**2))
    window /= window.sum()
    values = []
    for channel in range(one.shape[2]):
        for row in range(5, one.shape[0] - 5):
            for column in range(5, one.shape[1] - 5):
                a, b = (i[row - 5 : row + 6, column - 5 : column + 6, channel].astype(float) for i in (one, other))
                ma, mb = (window * a).sum(), (window * b).sum()
                va, vb = (window * (a - ma) ** 2).sum(), (window * (b - mb) ** 2).sum()
                both = (window * (a - ma) * (b - mb)).sum()
                c1, c2 = 2.55**2, 7.65**2
                values.append((2 * ma * mb + c1) * (2 * both + c2) / ((ma**2 + mb**2 + c1) * (va + vb + c2)))
    return float(np.mean(values))


def test_ssim_is_that_of_the_paper() -> None:
    rng = np.random.default_rng(0)
    one = rng.integers(0, 256, (20, 24, 3)).astype(np.uint8)
    other = np.clip(one + rng.normal(0, 30, one.shape), 0, 255).astype(np.uint8)
    assert ssim(one, other) == pytest.approx(slow_ssim(one, other), abs=1e-6)
    assert ssim(one, one) == pytest.approx(1.0, abs=1e-6)


def test_psnr_does_not_wrap() -> None:
    """Noise of standard deviation 40 is 16.9 dB and an inverted image 4.7 dB; 8-bit differences give 28 and 27."""
    rng = np.random.default_rng(1)
    grey = np.full((256, 256, 3), 128, np.uint8)
    noisy = np.clip(128 + rng.normal(0, 40, grey.shape), 0, 255).astype(np.uint8)
    assert psnr(grey, noisy) == pytest.approx(16.1, abs=0.2)
    image = rng.integers(0, 256, grey.shape).astype(np.uint8)
    assert psnr(image, 255 - image) == pytest.approx(4.77, abs=0.05)
    assert psnr(image, image) == 100.0


def test_a_mouth_that_moved_as_a_whole_is_only_wrong_uncentred() -> None:
    mouth = np.random.default_rng(2).normal(0, 10, (20, 2))
    assert landmark_distance(mouth, mouth + np.array([6, 8])) == pytest.approx(0)
    assert landmark_distance(mouth, mouth + np.array([6, 8]), centred=False) == pytest.approx(10)


def test_shapes_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match="one shape"):
        psnr(np.zeros((2, 2)), np.zeros((2, 3)))
    with pytest.raises(ValueError, match="11 x 11"):
        ssim(np.zeros((10, 20, 3)), np.zeros((10, 20, 3)))
    with pytest.raises(ValueError, match="no box"):
        resize_part(np.zeros((4, 4, 3), np.uint8), np.array([2.0, 0.0, 2.0, 4.0]), 8, 8)


def test_a_part_beyond_the_edge_repeats_it() -> None:
    image = np.zeros((10, 10, 3), np.uint8)
    image[:, 5:] = 200
    part = resize_part(image, np.array([-5.0, -5.0, 15.0, 15.0]), 20, 20)
    assert part.shape == (20, 20, 3)
    assert part[0, 0, 0] == 0
    assert part[-1, -1, 0] == 200


def test_every_frame_metric_says_how_it_is_computed() -> None:
    names = [p.name for name in frame_metrics for p in frame_metrics[name]().protocols]  # type: ignore[call-arg]
    assert len(names) == len(set(names)) >= 9
