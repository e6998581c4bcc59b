"""Losses against slow references, with audio that begins before and after the frame."""

from __future__ import annotations

import math

import pytest
import torch

from viseme.sync.estimator import NOISE
from viseme.sync.loss import matching_loss, stretch_loss


def _scores(size: int, num: int, length: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(size, num, length, generator=torch.Generator().manual_seed(seed), dtype=torch.float64) * 2


def _matching_by_hand(scores: torch.Tensor, lead: int) -> tuple[float, float]:
    size, num, length = scores.shape
    to_audio, to_frame, right = [], [], []
    for b in range(size):
        for i in range(num):
            j = i + lead
            if not 0 <= j < length:
                continue
            to_audio.append(float(torch.logsumexp(scores[b, i], 0) - scores[b, i, j]))
            to_frame.append(float(torch.logsumexp(scores[b, :, j], 0) - scores[b, i, j]))
            right.append(abs(int(scores[b, i].argmax()) - j) <= 1)
    mean = (sum(to_audio) / len(to_audio) + sum(to_frame) / len(to_frame)) / 2
    return mean, sum(right) / len(right)


@pytest.mark.parametrize(("num", "length", "lead"), [(6, 6, 0), (6, 11, 3), (6, 4, -2), (8, 5, -5), (7, 9, 5)])
def test_matching_loss_equals_the_sum_by_hand(num, length, lead):
    scores = _scores(3, num, length)
    loss, right = matching_loss(scores, lead)
    expected, share = _matching_by_hand(scores, lead)
    assert float(loss) == pytest.approx(expected, rel=1e-6)
    assert float(right) == pytest.approx(share, abs=1e-6)


def test_matching_is_right_where_partners_win():
    scores = torch.zeros(1, 5, 9)
    for i in range(5):
        scores[0, i, i + 2] = 20
    loss, right = matching_loss(scores, 2)
    assert float(loss) < 1e-3
    assert float(right) == 1.0
    assert float(matching_loss(scores, 4)[0]) > 10


def _stretch_by_hand(scores: torch.Tensor, lead: int, least: int, temperature: float) -> float:
    """Sum every delay's pairs one by one; delays with fewer than `least` pairs are no candidates."""
    size, num, length = scores.shape
    total = 0.0
    for b in range(size):
        sums = {}
        for delay in range(-num + 1, length):
            pairs = [(i, i + delay) for i in range(num) if 0 <= i + delay < length]
            if len(pairs) < least:
                continue
            evidence = 0.0
            for i, j in pairs:
                row = scores[b, i]
                ratio = float(row[j] - torch.logsumexp(row, 0)) + math.log(length)
                evidence += math.log((1 - NOISE) * math.exp(ratio) + NOISE)
            sums[delay] = evidence / temperature
        values = torch.tensor(list(sums.values()))
        total += float(torch.logsumexp(values, 0)) - sums[lead]
    return total / size


@pytest.mark.parametrize(
    ("num", "length", "lead", "least"), [(10, 10, 0, 8), (10, 15, 3, 8), (12, 9, -3, 6), (9, 13, 4, 2), (5, 5, 0, 5)]
)
def test_stretch_loss_equals_the_slow_loop(num, length, lead, least):
    scores = _scores(2, num, length, seed=3)
    found = float(stretch_loss(scores, lead, least=least, temperature=2.5))
    assert found == pytest.approx(_stretch_by_hand(scores, lead, least, 2.5), rel=1e-5, abs=1e-6)


def test_stretch_loss_with_every_delay_a_candidate():
    scores = _scores(2, 4, 6)
    assert float(stretch_loss(scores, 1, least=1)) == pytest.approx(_stretch_by_hand(scores, 1, 1, 3.0), rel=1e-5)


def test_a_window_that_says_nothing_hardly_pulls():
    """Evidence is bounded below: however wrong one window is, the loss grows by little."""
    scores = torch.zeros(1, 12, 12, dtype=torch.float64)
    scores[0] += 8 * torch.eye(12)
    spoilt = scores.clone()
    spoilt[0, 5, 5] = -500
    gap = float(stretch_loss(spoilt, 0, temperature=1.0) - stretch_loss(scores, 0, temperature=1.0))
    assert 0 <= gap < math.log(1 / NOISE) + math.log(12)
