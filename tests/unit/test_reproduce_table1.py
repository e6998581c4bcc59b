"""Table I: the split into folds, the ground truth and the rows, on numbers made up here."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from viseme.core.errors import ConfigError
from viseme.data.manifest import ManifestRow
from viseme.face3d.interface import load_face_model
from viseme.reproduce.table1 import reproduce_table1
from viseme.reproduce.table1.answers import FoldAnswer
from viseme.reproduce.table1.folds import Study, choose_clips
from viseme.reproduce.table1.landmark_bound import Explained, lip_distances, overfit
from viseme.reproduce.table1.landmark_fits import fit_with_other_half
from viseme.reproduce.table1.report import e1_table
from viseme.reproduce.table1.rows import E1_ROWS, PUBLISHED_E1
from viseme.standardization.corpus import Collection
from viseme.standardization.training.face_tensors import FaceTensors
from viseme.standardization.training.losses import LossWeights


def _collection(name: str, subject: str, points: np.ndarray | None = None) -> Collection:
    points = np.zeros((2, 468, 2), np.float32) if points is None else points
    return Collection(name=name, subject=subject, jpegs=(b"",) * len(points), landmarks=points)


def test_folds_hold_every_collection_out_once_and_never_divide_a_subject():
    real = tuple(_collection(f"s/{i}", f"person {i // 3}") for i in range(30))
    drawn = tuple(_collection(f"synthetic/{i}", f"synthetic/{i}") for i in range(7))
    study = Study(real, drawn, 5, 10)
    out = []
    for fold in range(5):
        a, b, held = study.split(fold)
        assert not {c.subject for c in held} & {c.subject for c in a + b}
        assert len(a) + len(b) + len(held) == 37
        out += [c.name for c in held]
    assert sorted(out) == sorted(c.name for c in real + drawn)


def test_another_recipe_is_another_study():
    some = tuple(_collection(str(i), str(i)) for i in range(4))
    keys = {Study(some, (), 2, 10).key(), Study(some, (), 2, 11).key(), Study(some[:3], (), 2, 10).key()}
    assert len(keys) == 3


def test_clips_are_chosen_over_speakers_first(tmp_path):
    def row(name: str, speaker: str) -> ManifestRow:
        return ManifestRow(path=tmp_path / name, use="train", source="s", speaker=speaker, licence="")

    rows = [row(f"a{i}.mp4", "one") for i in range(5)] + [row(f"b{i}.mp4", "x_unlabelled") for i in range(3)]
    assert [r.path.stem for r in choose_clips(rows, 4)] == ["a0", "b0", "b1", "b2"]
    assert [r.path.stem for r in choose_clips(rows, 6)] == ["a0", "b0", "b1", "b2", "a1", "a2"]
    assert [r.path.stem for r in choose_clips(rows, 2)] == ["a0", "b2"]


@pytest.fixture(scope="module")
def basis() -> FaceTensors:
    return FaceTensors(load_face_model())


@pytest.fixture(scope="module")
def truth(basis) -> tuple[Explained, np.ndarray]:
    rng = np.random.default_rng(3)
    made = Explained(
        alpha=rng.normal(0, 0.5, basis.num_identity).astype(np.float32),
        beta=rng.normal(0, 0.1, (5, 64)).astype(np.float32),
        pose=(basis.rest() + rng.normal(0, 0.03, (5, 6))).astype(np.float32),
    )
    with torch.no_grad():
        points = basis.landmarks(
            torch.from_numpy(made.alpha).expand(5, -1), torch.from_numpy(made.beta), torch.from_numpy(made.pose)
        )
    return made, points.numpy()


def test_the_truth_has_no_distance_and_a_face_at_rest_has(basis, truth):
    made, points = truth
    assert lip_distances(basis, points, made) == pytest.approx(0, abs=1e-4)
    still = replace(made, beta=np.zeros_like(made.beta))
    assert lip_distances(basis, points, still).min() > 0.3


def test_a_constant_difference_costs_nothing_where_motion_alone_is_asked_for(basis, truth):
    made, points = truth
    assert lip_distances(basis, points + 4, made) == pytest.approx(np.hypot(4, 4), abs=1e-3)
    assert lip_distances(basis, points + 4, made, motion=True) == pytest.approx(0, abs=1e-3)


def test_freed_coefficients_come_near_the_landmarks(basis, truth):
    made, points = truth
    start = Explained(
        alpha=np.zeros_like(made.alpha), beta=np.zeros_like(made.beta), pose=np.tile(basis.rest(), (5, 1))
    )
    before = lip_distances(basis, points, start).mean()
    (found,) = overfit(basis, [points], [start], LossWeights(landmarks=0.05), steps=150)
    assert found.alpha.shape == made.alpha.shape
    assert lip_distances(basis, points, found).mean() < 0.1 * before


def test_a_stiff_prior_holds_expression_back(basis, truth):
    """A canary: the freed ground truth counts expression in the face model's spread."""
    start, points = truth
    free, held = (
        overfit(basis, [points], [start], LossWeights(landmarks=0.05, coefficients=c), steps=60)[0] for c in (0.0, 0.3)
    )
    assert np.abs(held.beta).mean() < 0.2 * np.abs(free.beta).mean()


@pytest.mark.parametrize("num", [1, 2, 3])
def test_few_frames_have_an_expression_under_the_identity_of_others(basis, truth, num):
    points = truth[1][:num]
    assert fit_with_other_half(points).shape == (num, len(basis.model.expression_names))


def test_published_ratios_are_those_of_the_published_means():
    gt = PUBLISHED_E1["GT"][2]
    for _, _, mean, ratio in PUBLISHED_E1.values():
        assert mean / gt == pytest.approx(ratio, abs=2e-3)


def test_what_was_published_and_not_measured_here_has_a_row_of_its_own():
    names = [f"s/{i}" for i in range(4)]
    numbers = {row: np.full(4, 2.0) for row, _ in E1_ROWS}
    answer = FoldAnswer(
        fold=0, seed=0, names=tuple(names), face_px=np.ones(4), e1=numbers, freed=numbers, e2={}, motion={}
    )
    table, record = e1_table("e1", "all", names, dict.fromkeys(names, 0), [answer])
    rows = {row[0]: row[1:] for row in table.rows}
    assert rows["MGCNet: β alone, as published"] == ("", "-", "-", "-", "-", "3.365", "3.084")
    assert rows["MGCNet: α and β, as published"] == ("", "-", "-", "-", "-", "2.912", "2.669")
    assert len(table.rows) == len(E1_ROWS) + 2
    assert set(record) == set(numbers)


@pytest.mark.parametrize("wrong", [{"folds": 1}, {"seeds": 0}, {"steps": 0}, {"collections": -1}])
def test_impossible_numbers_are_refused(tmp_path, wrong):
    with pytest.raises(ConfigError, match="folds must be"):
        reproduce_table1(tmp_path, work=tmp_path, **wrong)
