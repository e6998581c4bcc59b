"""Weights that describe themselves: nothing else is read, above all no pickle."""

from __future__ import annotations

import json
import pickle
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from viseme.core.errors import MissingWeights, WeightsError
from viseme.sync.checkpoint import Calibration, load_sync_weights
from viseme.sync.estimator import Peak
from viseme.sync.export import load_sync_networks, save_sync_weights
from viseme.sync.models.two_stream import TwoStream
from viseme.weights import read_checkpoint, write_checkpoint
from viseme.weights.safetensors import read_header, read_tensors, write_tensors


@pytest.fixture
def good(tmp_path) -> Path:
    torch.manual_seed(0)
    path = tmp_path / "good.safetensors"
    nets = [TwoStream(TwoStream.Config.tiny()) for _ in range(2)]
    save_sync_weights(path, nets, input_mode="landmarks", calibration=Calibration(), card={})
    return path


class Harmful:
    """Unpickling this makes a file."""

    def __init__(self, where: Path) -> None:
        self.where = where

    def __reduce__(self):
        return Path.touch, (self.where,)


@pytest.mark.parametrize("protocol", ["torch", "pickle"])
def test_a_pickle_is_never_read(tmp_path, protocol):
    path, trap = tmp_path / "net.safetensors", tmp_path / "trap"
    if protocol == "torch":
        torch.save({"0.log_scale": torch.zeros(1), "x": Harmful(trap)}, path)
    else:
        path.write_bytes(pickle.dumps(Harmful(trap)))
    with pytest.raises(WeightsError, match=r"net\.safetensors"):
        load_sync_weights(path)
    assert not trap.exists()
    pickle.loads(pickle.dumps(Harmful(trap)))
    assert trap.exists(), "the canary: read as a pickle, the file would have done its harm"


def _rewritten(source: Path, out: Path, without: str = "-", **changes) -> Path:
    """The file with other values in its header (None = taken out), and without some tensors."""
    header = read_header(source).metadata["viseme"] | changes
    tensors = {k: v for k, v in read_tensors(source).items() if not k.startswith(without)}
    write_tensors(out, tensors, {"viseme": json.dumps({k: v for k, v in header.items() if v is not None})})
    return out


def test_several_models_are_kept(good):
    weights = load_sync_weights(good)
    one, other = weights.models
    points = np.random.default_rng(0).normal(size=(9, 67, 3)).astype(np.float32)
    assert np.abs(one.embed_video(points) - other.embed_video(points)).max() > 1e-3
    first, second = load_sync_networks(good)
    assert not torch.equal(first.video_in.weight, second.video_in.weight)


def test_a_file_is_read_once_until_it_changes(good):
    first = load_sync_weights(good)
    assert load_sync_weights(good) is first
    assert load_sync_weights(str(good), device="cpu") is load_sync_weights(good, device="cpu")
    nets = [TwoStream(TwoStream.Config.tiny()) for _ in range(3)]
    save_sync_weights(good, nets, input_mode="landmarks", calibration=Calibration(), card={})
    assert len(load_sync_weights(good).models) == 3


def test_networks_that_answer_together_have_one_configuration(tmp_path):
    nets = [TwoStream(TwoStream.Config.tiny()), TwoStream(replace(TwoStream.Config.tiny(), width=8))]
    with pytest.raises(ValueError, match="one configuration"):
        save_sync_weights(tmp_path / "a", nets, input_mode="landmarks", calibration=Calibration(), card={})


def test_another_component_is_refused(good, tmp_path):
    with pytest.raises(WeightsError, match="holds no sync model"):
        load_sync_weights(_rewritten(good, tmp_path / "a.safetensors", component="expert"))


def test_a_file_that_says_nothing_about_itself_is_refused(tmp_path):
    path = tmp_path / "a.safetensors"
    save_file({"x": torch.zeros(2)}, str(path))
    with pytest.raises(WeightsError, match="holds no sync model"):
        load_sync_weights(path)


def test_weights_that_do_not_fit_their_graph_are_refused(good, tmp_path):
    found = read_checkpoint(good, component="sync", holds="sync model")
    for change in ({"0.video_in.weight": np.zeros((3, 3), np.float32)}, {"0.video_in.weight": None}):
        tensors = {k: v for k, v in {**found.tensors, **change}.items() if v is not None}
        path = tmp_path / "a.safetensors"
        header = {k: v for k, v in found.header.items() if k not in ("component", "graphs", "package", "weights_of")}
        write_checkpoint(path, component="sync", header=header, tensors=tensors, graphs=found.graphs)
        with pytest.raises(WeightsError, match=r"a\.safetensors (does not fit|has no tensor '0.video_in.weight')"):
            load_sync_weights(path)
        with pytest.raises(WeightsError, match="do not fit"):
            load_sync_networks(path)


def test_weights_without_graphs_are_refused(good, tmp_path):
    with pytest.raises(WeightsError, match="holds no graph 'video'"):
        load_sync_weights(_rewritten(good, tmp_path / "a.safetensors", without="graph/"))


@pytest.mark.parametrize(
    "changes",
    [
        {"scales": None},
        {"calibration": None},
        {"card": None},
        {"input_mode": None},
        {"graphs": None},
    ],
    ids=lambda c: next(iter(c)) + ("-odd" if next(iter(c.values())) else "-missing"),
)
def test_an_incomplete_header_is_refused(good, tmp_path, changes):
    path = _rewritten(good, tmp_path / "a.safetensors", **changes)
    with pytest.raises(WeightsError, match=r"a\.safetensors"):
        load_sync_weights(path)


@pytest.mark.parametrize("changes", [{"config": None}, {"model": None}, {"config": {"no_such_setting": 1}}])
def test_training_goes_on_only_from_a_complete_header(good, tmp_path, changes):
    with pytest.raises(WeightsError, match=r"a\.safetensors"):
        load_sync_networks(_rewritten(good, tmp_path / "a.safetensors", **changes))


@pytest.mark.parametrize("keep", [0, 5, 100, 4000])
def test_a_file_cut_short_is_refused(good, tmp_path, keep):
    path = tmp_path / "a.safetensors"
    path.write_bytes(good.read_bytes()[:keep])
    with pytest.raises(WeightsError):
        load_sync_weights(path)


def test_a_file_that_is_not_there_is_missing(tmp_path):
    with pytest.raises(MissingWeights):
        load_sync_weights(tmp_path / "none.safetensors")


def test_nothing_half_written_is_left(good, tmp_path):
    assert [p.name for p in tmp_path.iterdir()] == [good.name]


def _peak(**changes) -> Peak:
    values = {
        "delay": 0.0,
        "mass": 0.9,
        "margin": 20.0,
        "level": 1.0,
        "best": 1.5,
        "rival": 0.5,
        "count": 50,
        "at_edge": False,
    }
    return Peak(**{**values, **changes})


def test_probability_is_the_logistic_of_the_features():
    import math

    calibration = Calibration(coefficients=(-1.0, 0.6, 0.1, 0.2))
    margin = math.log1p(20)
    z = -1 + 0.6 * margin + 0.1 * margin**2 + 0.2 * 1.5
    assert calibration.probability(_peak()) == pytest.approx(1 / (1 + math.exp(-z)))


def test_probability_stays_between_nought_and_one_for_any_peak():
    calibration = Calibration(coefficients=(50.0, 50.0, 50.0, 50.0))
    for peak in (_peak(margin=1e9), _peak(margin=-5.0, level=-1e9, count=0), _peak(rival=float("nan"))):
        assert 0 <= calibration.probability(peak) <= 1
