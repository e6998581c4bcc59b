"""What every registered network keeps to: exported and run by ONNX Runtime, it answers as torch does."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from viseme.core.errors import WeightsError
from viseme.speakers.interface import speaker_networks
from viseme.standardization.networks.expression import ExpressionNetwork
from viseme.standardization.networks.resnet import ResNet
from viseme.sync.interface import sync_models
from viseme.weights import Graph, GraphPart, Session, read_checkpoint
from viseme.weights import export as exporting
from viseme.weights.export import arrays_of, export_graphs, load_arrays, save_networks

BACKBONE = ResNet.Config(block="basic", depths=(1, 1), width=4)
NETWORKS: dict[str, Any] = {
    **dict.fromkeys(sync_models, sync_models),
    **dict.fromkeys(speaker_networks, speaker_networks),
    "expression": None,
    "expression-per-image": None,
}
LENGTHS = ((1, 1), (1, 7), (2, 6))
"""Size of the batch, and frames at 25 a second."""


def make(name: str) -> torch.nn.Module:
    """A tiny network with statistics of its own, in evaluation mode."""
    torch.manual_seed(0)
    if name.startswith("expression"):
        own = {"num_identity": 3, "num_texture": 2} if name.endswith("per-image") else {}
        network: torch.nn.Module = ExpressionNetwork(ExpressionNetwork.Config(backbone=BACKBONE, size=56, **own))
    else:
        kind = NETWORKS[name][name]
        network = kind(kind.Config.tiny()) if hasattr(kind, "Config") else kind()
    for key, value in network.state_dict().items():
        if key.endswith(("running_mean", "running_var")):
            value.uniform_(0.5, 1.5)
    return network.eval()


@pytest.fixture(scope="module", params=NETWORKS)
def network(request) -> torch.nn.Module:
    return make(request.param)


def said_by_torch(network: torch.nn.Module, part: GraphPart, given: tuple[np.ndarray, ...]) -> list[np.ndarray]:
    with torch.inference_mode():
        found = getattr(network, part.method)(*map(torch.from_numpy, given))
    return [v.numpy() for v in (found if isinstance(found, tuple) else (found,)) if v is not None]


@pytest.mark.parametrize("storage", ["float32", "float16", "bfloat16"])
def test_what_ships_answers_as_torch_does(network: torch.nn.Module, storage: Any, tmp_path: Path) -> None:
    path = tmp_path / "net.safetensors"
    save_networks(path, {"": network}, component="any", header={}, storage=storage)
    found = read_checkpoint(path, component="any", holds="network")
    assert found.header["opset"] == exporting.OPSET
    again = make_like(network)
    load_arrays(again, found.tensors)  # rounded as the file has it
    for name, part in network.graph_parts().items():
        session = found.session(name, device="cpu")
        assert session.outputs == part.outputs
        for batch, num in LENGTHS:
            sizes = {"B": batch, "P": batch, "T": num, "A": 4 * num}
            given = part.example(np.random.default_rng(num), sizes=sizes)
            answers = session.run(**dict(zip(part.inputs, given, strict=True)))
            for output, right in zip(part.outputs, said_by_torch(again, part, given), strict=True):
                assert answers[output].shape == right.shape
                np.testing.assert_allclose(answers[output], right, rtol=1e-4, atol=1e-4 * np.abs(right).max())


def make_like(network: torch.nn.Module) -> torch.nn.Module:
    config = getattr(network, "config", None)
    return (type(network)(config) if config is not None else type(network)()).eval()


def test_weights_are_stored_once(network: torch.nn.Module) -> None:
    """A graph names weights of the network's state and holds none of them."""
    state = arrays_of(network)
    named: set[str] = set()
    for graph in export_graphs(network).values():
        assert set(graph.weights) <= set(state)
        named |= set(graph.weights)
        assert len(graph.model) < 100_000
    left = {name for name in state if name not in named}
    assert all("scale" in name for name in left), left


def test_free_axes_are_free(network: torch.nn.Module) -> None:
    import onnx

    for name, part in network.graph_parts().items():
        model = onnx.load_from_string(export_graphs(network)[name].model)
        for value, shape in zip(model.graph.input, part.inputs.values(), strict=True):
            axes = [d.dim_param or d.dim_value for d in value.type.tensor_type.shape.dim]
            assert axes == list(shape)


def test_every_network_that_ships_is_tested_here(root: Path) -> None:
    """A file whose network says what ships, and that no table here leads to, fails."""
    says = re.compile(r"^    def graph_parts", re.MULTILINE)
    files = {
        ".".join(path.relative_to(root / "src").with_suffix("").parts)
        for path in (root / "src").rglob("*.py")
        if says.search(path.read_text(encoding="utf-8"))
    }
    files -= {
        "viseme.avatar.networks",
        "viseme.avatar.voice.network",
        "viseme.expert.decoder",
        "viseme.expert.networks",
        "viseme.sync.models.syncnet",
        "viseme.talker.atlas_networks",
        "viseme.talker.lip_expert",
        "viseme.talker.networks",
    }  # a user's file: compared with torch in their tests
    assert files == {type(make(name)).__module__ for name in NETWORKS}


def test_an_export_that_answers_otherwise_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    network = make("two-stream")
    right = export_graphs(network)
    monkeypatch.setattr(exporting, "export_graphs", lambda _: {**right, "video": _negated(right["video"])})
    with pytest.raises(WeightsError, match="video differs from torch by 2 "):
        save_networks(tmp_path / "a.safetensors", {"": network}, component="any", header={})
    assert list(tmp_path.iterdir()) == []


def _negated(graph: Graph) -> Graph:
    import onnx

    model = onnx.load_from_string(graph.model)
    output = model.graph.output[0].name
    for node in model.graph.node:
        node.output[:] = ["before" if name == output else name for name in node.output]
    model.graph.node.append(onnx.helper.make_node("Neg", ["before"], [output]))
    return Graph(model.SerializeToString(), graph.weights)


def test_a_network_is_left_as_it_was(tmp_path: Path) -> None:
    network = make("speaker-head").train()
    before = {k: v.clone() for k, v in network.state_dict().items()}
    save_networks(tmp_path / "a.safetensors", {"": network}, component="any", header={})
    assert network.training
    assert all(torch.equal(v, before[k]) for k, v in network.state_dict().items())


def test_a_session_needs_all_its_weights() -> None:
    network = make("speaker-head")
    graph, state = export_graphs(network)["voice"], arrays_of(network)
    own = {name: state[name] for name in graph.weights}
    assert Session(graph.model, own, device="cpu").outputs == ("log_odds",)
    for wrong in ({}, dict(list(own.items())[1:]), {**own, "none": np.zeros(1, np.float32)}):
        with pytest.raises(WeightsError, match="cannot be run"):
            Session(graph.model, wrong, device="cpu")
