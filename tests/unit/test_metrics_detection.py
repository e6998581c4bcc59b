"""Detection metrics against scikit-learn, hand-drawn timelines and properties."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sklearn_metrics

from viseme.metrics.area_under_roc import area_under_roc, area_under_roc_of
from viseme.metrics.average_precision import (
    average_precision,
    average_precision_of,
    voc_average_precision,
    voc_average_precision_of,
)
from viseme.metrics.detection import DetectionScores
from viseme.metrics.equal_error_rate import equal_error_rate, equal_error_rate_of
from viseme.metrics.f1_score import F1Counts, f1_score
from viseme.metrics.threshold_curve import ThresholdCurve


def sample(seed: int, num: int = 300, ties: bool = False) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    labels = rng.random(num) < rng.uniform(0.1, 0.9)
    labels[:2] = [True, False]
    scores = rng.normal(labels * rng.uniform(0, 2), 1)
    return (np.round(scores * 2) / 2 if ties else scores), labels


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("ties", [False, True])
def test_areas_equal_those_of_scikit_learn(seed: int, ties: bool) -> None:
    scores, labels = sample(seed, ties=ties)
    assert average_precision(scores, labels) == pytest.approx(
        sklearn_metrics.average_precision_score(labels, scores), abs=1e-12
    )
    assert area_under_roc(scores, labels) == pytest.approx(sklearn_metrics.roc_auc_score(labels, scores), abs=1e-12)


@pytest.mark.parametrize("seed", range(6))
def test_f1_equals_that_of_scikit_learn(seed: int) -> None:
    scores, labels = sample(seed)
    assert f1_score(scores, labels, 0.5) == pytest.approx(sklearn_metrics.f1_score(labels, scores > 0.5), abs=1e-12)
    counts = F1Counts()
    for part in range(3):
        counts.add(scores[part::3] > 0.5, labels[part::3])
    assert counts.precision == pytest.approx(sklearn_metrics.precision_score(labels, scores > 0.5), abs=1e-12)
    assert counts.recall == pytest.approx(sklearn_metrics.recall_score(labels, scores > 0.5), abs=1e-12)
    assert counts.f1 == f1_score(scores, labels, 0.5)
    with pytest.raises(ValueError, match="differ"):
        counts.add([True], [True, False])


@pytest.mark.parametrize("seed", range(6))
def test_equal_error_rate_lies_on_scikit_learns_curve(seed: int) -> None:
    scores, labels = sample(seed, ties=seed % 2 == 0)
    wrong, right, _ = sklearn_metrics.roc_curve(labels, scores, drop_intermediate=False)
    grid = np.linspace(0, 1, 200_001)
    crossing = grid[np.argmin(np.abs(grid - (1 - np.interp(grid, wrong, right))))]
    # a vertical step of the curve is crossed exactly at its false positive rate
    assert equal_error_rate(scores, labels)[0] == pytest.approx(crossing, abs=1e-2)


@pytest.mark.parametrize("seed", range(6))
def test_voc_average_precision_is_that_of_the_published_recipe(seed: int) -> None:
    scores, labels = sample(seed)
    order = np.argsort(-scores)
    true = np.cumsum(labels[order])
    precision, recall = true / np.arange(1, len(true) + 1), true / true[-1]
    precision, recall = np.concatenate([[0], precision, [0]]), np.concatenate([[0], recall, [1]])
    for i in range(len(precision) - 2, -1, -1):
        precision[i] = max(precision[i], precision[i + 1])
    steps = np.where(recall[1:] != recall[:-1])[0] + 1
    expected = np.sum((recall[steps] - recall[steps - 1]) * precision[steps])
    assert voc_average_precision(scores, labels) == pytest.approx(expected, abs=1e-12)


def timeline(scores: str, labels: str) -> tuple[np.ndarray, np.ndarray]:
    """Digits are scores, # is speech."""
    return np.array([int(c) for c in scores], float), np.array([c == "#" for c in labels])


def test_a_hand_drawn_timeline() -> None:
    #                            speech scores 8 8 6 2, silence 7 1 1 0
    scores, labels = timeline("88762110", "##.##...")
    # at 8: 2 of 2; at 7: 2 of 3; at 6: 3 of 4; at 2: 4 of 5
    assert average_precision(scores, labels) == pytest.approx((2 * 1 + 3 / 4 + 4 / 5) / 4)
    assert voc_average_precision(scores, labels) == pytest.approx((2 * 1 + 4 / 5 + 4 / 5) / 4)
    assert area_under_roc(scores, labels) == pytest.approx((4 + 4 + 3 + 3) / 16)
    assert equal_error_rate(scores, labels) == (pytest.approx(0.25), 6.0)
    assert f1_score(scores, labels, 5) == pytest.approx(2 * 3 / (4 + 4))


