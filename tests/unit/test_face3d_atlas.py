"""The space in which the head stands still, and the cylindrical atlas."""

from __future__ import annotations

import numpy as np
import pytest

from viseme.face3d.atlas import (
    ATLAS_SIZE,
    EYE_ROW,
    NOSE_ROW,
    TESSELATION,
    TRIANGLES,
    draw,
    fit_cylinder,
    folded,
    unwrap,
)
from viseme.face3d.head_pose import RIGID, canonical_vertices, head_poses, metric
from viseme.face3d.interface import load_face_model
from viseme.face3d.neutral_landmarks import neutral_landmarks
from viseme.faces.rotation import rotation_matrix

NUM = len(TESSELATION)


@pytest.fixture(scope="module")
def open_mouth() -> np.ndarray:
    """(468, 3) canonical face with the jaw a centimetre down."""
    model = load_face_model()
    mean, _, expression = neutral_landmarks(model)
    jaw = expression[:, :, model.expression_names.index("jawOpen")]
    opened = mean - jaw * 0.1 / jaw[152, 1]
    return head_poses(np.stack([mean, opened]), canonical_vertices()).normalise(np.stack([mean, opened]))[1]


def test_triangles_close_every_hole_and_are_seen_from_outside(open_mouth: np.ndarray) -> None:
    edges = np.sort(np.concatenate([TRIANGLES[:, [0, 1]], TRIANGLES[:, [1, 2]], TRIANGLES[:, [2, 0]]]), 1)
    _, counts = np.unique(edges, axis=0, return_counts=True)
    assert counts.max() == 2
    assert (counts == 1).sum() == 36, "the outline of the face alone is open"
    a, b, c = (open_mouth[TRIANGLES[:, k]] for k in range(3))
    normals = np.cross(b - a, c - a)
    outward = (normals * ((a + b + c) / 3)).sum(1)
    assert (outward[NUM:] > 0).all(), "mouth and eyes"
    assert (outward > 0).mean() > 0.98


def test_moving_the_jaw_leaves_the_head_where_it_is() -> None:
    model, target = load_face_model(), canonical_vertices()
    mean, _, expression = neutral_landmarks(model)
    jaw = expression[:, :, model.expression_names.index("jawOpen")]
    poses = head_poses(np.stack([mean, mean - jaw * 0.1 / jaw[152, 1]]), target)
    between = poses.rotation[1] @ poses.rotation[0].T
    assert np.degrees(np.arccos(min(1.0, (np.trace(between) - 1) / 2))) < 0.3
    assert abs(poses.scale[1] / poses.scale[0] - 1) < 0.005


def test_a_turned_head_and_points_that_are_wrong_come_back() -> None:
    reference = canonical_vertices()
    rotation = rotation_matrix(np.array([0.2, -0.4, 0.1]))
    seen = 90 * reference @ np.asarray(rotation).T + [200, -150, 10]
    wrong = seen.copy()
    wrong[RIGID[:4]] += 30
    poses = head_poses(np.stack([seen, wrong]), reference)
    np.testing.assert_allclose(poses.normalise(seen[None].repeat(2, 0)), reference[None].repeat(2, 0), atol=1e-6)
    np.testing.assert_allclose(poses.restore(poses.normalise(np.stack([seen, wrong]))), [seen, wrong], atol=1e-8)
    assert np.linalg.det(poses.rotation) == pytest.approx([1, 1])


def test_metric_axes_point_up_and_out() -> None:
    np.testing.assert_array_equal(metric(np.ones((2, 478, 3), np.float32))[1, 467], [1, -1, -1])


def test_the_reference_lies_where_it_should_and_does_not_fold(open_mouth: np.ndarray) -> None:
    reference = canonical_vertices()
    cylinder = fit_cylinder(reference)
    bare = cylinder.coordinates(reference) - cylinder.offsets
    assert folded(bare)[:NUM].sum() == 6
    at = cylinder.coordinates(reference)
    assert folded(at)[:NUM].sum() <= 2, "at the rim, under the chin"
    assert at[[33, 263], 1].mean() == pytest.approx(EYE_ROW)
    assert at[1, 1] == pytest.approx(NOSE_ROW)
    assert folded(cylinder.coordinates(open_mouth)).sum() <= 4


def test_a_face_comes_back_from_its_atlas(open_mouth: np.ndarray) -> None:
    cylinder = fit_cylinder(canonical_vertices())
    at = cylinder.coordinates(open_mouth)
    points = np.stack([180 + 110 * open_mouth[:, 0], 150 - 110 * open_mouth[:, 1], 110 * open_mouth[:, 2]], 1)
    y, x = np.mgrid[:300, :360]
    image = np.stack([x / 360, y / 300, 0.5 + 0.4 * np.sin(x / 9) * np.sin(y / 9)], -1).astype(np.float32)
    atlas, valid = unwrap(image, points, at)
    assert atlas.shape == (ATLAS_SIZE, ATLAS_SIZE, 3)
    assert 0.4 < valid.mean() < 0.8
    assert (atlas[~valid] == 0).all()
    seen, covered = draw(np.dstack([atlas, valid]), at, points, 300, 360)
    sure = covered & (seen[..., 3] > 0.999)
    assert sure.sum() > 0.75 * covered.sum()
    assert np.abs(seen[sure][:, :3] - image[sure]).mean() < 0.01


def test_what_is_turned_away_hidden_or_outside_is_not_known(open_mouth: np.ndarray) -> None:
    at = fit_cylinder(canonical_vertices()).coordinates(open_mouth)
    turned = open_mouth @ np.asarray(rotation_matrix(np.array([0.0, 0.9, 0.0]))).T
    points = np.stack([180 + 110 * turned[:, 0], 150 - 110 * turned[:, 1], 110 * turned[:, 2]], 1)
    image = np.full((300, 360, 3), 200, np.uint8)
    ahead = unwrap(image, points, at)[1]
    half = ATLAS_SIZE // 2
    assert abs(ahead[:, :half].mean() - ahead[:, half:].mean()) > 0.2
    assert unwrap(image, points[:, :2], at)[1].sum() > ahead.sum(), "without depth nothing hides anything"
    assert not unwrap(image, points + np.array([400, 0, 0]), at)[1].any()
