"""The calibration error against scikit-learn's reliability curve, and on sets that can be checked by hand."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.calibration import calibration_curve

from viseme.metrics.calibration_error import CalibrationError, expected_calibration_error


def test_known_sets() -> None:
    assert expected_calibration_error(np.full(10, 0.8), np.arange(10) < 8) == pytest.approx(0, abs=1e-12)
    assert expected_calibration_error([1.0, 1.0], [False, False]) == 1.0
    both = expected_calibration_error(np.array([0.05] * 4 + [0.95] * 4), np.array([False] * 4 + [True] * 4))
    assert both == pytest.approx(0.05)
    assert np.isnan(expected_calibration_error([], []))


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("num_bins", [5, 10])
def test_the_gaps_are_those_of_scikit_learn(seed: int, num_bins: int) -> None:
    rng = np.random.default_rng(seed)
    stated = rng.beta(2, 1, 400)
    right = rng.random(400) < stated**2
    observed, mean = calibration_curve(right, stated, n_bins=num_bins)
    counts = np.histogram(stated, np.linspace(0, 1, num_bins + 1))[0]
    expected = np.average(np.abs(observed - mean), weights=counts[counts > 0])
    assert expected_calibration_error(stated, right, num_bins=num_bins) == pytest.approx(expected, abs=1e-12)


def test_a_confident_answer_where_there_is_none_to_give_is_an_error() -> None:
    kept = expected_calibration_error([0.9] * 10, [True] * 9 + [False])
    fooled = expected_calibration_error([0.9] * 20, [True] * 9 + [False] * 11)
    assert kept == pytest.approx(0)
    assert fooled == pytest.approx(0.45)


def test_counts_add_up() -> None:
    rng = np.random.default_rng(0)
    stated, right = rng.random(100), rng.random(100) < 0.5
    counts = CalibrationError()
    for part in range(3):
        counts.add(stated[part::3], right[part::3])
    assert counts.num == 100
    assert counts.compute() == pytest.approx(expected_calibration_error(stated, right), abs=1e-12)


def test_impossible_probabilities_and_unequal_lengths_are_refused() -> None:
    with pytest.raises(ValueError, match="outside"):
        expected_calibration_error([1.2], [True])
    with pytest.raises(ValueError, match="outside"):
        expected_calibration_error([float("nan")], [True])
    with pytest.raises(ValueError, match="2 probabilities for 1"):
        expected_calibration_error([0.1, 0.2], [True])
