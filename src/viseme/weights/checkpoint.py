"""Checkpoints: tensors, ONNX graphs and a JSON header in one safetensors file that describes itself. The one reader
and writer of such files; knows no network, no framework, and reads no pickle.

A network that ships is stored once. Its tensors (`TwoStream`'s `0.video_in.weight`, ...) are what torch loads for
further training; each graph (`graph/video`, ...) is an ONNX model without weights, which `Session` joins with the
same tensors by name.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

import viseme
from viseme.core.errors import WeightsError
from viseme.weights.catalog import find_weights, weights_id
from viseme.weights.graphs import Graph
from viseme.weights.safetensors import RawTensor, read_header, read_tensors, write_tensors
from viseme.weights.session import Session

__all__ = ["Checkpoint", "Storage", "read_checkpoint", "write_checkpoint"]

Storage = Literal["float32", "float16", "bfloat16"]
"""How floating-point tensors are stored; they are computed with in single precision whatever it is."""

GRAPH = "graph/"
"""What the names of graphs begin with; everything else is a tensor."""

_DTYPES = {
    "F64": "float64", "F32": "float32", "F16": "float16", "I64": "int64", "I32": "int32", "I16": "int16", "I8": "int8",
    "U64": "uint64", "U32": "uint32", "U16": "uint16", "U8": "uint8", "BOOL": "bool",
}  # fmt: skip
_CODES = {name: code for code, name in _DTYPES.items()}


@dataclass(frozen=True)
class Checkpoint:
    """What a file of weights holds."""

    path: Path
    header: dict[str, Any]
    """`component`, `model`, `config`, `card`, `package`, ... as written; lists of the JSON are lists here too."""
    tensors: dict[str, NDArray[Any]]
    """By name; floating point in single precision."""
    graphs: dict[str, Graph]
    """By part."""
    name: str
    """Name and hash, for results: "sync-landmarks@1a2b3c4d5e6f"."""

    def tensors_of(self, prefix: str) -> dict[str, NDArray[Any]]:
        """The tensors whose names begin with `prefix`, named without it."""
        return {name[len(prefix) :]: value for name, value in self.tensors.items() if name.startswith(prefix)}

    def session(self, part: str, *, prefix: str = "", device: str = "auto", threads: int | None = None) -> Session:
        """A part, ready to run.

        Args:
            part: Name of the graph.
            prefix: Which network's tensors it is joined with, where the file holds several.
            device: See `Session`.
            threads: See `Session`.

        Raises:
            ConfigError: see `Session`.
            WeightsError: the file has no such part, or tensors that do not fit it.
        """
        if part not in self.graphs:
            raise WeightsError(
                f"{self.path} holds no graph {part!r}, so it cannot be run; it was written by another version of this "
                "package: train it again, or get the file again"
            )
        graph, own = self.graphs[part], self.tensors_of(prefix)
        if missing := [name for name in graph.weights if name not in own]:
            raise WeightsError(f"{self.path} has no tensor {prefix + missing[0]!r}; get the file again")
        try:
            return Session(graph.model, {name: own[name] for name in graph.weights}, device=device, threads=threads)
        except WeightsError as error:
            raise WeightsError(f"{self.path} does not fit its own configuration: {error}") from error

    def config(self, key: str = "config") -> dict[str, Any]:
        """A configuration in the header, lists as tuples."""
        return {name: _plain(value) for name, value in self.header[key].items()}


def _plain(value: Any) -> Any:
    return tuple(_plain(v) for v in value) if isinstance(value, list) else value


def read_checkpoint(weights: str | Path | None, *, component: str, holds: str) -> Checkpoint:
    """Read weights by catalogue name or path; None is the component's default.

    Args:
        weights: See `find_weights`.
        component: What the file must be for: "sync", "speakers", "enet", ...
        holds: The same in words, for messages: "sync model".

    Raises:
        MissingWeights: not there.
        WeightsError: there, and no safetensors file, cut short, or of another component.
    """
    path = find_weights(weights, component=component)
    header = read_header(path).metadata.get("viseme", {})
    found = header.get("component") if isinstance(header, dict) else None
    if found != component:
        raise WeightsError(f"{path} holds no {holds} (component is {found!r})")
    try:
        arrays = {name: _array(tensor) for name, tensor in read_tensors(path).items()}
    except (KeyError, ValueError) as error:
        raise WeightsError(f"{path} holds a tensor that is not what its header says ({error}); get it again") from error
    models = {name[len(GRAPH) :]: value.tobytes() for name, value in arrays.items() if name.startswith(GRAPH)}
    uses = header.get("graphs", {})
    graphs = {part: Graph(model, tuple(uses.get(part, ()))) for part, model in models.items()}
    tensors = {name: value for name, value in arrays.items() if not name.startswith(GRAPH)}
    return Checkpoint(path, header, tensors, graphs, weights_id(path))


def _array(tensor: RawTensor) -> NDArray[Any]:
    """Floating point in single precision."""
    if tensor.dtype == "BF16":
        bits = np.frombuffer(tensor.data, "<u2").astype(np.uint32) << 16
        return bits.view(np.float32).reshape(tensor.shape)
    values = np.frombuffer(tensor.data, _DTYPES[tensor.dtype]).reshape(tensor.shape)
    return values.astype(np.float32) if values.dtype.kind == "f" else values


def write_checkpoint(
    path: str | Path,
    *,
    component: str,
    header: Mapping[str, Any],
    tensors: Mapping[str, NDArray[Any]],
    graphs: Mapping[str, Graph],
    storage: Storage = "float16",
) -> None:
    """Write a file that describes itself; it appears complete or not at all.

    Args:
        path: safetensors; its folder is made.
        component: What it is for.
        header: Everything else the file says about itself; plain JSON values and tuples.
        tensors: By name.
        graphs: By part.
        storage: Of floating-point tensors.

    Raises:
        ValueError: a finite value is too large for `storage`.
    """
    described = {"component": component, **header, "weights_of": "viseme", "package": viseme.__version__}
    described["graphs"] = {part: graph.weights for part, graph in graphs.items()}
    stored = {name: _raw(name, np.asarray(values), storage) for name, values in tensors.items()}
    stored |= {f"{GRAPH}{part}": RawTensor("U8", (len(g.model),), g.model) for part, g in graphs.items()}
    write_tensors(path, stored, {"viseme": json.dumps(described)})


def _raw(name: str, values: NDArray[Any], storage: Storage) -> RawTensor:
    if values.dtype.kind != "f":
        return RawTensor(_CODES[values.dtype.name], values.shape, values.tobytes())
    single = values.astype(np.float32)
    with np.errstate(over="ignore"):
        stored = _bfloat16(single) if storage == "bfloat16" else single.astype(storage)
    if storage == "float16" and np.isinf(stored).sum() > np.isinf(single).sum():
        raise ValueError(f"{name} has values that half precision cannot hold; store it in single precision")
    return RawTensor("BF16" if storage == "bfloat16" else _CODES[storage], values.shape, stored.tobytes())


def _bfloat16(values: NDArray[np.float32]) -> NDArray[np.uint16]:
    """The upper halves of finite numbers in single precision, rounded to the nearest even one."""
    bits = np.ascontiguousarray(values).view(np.uint32)
    return ((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16).astype(np.uint16)
