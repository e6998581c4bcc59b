"""The training loop: it learns, resumes exactly, and survives a stop at any step."""

from __future__ import annotations

import math
import sys
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import torch
from torch import nn

from viseme.core.errors import ConfigError
from viseme.engine.loop import LoopConfig, _rate, fit

CONFIG = LoopConfig(steps=12, learning_rate=0.02, save_every=4, average=0.9, seed=5)


class Stopped(RuntimeError):
    """The power went."""


def _network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 8), nn.BatchNorm1d(8), nn.GELU(), nn.Dropout(0.3), nn.Linear(8, 1))


def _loss(network, rng):
    x = torch.tensor(rng.normal(size=(16, 3)), dtype=torch.float32)
    error = ((network(x)[:, 0] - x.sum(1)) ** 2).mean()
    return error, {"error": float(error.detach())}


def _same(one: nn.Module, other: nn.Module) -> bool:
    return all(torch.equal(a, b) for a, b in zip(one.state_dict().values(), other.state_dict().values(), strict=True))


def test_it_learns():
    seen = []
    fit(_network(), _loss, replace(CONFIG, steps=80), on_step=lambda step, shown: seen.append((step, shown)))
    assert [step for step, _ in seen] == list(range(1, 81))
    first, last = (sum(s["loss"] for _, s in part) / 10 for part in (seen[:10], seen[-10:]))
    assert last < 0.5 * first
    assert set(seen[0][1]) == {"loss", "error"}


@pytest.mark.parametrize("stop", [1, 4, 6, 11])
@pytest.mark.parametrize("average", [0.0, 0.9])
def test_stopped_and_resumed_equals_never_stopped(tmp_path, stop, average):
    config = replace(CONFIG, average=average)
    whole = fit(_network(), _loss, config)

    def pull_the_plug(step, shown):
        if step == stop:
            raise Stopped

    checkpoint = tmp_path / "state.pt"
    with pytest.raises(Stopped):
        fit(_network(), _loss, config, checkpoint=checkpoint, on_step=pull_the_plug)
    torch.rand(7)  # whatever happened in between
    steps = []
    torch.manual_seed(99)
    other = nn.Sequential(nn.Linear(3, 8), nn.BatchNorm1d(8), nn.GELU(), nn.Dropout(0.3), nn.Linear(8, 1))
    start = other if checkpoint.exists() else _network()
    resumed = fit(start, _loss, config, checkpoint=checkpoint, on_step=lambda step, _: steps.append(step))
    assert steps[0] == (stop - 1) // 4 * 4 + 1, "from the last checkpoint, not from the beginning"
    assert _same(resumed, whole)


def test_a_finished_run_is_not_trained_again(tmp_path):
    checkpoint = tmp_path / "state.pt"
    whole = fit(_network(), _loss, CONFIG, checkpoint=checkpoint)
    steps = []
    again = fit(_network(), _loss, CONFIG, checkpoint=checkpoint, on_step=lambda step, _: steps.append(step))
    assert steps == []
    assert _same(again, whole)
    assert not list(tmp_path.glob("*.partial"))


def test_the_seed_decides():
    assert _same(fit(_network(), _loss, CONFIG), fit(_network(), _loss, CONFIG))
    assert not _same(fit(_network(), _loss, CONFIG), fit(_network(), _loss, replace(CONFIG, seed=6)))


def test_the_result_is_the_average_and_in_evaluation_mode():
    plain, averaged = (fit(_network(), _loss, replace(CONFIG, average=a)) for a in (0.0, 0.9))
    assert not plain.training
    assert not _same(plain, averaged)


def test_the_average_is_the_running_mean_of_the_weights():
    weights = []
    network = _network()
    result = fit(network, _loss, CONFIG, on_step=lambda step, _: weights.append(network[0].weight.detach().clone()))
    mean = _network()[0].weight.detach()
    for step, weight in enumerate(weights):
        decay = min(0.9, (step + 1) / (step + 10))
        mean = decay * mean + (1 - decay) * weight
    torch.testing.assert_close(result[0].weight.detach(), mean, rtol=1e-5, atol=1e-6)


