"""Mouth crops of the speech experts, against the published steps written out frame by frame."""

from __future__ import annotations

import numpy as np
import pytest

from viseme.faces.crop_recorder import CropRecorder, FacePatch, ImagesInMemory
from viseme.faces.mouth_roi import canvas_transforms, mouth_input, mouth_rois, nearest_rows
from viseme.faces.schemes import IBUG68_EYES_AND_NOSE, IBUG68_MOUTH

STABLE = np.array([(128.870, 137.303), (92.522, 94.369), (112.772, 94.944), (145.525, 94.535), (166.677, 93.566)])


def _face(num: int, *, seed: int = 0, side: float = 150) -> np.ndarray:
    """Landmarks of a moving, turning face."""
    rng = np.random.default_rng(seed)
    points = np.zeros((num, 478, 3))
    points[:] = rng.uniform(0.2, 0.8, (478, 3))
    points[:, IBUG68_EYES_AND_NOSE, :2] = STABLE / 256 + rng.normal(0, 0.004, (num, 5, 2))
    points[:, IBUG68_MOUTH, :2] = rng.normal((0.5, 0.65), 0.03, (num, 20, 2))
    angle = np.cumsum(rng.normal(0.02, 0.01, num))[:, None, None]
    turn = np.concatenate([np.cos(angle), -np.sin(angle), np.sin(angle), np.cos(angle)], 2).reshape(num, 2, 2)
    points[..., :2] = np.einsum("tij,tkj->tki", turn, points[..., :2] - 0.5) * side + (160, 140)
    return points + np.arange(num)[:, None, None] * 0.3


def _published(frames: np.ndarray, landmarks: np.ndarray, only: list[int]) -> np.ndarray:
    """AV-HuBERT's steps in its own coordinates (pixel centres on whole numbers), a pixel at a time."""
    num = len(frames)
    points = landmarks[..., :2] - 0.5
    width = min(12, num)
    out = np.zeros((num, 96, 96))
    for t in only:
        begin = min(t, num - width)
        mean = points[begin : begin + width, IBUG68_EYES_AND_NOSE].mean(0)
        # a, b, tx, ty of the similarity by plain least squares
        rows, values = [], []
        for (x, y), (u, v) in zip(mean, STABLE):
            rows += [[x, -y, 1, 0], [y, x, 0, 1]]
            values += [u, v]
        a, b, tx, ty = np.linalg.lstsq(np.array(rows), np.array(values), rcond=None)[0]
        matrix = np.array([[a, -b], [b, a]])
        cx, cy = matrix @ points[t, IBUG68_MOUTH].mean(0) + (tx, ty)
        cx, cy = (min(max(c, 48), 256 - 48) for c in (cx, cy))
        back = np.linalg.inv(matrix)
        for i in range(0, 96, 4):
            for j in range(0, 96, 5):
                x, y = back @ (np.array([round(cx) - 48 + j, round(cy) - 48 + i]) - (tx, ty))
                x0, y0 = int(np.floor(x)), int(np.floor(y))
                p, q = x - x0, y - y0
                f = frames[t].astype(float)
                colour = (f[y0, x0] * (1 - p) + f[y0, x0 + 1] * p) * (1 - q) + (
                    f[y0 + 1, x0] * (1 - p) + f[y0 + 1, x0 + 1] * p
                ) * q
                out[t, i, j] = colour @ (0.299, 0.587, 0.114)
    return out


def _frames(num: int) -> np.ndarray:
    y, x = np.mgrid[:280, :320]
    waves = [120 + 100 * np.sin(x / 9 + k) * np.cos(y / 7 - k) for k in range(3)]
    return np.stack([np.roll(np.stack(waves, -1), t, 1) for t in range(num)]).astype(np.uint8)


