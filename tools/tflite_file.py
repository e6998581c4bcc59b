"""Read a network from a tflite file: operators, shapes, constants. Needs `ai-edge-litert`, of which nothing is run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as tflite

SAME = tflite.Padding.SAME
RELU = tflite.ActivationFunctionType.RELU
_KINDS = {number: name for name, number in vars(tflite.BuiltinOperator).items() if isinstance(number, int)}
_DTYPES = {
    tflite.TensorType.FLOAT32: np.float32,
    tflite.TensorType.FLOAT16: np.float16,
    tflite.TensorType.INT32: np.int32,
}


@dataclass(frozen=True)
class Op:
    """One operator of a tflite network; tensors are numbers."""

    kind: str
    inputs: list[int]
    outputs: list[int]
    options: Any


class Network:
    """What a tflite file holds: operators in order, shapes, constants (float16 where the file has float16)."""

    def __init__(self, data: bytes) -> None:
        model = tflite.ModelT.InitFromPackedBuf(data, 0)
        graph = model.subgraphs[0]
        self.shapes = [[] if t.shape is None else [int(n) for n in t.shape] for t in graph.tensors]
        self.inputs, self.outputs = [int(i) for i in graph.inputs], [int(i) for i in graph.outputs]
        self.constants: dict[int, np.ndarray] = {}
        for i, tensor in enumerate(graph.tensors):
            raw = model.buffers[tensor.buffer].data
            if raw is not None and len(raw):
                self.constants[i] = np.frombuffer(bytes(raw), _DTYPES[tensor.type]).reshape(self.shapes[i])
        self.ops = []
        for operator in graph.operators:
            code = model.operatorCodes[operator.opcodeIndex]
            kind = _KINDS[max(code.builtinCode, code.deprecatedBuiltinCode)]
            ends = [int(i) for i in operator.inputs], [int(i) for i in operator.outputs]
            if kind == "DEQUANTIZE":
                self.constants[ends[1][0]] = self.constants[ends[0][0]]
            else:
                self.ops.append(Op(kind, *ends, operator.builtinOptions))
