"""Torch networks to files that ship, and back. Needs torch, onnx and onnxscript (extra `[train]`); nothing that people
run imports it.

A network says by `graph_parts()` which of its methods ship. A graph depends on the network's configuration alone: its
weights are named in it and lie beside it, so several networks of one configuration share it.
"""

from __future__ import annotations

import copy
import logging
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from viseme.core.errors import ConfigError, WeightsError
from viseme.weights.checkpoint import Storage, write_checkpoint
from viseme.weights.graphs import Graph, GraphPart
from viseme.weights.session import Session

__all__ = ["arrays_of", "export_graphs", "load_arrays", "save_networks"]

OPSET = 20
"""Version of the ONNX operators; ONNX Runtime knows it from 1.17 on."""
TOLERANCE = 1e-4
"""Largest difference between a graph and its network, relative to the largest output."""

_made: dict[tuple[str, str, str], Graph] = {}
"""Graphs made before in this process: tracing takes seconds."""


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
) -> None:
    """Write networks with their graphs, after comparing each graph with torch.

    Args:
        path: safetensors.
        networks: Prefix of the tensors' names -> network; all of one class and configuration.
        component: See `write_checkpoint`.
        header: See `write_checkpoint`.
        storage: Of floating-point tensors.

    Raises:
        ConfigError: onnx or onnxscript is not installed.
        WeightsError: a graph does not answer as its network does.
    """
    tensors = {f"{prefix}{k}": v for prefix, network in networks.items() for k, v in arrays_of(network).items()}
    graphs = export_graphs(next(iter(networks.values())))
    for network in networks.values():
        _compare(network, graphs)
    write_checkpoint(
        path,
        component=component,
        header={**header, "opset": OPSET},
        tensors=tensors,
        graphs=graphs,
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
    """Every part of a network as an ONNX model; weights are named as in the network's state.

    Raises:
        ConfigError: onnx or onnxscript is not installed.
    """
    parts: dict[str, GraphPart] = network.graph_parts()  # type: ignore[operator]
    kind, config = f"{type(network).__module__}.{type(network).__qualname__}", repr(getattr(network, "config", None))
    for name, part in parts.items():
        if (kind, config, name) not in _made:
            _made[kind, config, name] = _export(network, part)
    return {name: _made[kind, config, name] for name in parts}


def _export(network: nn.Module, part: GraphPart) -> Graph:
    _require_onnx()
    auto = torch.export.Dim.AUTO  # type: ignore[attr-defined]
    axes = tuple({i: auto for i, size in enumerate(shape) if isinstance(size, str)} for shape in part.inputs.values())
    with _quiet():
        program = torch.onnx.export(
            _Part(copy.deepcopy(network).cpu().float(), part).eval(),
            part.example(np.random.default_rng(0), as_tensor=torch.from_numpy),
            dynamo=True,
            dynamic_shapes=(axes,),
            input_names=list(part.inputs),
            output_names=list(part.outputs),
            opset_version=OPSET,
            optimize=False,
            verbose=False,
        )
        assert program is not None
        return _slim(program.model_proto, set(arrays_of(network)), part)


def _slim(model: Any, weights: set[str], part: GraphPart) -> Graph:
    """The model simplified, its weights by name only, without anything that running does not need."""
    import onnx
    from onnxscript import optimizer

    # while the graph is simplified, weights are inputs: what is not known is not folded into constants
    kept = {
        tensor.name: tensor for tensor in model.graph.initializer if tensor.name.removeprefix("network.") in weights
    }
    open_model = onnx.ModelProto()
    open_model.CopyFrom(model)
    constants = [tensor for tensor in open_model.graph.initializer if tensor.name not in kept]
    del open_model.graph.initializer[:]
    open_model.graph.initializer.extend(constants)
    for name, tensor in kept.items():
        open_model.graph.input.append(onnx.helper.make_tensor_value_info(name, tensor.data_type, tensor.dims))
    slim = optimizer.optimize(open_model)
    inputs = [value for value in slim.graph.input if value.name not in kept]
    del slim.graph.input[:]
    slim.graph.input.extend(inputs)
    used = [name for name in kept if any(name in node.input for node in slim.graph.node)]
    for name in used:
        tensor = slim.graph.initializer.add(name=name.removeprefix("network."), dims=kept[name].dims)
        tensor.data_type, tensor.data_location = onnx.TensorProto.FLOAT, onnx.TensorProto.EXTERNAL
        tensor.external_data.add(key="location", value="checkpoint")
    for node in slim.graph.node:
        node.input[:] = [name.removeprefix("network.") if name in kept else name for name in node.input]
        node.ClearField("metadata_props")
        node.ClearField("doc_string")
    _describe(slim, part)
    return Graph(slim.SerializeToString(), tuple(name.removeprefix("network.") for name in used))


def _describe(model: Any, part: GraphPart) -> None:
    """Inputs with the names of their free axes, outputs of any shape, and no notes of the exporter."""
    for field in ("value_info", "metadata_props", "doc_string"):
        model.graph.ClearField(field)
    model.ClearField("metadata_props")
    for value, shape in zip(model.graph.input, part.inputs.values(), strict=True):
        value.ClearField("metadata_props")
        for axis, size in zip(value.type.tensor_type.shape.dim, shape, strict=True):
            if isinstance(size, str):
                assert axis.dim_param, f"axis {size} of {value.name} became fixed at {axis.dim_value}"
                axis.dim_param = size
    for value in model.graph.output:
        value.ClearField("metadata_props")
        value.type.tensor_type.ClearField("shape")


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


def _require_onnx() -> None:
    try:
        import onnx  # noqa: F401
        import onnxscript  # noqa: F401
    except ImportError as error:
        raise ConfigError(
            f"writing weights needs the package {error.name}, which is not installed; run: pip install 'viseme[train]'"
        ) from error


@contextmanager
def _quiet() -> Iterator[None]:
    """Without what the exporter says about itself."""
    loggers = [logging.getLogger(name) for name in ("torch.onnx", "torch.export", "onnxscript", "onnx_ir")]
    before = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(loggers, before, strict=True):
            logger.setLevel(level)
