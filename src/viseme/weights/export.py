"""Torch networks to files that ship, and back. Needs torch and onnx (extra `[train]`); nothing that people
run imports it.

A network says by `graph_parts()` which of its methods ship. A graph depends on the network's configuration alone: its
weights are named in it and lie beside it, so several networks of one configuration share it.
"""

from __future__ import annotations

import copy
import io
import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from viseme.core.errors import WeightsError
from viseme.weights.checkpoint import Storage, write_checkpoint
from viseme.weights.graphs import Graph, GraphPart
from viseme.weights.session import Session

__all__ = ["arrays_of", "export_graphs", "load_arrays", "save_networks"]

OPSET = 17
"""Version of the ONNX operators: the first with layer normalisation."""
TOLERANCE = 1e-4
"""Largest difference between a graph and its network, relative to the largest output."""

_made: dict[tuple[str, str, str], Graph] = {}
"""Graphs made before in this process."""


class _Part(nn.Module):
    """One method of a network as a network of its own."""

    def __init__(self, network: nn.Module, part: GraphPart) -> None:
        super().__init__()
        self.network, self._part = network, part

    def forward(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        found = getattr(self.network, self._part.method)(*inputs)
        return tuple(v for v in (found if isinstance(found, tuple) else (found,)) if v is not None)


def save_networks(
    path: Any,
    networks: Mapping[str, nn.Module],
    *,
    component: str,
    header: Mapping[str, Any],
    storage: Storage = "float16",
    beside: Mapping[str, NDArray[Any]] | None = None,
    graphs_beside: Mapping[str, Graph] | None = None,
) -> None:
    """Write networks with their graphs, after comparing each graph with torch.

    Args:
        path: safetensors.
        networks: Prefix of the tensors' names -> network; all of one class and configuration.
        component: See `write_checkpoint`.
        header: See `write_checkpoint`.
        storage: Of floating-point tensors.
        beside: Further tensors to store, which no graph of these networks reads.
        graphs_beside: Further graphs to store, which were exported and compared before.

    Raises:
        WeightsError: a graph does not answer as its network does.
    """
    tensors = {f"{prefix}{k}": v for prefix, network in networks.items() for k, v in arrays_of(network).items()}
    tensors |= beside or {}
    graphs = export_graphs(next(iter(networks.values())))
    for network in networks.values():
        _compare(network, graphs)
    write_checkpoint(
        path,
        component=component,
        header={**header, "opset": OPSET},
        tensors=tensors,
        graphs={**graphs, **(graphs_beside or {})},
        storage=storage,
    )


def arrays_of(network: nn.Module) -> dict[str, NDArray[Any]]:
    """A network's state as NumPy arrays; counters of batch normalisation, which only training reads, are left out."""
    state = network.state_dict()
    return {k: v.detach().cpu().numpy() for k, v in state.items() if not k.endswith("num_batches_tracked")}


def load_arrays(network: nn.Module, arrays: Mapping[str, NDArray[Any]]) -> None:
    """Put what `arrays_of` gave into a network, for further training.

    Raises:
        WeightsError: a tensor is missing, unknown or of another shape; the message names it.
    """
    counters = {k: v for k, v in network.state_dict().items() if k.endswith("num_batches_tracked")}
    try:
        network.load_state_dict({**counters, **{k: torch.from_numpy(np.array(v)) for k, v in arrays.items()}})
    except RuntimeError as error:
        raise WeightsError(f"the weights do not fit their own configuration: {error}") from None


def export_graphs(network: nn.Module) -> dict[str, Graph]:
    """Every part of a network as an ONNX model; weights are named as in the network's state."""
    parts: dict[str, GraphPart] = network.graph_parts()  # type: ignore[operator]
    kind, config = f"{type(network).__module__}.{type(network).__qualname__}", repr(getattr(network, "config", None))
    for name, part in parts.items():
        if (kind, config, name) not in _made:
            _made[kind, config, name] = _export(network, part)
    return {name: _made[kind, config, name] for name in parts}


def _export(network: nn.Module, part: GraphPart) -> Graph:
    """Trace one part.

    torch's older exporter is used: the newer one takes ten to twenty times as long, and fixes the number of steps of
    a recurrent layer (torch 2.13).
    """
    free = {name: {i: s for i, s in enumerate(shape) if isinstance(s, str)} for name, shape in part.inputs.items()}
    file: Any = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about the exporter itself; what it makes is compared
        torch.onnx.export(
            _Part(_stand_in(network), part).eval(),
            part.example(np.random.default_rng(0), as_tensor=torch.from_numpy),
            file,
            dynamo=False,
            input_names=list(part.inputs),
            output_names=list(part.outputs),
            dynamic_axes=free,
            opset_version=OPSET,
            do_constant_folding=False,  # folded, weights would lose their names
            training=torch.onnx.TrainingMode.PRESERVE,  # as above: normalisation is not merged into convolutions
        )
    return _slim(onnx.load_from_string(file.getvalue()), set(arrays_of(network)))


def _stand_in(network: nn.Module) -> nn.Module:
    """The network with random weights, because the exporter merges tensors that are equal."""
    copied = copy.deepcopy(network).cpu().float()
    chance = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for name, tensor in copied.state_dict().items():
            if tensor.is_floating_point():
                tensor.copy_(torch.rand(tensor.shape, generator=chance) * 0.1 + (0.5 if "var" in name else 0.01))
    return copied


def _slim(model: Any, weights: set[str]) -> Graph:
    """The graph with its weights named as in the network's state, and not held."""
    named: dict[str, str] = {}
    for tensor in model.graph.initializer:
        plain = tensor.name.removeprefix("network.")
        if plain not in weights:
            continue  # a buffer that is no part of the state
        named[tensor.name] = tensor.name = plain
        tensor.ClearField("raw_data")
        tensor.data_location = onnx.TensorProto.EXTERNAL
        tensor.external_data.add(key="location", value="checkpoint")
    for node in model.graph.node:
        node.input[:] = [named.get(name, name) for name in node.input]
        node.ClearField("doc_string")
    for value in model.graph.output:
        value.type.tensor_type.ClearField("shape")
    return Graph(model.SerializeToString(), tuple(named.values()))


def _compare(network: nn.Module, graphs: Mapping[str, Graph]) -> None:
    """Run every part once by ONNX Runtime and once by torch."""
    state, rng = arrays_of(network), np.random.default_rng(1)
    parts: dict[str, GraphPart] = network.graph_parts()  # type: ignore[operator]
    device = next(network.parameters()).device
    was_training = network.training
    network.eval()
    for name, part in parts.items():
        given = part.example(rng)
        own = {weight: state[weight] for weight in graphs[name].weights}
        found = Session(graphs[name].model, own, device="cpu").run(**dict(zip(part.inputs, given, strict=True)))
        with torch.inference_mode():
            wanted = _Part(network, part)(*(torch.from_numpy(v).to(device) for v in given))
        for output, expected in zip(part.outputs, wanted, strict=True):
            right = expected.float().cpu().numpy()
            apart = float(np.abs(found[output] - right).max() / max(float(np.abs(right).max()), 1e-12))
            if not apart <= TOLERANCE:
                raise WeightsError(f"the exported {name} differs from torch by {apart:.2g} of its largest output")
    network.train(was_training)