def test_perfect_reversed_and_constant_scores() -> None:
    labels = np.array([1, 1, 0, 0, 0])
    assert average_precision(np.array([5, 4, 3, 2, 1.0]), labels) == 1
    assert equal_error_rate(np.array([5, 4, 3, 2, 1.0]), labels)[0] == 0
    assert equal_error_rate(np.array([1, 2, 3, 4, 5.0]), labels)[0] == 1
    assert average_precision(np.zeros(5), labels) == pytest.approx(0.4)
    assert area_under_roc(np.zeros(5), labels) == pytest.approx(0.5)
    assert equal_error_rate(np.zeros(5), labels)[0] == pytest.approx(0.5)


def test_one_kind_alone_has_no_rate() -> None:
    assert np.isnan(area_under_roc(np.arange(3.0), np.ones(3)))
    assert np.isnan(average_precision(np.arange(3.0), np.zeros(3)))
    pool = DetectionScores()
    pool.add("a", np.arange(3.0), np.ones(3))
    with pytest.raises(ValueError, match="one kind"):
        pool.compute()


def test_nan_and_unequal_lengths_are_refused() -> None:
    with pytest.raises(ValueError, match="NaN"):
        average_precision(np.array([1.0, np.nan]), np.array([1, 0]))
    with pytest.raises(ValueError, match="one length"):
        average_precision(np.array([1.0]), np.array([1, 0]))
    with pytest.raises(ValueError, match="2 scores for 1"):
        DetectionScores().add("a", np.zeros(2), np.zeros(1))
    with pytest.raises(ValueError, match="nothing"):
        DetectionScores().compute()


@given(st.lists(st.tuples(st.integers(-5, 5), st.booleans()), min_size=2, max_size=60), st.integers(0, 1000))
@settings(max_examples=60, deadline=None)
def test_neither_order_nor_scale_matters(pairs: list[tuple[int, bool]], seed: int) -> None:
    scores, labels = np.array([p[0] for p in pairs], float), np.array([p[1] for p in pairs])
    if labels.all() or not labels.any():
        return
    order = np.random.default_rng(seed).permutation(len(scores))
    for metric in (average_precision, voc_average_precision, area_under_roc):
        value = metric(scores, labels)
        assert 0 <= value <= 1
        assert metric(scores[order] * 3 - 7, labels[order]) == pytest.approx(value, abs=1e-12)
    assert voc_average_precision(scores, labels) >= average_precision(scores, labels) - 1e-12
    rate = equal_error_rate(scores, labels)[0]
    assert 0 <= rate <= 1
    assert equal_error_rate(-scores, ~labels)[0] == pytest.approx(rate, abs=1e-12)


def test_pooling_adds_up_and_videos_make_the_interval() -> None:
    scores, labels = sample(3, 900)
    pool, split = DetectionScores(), DetectionScores()
    pool.add("all", scores, labels)
    for i in range(9):
        split.add(f"v{i % 3}", scores[i::9], labels[i::9])
    one, many = pool.compute(num_draws=20), split.compute(num_draws=200)
    assert one.average_precision.value == pytest.approx(many.average_precision.value)
    assert one.average_precision.low == pytest.approx(one.average_precision.high)  # one video: nothing to draw
    assert many.average_precision.low < many.average_precision.value < many.average_precision.high
    assert many.videos == ("v0", "v1", "v2")
    assert many.num_instants == 900
    assert many.num_positive == labels.sum()


def test_weighted_draws_are_repeated_videos() -> None:
    """A draw by weights equals pooling the drawn videos again."""
    scores, labels = sample(5, 40, ties=True)
    owner = np.arange(40) % 4
    times = np.array([2.0, 0.0, 1.0, 1.0])
    repeated = np.repeat(np.arange(40), times[owner].astype(int))
    weighted = ThresholdCurve.of(scores, labels, times[owner])
    assert average_precision_of(weighted) == pytest.approx(average_precision(scores[repeated], labels[repeated]))
    assert voc_average_precision_of(weighted) == pytest.approx(
        voc_average_precision(scores[repeated], labels[repeated])
    )
    assert area_under_roc_of(weighted) == pytest.approx(area_under_roc(scores[repeated], labels[repeated]))
    assert equal_error_rate_of(weighted)[0] == pytest.approx(equal_error_rate(scores[repeated], labels[repeated])[0])
