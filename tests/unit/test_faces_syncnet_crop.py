"""The published square of SyncNet, and what lies outside the frame."""

from __future__ import annotations

import numpy as np

from viseme.faces.crop_recorder import CropRecorder, FacePatch
from viseme.faces.syncnet_crop import syncnet_frames, syncnet_square, syncnet_squares


def test_the_square_is_smoothed_as_published() -> None:
    rng = np.random.default_rng(0)
    boxes = np.sort(rng.uniform(50, 150, (20, 2, 2)), 1).reshape(20, 4)
    half = np.maximum(boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1]) / 2
    found = syncnet_squares(boxes)
    padded = np.concatenate([np.zeros(6), half, np.zeros(6)])
    np.testing.assert_allclose(found[:, 2], [2.8 * sorted(padded[t : t + 13])[6] for t in range(20)])
    assert found[0, 2] == 2.8 * half[:7].min()
    np.testing.assert_allclose(syncnet_squares(boxes[:12])[5], syncnet_square(boxes[5]))
    assert syncnet_squares(np.zeros((0, 4))).shape == (0, 3)


def test_a_crop_shows_its_square_and_grey_beyond_the_frame() -> None:
    """Against the published steps, pad by grey 110 and cut on whole pixels; a side of 224, so nothing is scaled."""
    rng = np.random.default_rng(1)
    frame = np.repeat(np.repeat(rng.integers(0, 255, (30, 40, 3), dtype=np.uint8), 8, 0), 8, 1)
    points = rng.uniform(0, 1, (478, 3)) * (140, 150, 1) + (10, 20, 0)
    square = np.array([88.0, 120.0, 224.0])
    with CropRecorder(FacePatch()) as recorder:
        recorder.see(0, 0.0, frame, 1.0, points.astype(np.float32), observed=True)
        images = recorder.images(0, np.zeros(1))
        assert images is not None
        (found,) = syncnet_frames(images, square[None], width=320, height=240)
    padded = np.pad(frame, ((300, 300), (300, 300), (0, 0)), constant_values=110)
    expected = padded[300 + 8 : 300 + 232, 300 - 24 : 300 + 200]
    assert (expected == 110).all(2).any()
    np.testing.assert_array_equal(found, expected)
