"""Crops recorded while frames pass: what is read back is what was shown, places are used again, gaps are filled."""

from __future__ import annotations

import numpy as np
import pytest

from viseme.faces.crop_recorder import CropRecorder, FaceCrop
from viseme.faces.crops import crop_frame, crop_squares


class Corner:
    """A tiny crop: the pixel in the middle of the landmarks."""

    shape = (1, 3)

    def square(self, landmarks):
        return np.array([*landmarks[:, :2].mean(0), 1.0])

    def cut(self, image, square, scale):
        x, y = (square[:2] * scale).astype(int)
        return image[y, x][None]


def face(x: float, y: float) -> np.ndarray:
    points = np.random.default_rng(0).normal(0, 10, (478, 3))
    points[:, :2] += np.array([x, y]) - points[:, :2].mean(0)
    return points.astype(np.float32)


def picture(number: int) -> np.ndarray:
    return np.full((100, 120, 3), number, np.uint8)


def test_what_is_read_is_the_standard_crop_of_the_frame() -> None:
    image = np.random.default_rng(1).integers(0, 256, (100, 120, 3), dtype=np.uint8)
    points = face(120, 90)  # source pixels; the image is reduced to a half
    with CropRecorder() as recorder:
        recorder.see(3, 0.5, image, 0.5, points, observed=True)
        images = recorder.images(3, np.array([0.5]))
        assert images is not None
        np.testing.assert_array_equal(images.squares, crop_squares(points[None]))
        np.testing.assert_array_equal(images[:][0], crop_frame(image, crop_squares(points[None])[0], scale=0.5))
        assert recorder.images(4, np.array([0.5])) is None


def test_crops_are_found_by_face_and_time() -> None:
    with CropRecorder(Corner()) as recorder:
        for i in range(10):
            for track in (0, 1):
                recorder.see(track, i / 25, picture(10 * i + track), 1.0, face(50, 50), observed=True)
        images = recorder.images(1, np.array([0.121, 0.0, 99.0]))
        assert images is not None
        assert images[:][:, 0, 0].tolist() == [31, 1, 91]
        assert images[np.array([True, False, True])][:, 0, 0].tolist() == [31, 91]
        assert images.rows(slice(1, 3))[1:][:, 0, 0].tolist() == [91]
        assert len(images.rows(slice(1, 3)).squares) == 2


def test_places_of_forgotten_crops_are_used_again() -> None:
    with CropRecorder(Corner(), keep_s=1.0) as recorder:
        for i in range(1000):
            recorder.see(0, i / 25, picture(i % 256), 1.0, face(50, 50), observed=True)
        assert recorder.num_places <= 28
        images = recorder.images(0, np.arange(975, 1000) / 25)
        assert images is not None
        assert images[:][:, 0, 0].tolist() == [i % 256 for i in range(975, 1000)]
        recorder.forget(0)
        assert recorder.track_ids == set()
        recorder.see(1, 40.0, picture(7), 1.0, face(50, 50), observed=True)
        assert recorder.num_places <= 28


def test_a_face_that_is_not_finite_is_black() -> None:
    points = face(50, 50)
    points[3] = np.nan
    with CropRecorder() as recorder:
        recorder.see(0, 0.0, picture(9), 1.0, points, observed=True)
        images = recorder.images(0, np.zeros(1))
        assert images is not None
        assert not images[:].any()


def test_a_closed_recorder_reads_nothing() -> None:
    recorder = CropRecorder()
    recorder.see(0, 0.0, picture(9), 1.0, face(50, 50), observed=True)
    images = recorder.images(0, np.zeros(1))
    recorder.close()
    assert images is not None
    with pytest.raises(ValueError, match="closed file"):
        images[:]


def test_the_standard_crop_is_the_default() -> None:
    with CropRecorder() as recorder:
        assert isinstance(recorder.kind, FaceCrop)


def test_crops_of_a_renamed_face_change_hands_from_the_start_given() -> None:
    with CropRecorder(Corner()) as recorder:
        for i in range(6):
            recorder.see(0, i / 25, picture(i), 1.0, face(50, 50), observed=True)
        recorder.renamed(0, 7, 0.08)
        recorder.see(7, 6 / 25, picture(6), 1.0, face(50, 50), observed=True)
        new, old = (recorder.images(i, np.arange(7) / 25) for i in (7, 0))
        assert new is not None
        assert old is not None
        assert new[:][:, 0, 0].tolist() == [2, 2, 2, 3, 4, 5, 6]
        assert old[:][:, 0, 0].tolist() == [0, 1, 1, 1, 1, 1, 1]
        recorder.renamed(0, 8, 0.0)
        recorder.renamed(99, 9, 0.0)
        assert recorder.track_ids == {7, 8}