def test_the_rate_rises_then_falls_as_a_cosine():
    config = LoopConfig(steps=100, warmup=0.1)
    rates = [_rate(step, config) for step in range(100)]
    assert rates[:10] == pytest.approx([(s + 1) / 10 for s in range(10)])
    assert max(rates) == 1.0
    assert rates[55] == pytest.approx(0.5 * (1 + math.cos(math.pi * 0.5)))
    assert rates[99] < 0.001
    assert all(a >= b for a, b in pairwise(rates[10:]))


@pytest.mark.parametrize(
    "wrong", [{"steps": 0}, {"learning_rate": 0.0}, {"warmup": 0.0}, {"warmup": 1.0}, {"average": 1.0}, {"average": -1}]
)
def test_impossible_schedules_are_refused(wrong):
    with pytest.raises(ConfigError):
        LoopConfig(**wrong)


def test_the_losses_are_those_of_the_plain_loop():
    """What Accelerate wraps must not change a bit on the CPU: the same steps written out without it."""
    seen = []
    result = fit(
        _network(), _loss, replace(CONFIG, average=0.0), on_step=lambda step, shown: seen.append(shown["loss"])
    )
    network = _network()
    optimiser = torch.optim.AdamW(network.parameters(), 0.02, betas=(0.9, 0.98), weight_decay=0.02)
    plain = []
    for step in range(CONFIG.steps):
        torch.manual_seed(CONFIG.seed * 1_000_003 + step)
        for group in optimiser.param_groups:
            group["lr"] = 0.02 * _rate(step, CONFIG)
        network.train()
        value, _ = _loss(network, np.random.default_rng([CONFIG.seed, step]))
        optimiser.zero_grad()
        value.backward()
        nn.utils.clip_grad_norm_(network.parameters(), CONFIG.clip)
        optimiser.step()
        plain.append(float(value.detach()))
    assert seen == plain
    assert _same(result, network)


class Shared(nn.Module):
    """A column per group, of which every step touches one."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(1)
        self.matrix, self.line = nn.Embedding(4, 3, sparse=True), nn.Linear(3, 1)


def _shared_loss(module, rng):
    column = int(rng.integers(2))  # columns 2 and 3 are never drawn
    return (module.line(module.matrix(torch.tensor([column]))) - 1).square().mean(), {}


def _two(module):
    return [torch.optim.Adam(module.line.parameters(), 0.01), torch.optim.SparseAdam([module.matrix.weight], 0.1)]


def test_sparse_columns_that_are_not_drawn_do_not_drift_and_resume_exactly(tmp_path):
    config = replace(CONFIG, average=0.0, schedule="constant")
    before = Shared().matrix.weight.detach().clone()
    whole = fit(Shared(), _shared_loss, config, optimisers=_two)
    assert torch.equal(whole.matrix.weight[2:], before[2:])
    assert not torch.equal(whole.matrix.weight[:2], before[:2])
    checkpoint = tmp_path / "state.pt"

    def stop(step, shown):
        if step == 9:
            raise Stopped

    with pytest.raises(Stopped):
        fit(Shared(), _shared_loss, config, optimisers=_two, checkpoint=checkpoint, on_step=stop)
    assert _same(fit(Shared(), _shared_loss, config, optimisers=_two, checkpoint=checkpoint), whole)


def test_every_optimiser_keeps_its_own_rate():
    kept = []

    def two(module):
        kept.extend(_two(module))
        return kept

    fit(Shared(), _shared_loss, replace(CONFIG, schedule="constant"), optimisers=two)
    assert [o.param_groups[0]["lr"] for o in kept] == [0.01, 0.1]


def test_without_accelerate_one_line_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "accelerate", None)
    with pytest.raises(ConfigError, match=r"pip install 'viseme\[train\]'") as caught:
        fit(_network(), _loss, CONFIG)
    assert "\n" not in str(caught.value)


def test_a_constant_rate_is_constant():
    assert {_rate(step, LoopConfig(schedule="constant")) for step in range(0, 2000, 100)} == {1.0}
    with pytest.raises(ConfigError, match="no schedule"):
        LoopConfig(schedule="stairs")
