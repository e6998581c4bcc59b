"""The networks that ship against the graph they replace (see README.md): two networks of one family, trained apart.

The old one had extra layers for lips and eyes. Distances are in per cent of the face's width (cheek to cheek).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from viseme.faces.geometry import box_iou, face_rois, face_width, lip_opening
from viseme.faces.nets import BlazeFaceNets, smallest_face
from viseme.faces.schemes import LIPS_INNER, LIPS_OUTER
from viseme.media import read_frames
from viseme.weights.catalog import assets_folder

LIPS = np.concatenate([LIPS_OUTER, LIPS_INNER])
MESH = np.arange(468)


@dataclass(frozen=True)
class Answers:
    """Of the old graph, and of ours in the same regions."""

    images: list[np.ndarray]
    detections: np.ndarray
    rois: np.ndarray
    old: np.ndarray
    new: np.ndarray
    scores: np.ndarray


@pytest.fixture(scope="module", params=["sample_in_sync", "sample_late_137ms"])
def answers(request: pytest.FixtureRequest) -> Answers:
    with np.load(Path(__file__).with_name("golden_old_graph.npz")) as file:
        kept = {name: file[f"{request.param}_{name}"] for name in ("frames", "detections", "rois", "landmarks")}
    images = [frame.image for frame in read_frames(assets_folder() / "samples" / f"{request.param}.mp4")]
    images = [images[i] for i in kept["frames"]]
    found = [nets().landmarks(image, roi[None].astype(float)) for image, roi in zip(images, kept["rois"])]
    new, scores = (np.concatenate(parts) for parts in zip(*found))
    return Answers(images, kept["detections"], kept["rois"], kept["landmarks"], new, scores)


@cache
def nets() -> BlazeFaceNets:
    return BlazeFaceNets()


def distances(a: np.ndarray, b: np.ndarray, aligned_by: np.ndarray, of: np.ndarray) -> np.ndarray:
    """(T,) mean distance of points in the image, per cent of the face's width, after moving, turning and scaling."""
    za, zb = (points[..., 0].astype(float) + 1j * points[..., 1] for points in (a, b))
    ca, cb = (z[:, aligned_by].mean(axis=1, keepdims=True) for z in (za, zb))
    da, db = (za - ca)[:, aligned_by], (zb - cb)[:, aligned_by]
    turn = (da.conj() * db).sum(axis=1, keepdims=True) / (abs(da) ** 2).sum(axis=1, keepdims=True)
    return 100 * abs((za - ca) * turn + cb - zb)[:, of].mean(axis=1) / face_width(b)


def test_there_is_something_to_compare(answers: Answers) -> None:
    assert len(answers.old) >= 25
    assert face_width(answers.old).min() > 140


def test_lips_have_the_old_shape(answers: Answers) -> None:
    found = distances(answers.new, answers.old, LIPS, LIPS)
    assert np.median(found) < 0.5
    assert found.max() < 0.8


def test_lips_lie_where_they_lay_in_the_face(answers: Answers) -> None:
    assert np.median(distances(answers.new, answers.old, MESH, LIPS)) < 0.9


def test_the_face_lies_where_it_lay(answers: Answers) -> None:
    assert distances(answers.new, answers.old, MESH, MESH).max() < 1.1
    offset = (answers.new - answers.old)[:, MESH, :2].mean(axis=1) / face_width(answers.old)[:, None]
    assert abs(offset.mean(axis=0)).max() < 0.005
    np.testing.assert_allclose(face_width(answers.new), face_width(answers.old), rtol=0.04)


def test_lips_open_and_close_with_the_old_ones(answers: Answers) -> None:
    old, new = lip_opening(answers.old), lip_opening(answers.new)
    assert np.corrcoef(old, new)[0, 1] > 0.97
    assert abs(new - old).max() < 0.025
    assert new.min() < 0.003  # closed is closed


def test_the_face_is_seen_and_found(answers: Answers) -> None:
    assert answers.scores.min() > 0.99
    for image, old in zip(answers.images, answers.detections):
        found = nets().detect(image)
        best = found[found[:, 4].argmax()]
        assert best[4] > 0.7
        assert box_iou(best[None, :4], old[None, :4])[0, 0] > 0.6


def test_the_region_hardly_matters(answers: Answers) -> None:
    """Landmarks do not move with the region, and not at all with its half pixels."""
    rois = answers.rois.astype(float) * (1, 1, 0.9, 1)
    again = [nets().landmarks(image, roi[None])[0][0] for image, roi in zip(answers.images, rois)]
    offset = 100 * (np.stack(again) - answers.new)[:, MESH, :2].mean(axis=1) / face_width(answers.new)[:, None]
    assert abs(offset.mean(axis=0)).max() < 0.5


def test_a_face_upside_down_is_found_again_from_its_own_landmarks(answers: Answers) -> None:
    image, roi = answers.images[0], face_rois(answers.new[:1])
    height, width = image.shape[:2]
    turned = roi * (-1, -1, 1, 1) + (width, height, 0, np.pi)
    points, scores = nets().landmarks(np.ascontiguousarray(image[::-1, ::-1]), turned)
    upright, _ = nets().landmarks(image, roi)
    assert scores[0] > 0.99
    back = points * (-1, -1, 1) + (width, height, 0)
    assert np.abs(back - upright)[..., :2].mean() < 0.01 * face_width(upright)[0]


def test_a_small_face_in_a_large_frame_is_found(answers: Answers) -> None:
    small = answers.images[0][::2, ::2]
    height, width = small.shape[:2]
    frame = np.full((720, 1280, 3), 110, np.uint8)
    frame[500 : 500 + height, 900 : 900 + width] = small
    found = nets().detect(frame)
    best = found[found[:, 4].argmax()]
    middle = answers.new[0, MESH, :2].mean(axis=0) / 2 + (900, 500)
    assert best[4] > 0.5
    assert (best[:2] < middle).all()
    assert (best[2:4] > middle).all()
    assert smallest_face(720, 1280) < best[2] - best[0] < 2 * smallest_face(720, 1280)
