"""An avatar that begins with the talker for everybody: the same features, the best last layer, the same ears."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from viseme.avatar.compact_batches import Targets
from viseme.avatar.networks import CompactAvatar
from viseme.avatar.talker_start import begin_at, read_talker, sizes_of
from viseme.avatar.train import train_avatar
from viseme.core.errors import ConfigError, WeightsError
from viseme.sync.heard import STEPS
from viseme.talker.atlas_networks import LipMover, TalkerSizes
from viseme.weights import read_checkpoint


def _talker() -> tuple[LipMover, Any]:
    torch.manual_seed(1)
    mover = LipMover(TalkerSizes(num_heard=8, channels=5, width=12, num_shapes=3)).eval()
    tensors = {f"mover.{name}": value.numpy() for name, value in mover.state_dict().items()}
    return mover, SimpleNamespace(tensors=tensors, name="talker@test")


def test_the_layers_are_the_talkers_and_the_last_one_is_the_regression() -> None:
    mover, found = _talker()
    network = CompactAvatar(sizes_of(CompactAvatar.Config.tiny(), found))
    assert (network.config.channels, network.config.width) == (5, 12)
    rng = np.random.default_rng(2)
    heard = rng.normal(size=(400, STEPS, 9)).astype(np.float16)
    with torch.no_grad():
        told = mover(torch.from_numpy(heard.astype(np.float32)))
    mix = rng.normal(size=(3, 7)).astype(np.float32)
    wanted = told.numpy() @ mix + 2.0  # what a person's components are, if they move as everybody
    places = np.stack([np.zeros(400), np.arange(400)], 1).astype(np.int64)
    targets = Targets(wanted, np.zeros((400, 52), np.float32), np.zeros(400, bool))
    begin_at(network, found, places, {"0": {"0": heard}}, targets)  # type: ignore[arg-type]
    assert network.training
    network.eval()
    with torch.no_grad():
        x = torch.from_numpy(heard.astype(np.float32))
        assert torch.allclose(mover.coefficients(network.features(x)), told, atol=1e-5)
        off = network(x)[0].numpy() - wanted
    assert np.square(off).mean() < 0.05 * wanted.var()


def test_a_talker_that_hears_otherwise_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    sync = read_checkpoint(None, component="sync", holds="sync model")
    assert read_talker("talker", sync).name.startswith("talker@")
    deaf = replace(sync, tensors={name: value + 1 for name, value in sync.tensors.items()})
    with pytest.raises(WeightsError, match="hears with another audio stream"):
        read_talker("talker", deaf)
    pixels = SimpleNamespace(tensors={}, path="p.safetensors", name="p")
    monkeypatch.setattr("viseme.avatar.talker_start.read_checkpoint", lambda *a, **k: pixels)
    with pytest.raises(WeightsError, match="face crops"):
        read_talker("p.safetensors", sync)


def test_the_papers_network_cannot_begin_with_it(tmp_path: Any) -> None:
    (tmp_path / "c.toml").write_text('subject = "A"\nscope = "tests"\ndate = 2026-01-02\nsigner = "A"\n')
    with pytest.raises(ConfigError, match="--from is for preset compact"):
        train_avatar((tmp_path / "a.mp4",), consent=tmp_path / "c.toml", preset="light", start="talker", work=tmp_path)