@pytest.mark.parametrize("num", [14, 3])
def test_crops_equal_the_published_steps(num: int) -> None:
    landmarks, frames = _face(num), _frames(num)
    with CropRecorder(FacePatch()) as recorder:
        for t, frame in enumerate(frames):
            recorder.see(0, t / 25, frame, 1.0, landmarks[t], observed=True)
        images = recorder.images(0, np.arange(num) / 25)
        assert images is not None
        found = mouth_rois(images, landmarks)
    assert found.shape == (num, 96, 96)
    assert found.dtype == np.uint8
    few = [0, 1, num - 1]
    expected = _published(frames, landmarks, few)
    assert np.abs(found[few, ::4, ::5].astype(float) - expected[few, ::4, ::5]).max() <= 1.5


def test_the_last_frames_share_the_last_window() -> None:
    matrices = canvas_transforms(_face(30))
    np.testing.assert_array_equal(matrices[18:], np.broadcast_to(matrices[18], (12, 2, 3)))
    assert not np.allclose(matrices[17], matrices[18])
    short = canvas_transforms(_face(5))
    np.testing.assert_array_equal(short, np.broadcast_to(short[0], (5, 2, 3)))
    with pytest.raises(ValueError, match="finite"):
        canvas_transforms(np.full((3, 478, 3), np.nan))


def test_the_five_points_come_to_their_places() -> None:
    still = np.repeat(_face(1), 12, 0)
    still[:, IBUG68_EYES_AND_NOSE, :2] = STABLE * 0.7 + (30, 20)
    found = canvas_transforms(still)[0]
    np.testing.assert_allclose(still[0, IBUG68_EYES_AND_NOSE, :2] @ found[:, :2].T + found[:, 2], STABLE + 0.5)


def test_a_change_is_made_about_the_centre_of_the_crop() -> None:
    landmarks = np.repeat(_face(1), 2, 0)
    images = ImagesInMemory(_frames(2)[:, :280, :280], np.tile([140.0, 140.0, 280.0], (2, 1)))
    plain = mouth_rois(images, landmarks).astype(int)
    moved = mouth_rois(images, landmarks, change=np.array([[1.0, 0, 6], [0, 1, -2]])).astype(int)
    assert np.abs(moved[:, :90, 10:] - plain[:, 2:92, 4:-6]).max() <= 2
    turned = mouth_rois(images, landmarks, change=np.array([[0.0, -1, 0], [1, 0, 0]])).astype(int)
    assert np.abs(turned - np.rot90(plain, -1, (1, 2))).max() <= 2


def test_what_a_network_sees() -> None:
    rois = np.arange(96 * 96, dtype=np.int64).reshape(1, 96, 96).astype(np.uint8)
    found = mouth_input(rois)
    assert found.shape == (1, 88, 88)
    assert found.dtype == np.float32
    assert found[0, 0, 0] == pytest.approx((rois[0, 4, 4] / 255 - 0.421) / 0.165, rel=1e-5)


def test_frames_nearest_to_a_grid() -> None:
    assert nearest_rows(np.arange(10) * 1001 / 30000).tolist() == [0, 1, 2, 4, 5, 6, 7, 8]
    assert nearest_rows(np.array([0.03, 0.07, 0.11])).tolist() == [0, 1]
    assert nearest_rows(np.array([0.0])).tolist() == [0]


def test_a_patch_holds_the_pixels_of_the_frame() -> None:
    kind, image = FacePatch(), _frames(1)[0]
    landmarks = np.random.default_rng(0).uniform(100, 200, (478, 3))
    square = kind.square(landmarks)
    left, top = (int(v) for v in square[:2] - square[2] / 2)
    found = kind.cut(image, square, 1.0)
    assert square[2] == 320
    np.testing.assert_array_equal(
        found[max(0, -top) :][:200, max(0, -left) :][:, :200], image[max(0, top) :][:200, max(0, left) :][:, :200]
    )
    large = kind.square(landmarks * 3)
    assert large[2] == pytest.approx(2 * 300, rel=0.05)
    assert kind.cut(image, np.full(3, np.nan), 1.0).shape == kind.shape
