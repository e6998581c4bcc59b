"""Convert the networks of Google's `face_landmarker.task` into the ONNX files that ship with viseme.

    python tools/convert_face_nets.py face_landmarker.task src/viseme/assets/faces

Development only: needs `onnx` and `ai-edge-litert` (whose generated reader of tflite files is used; nothing is run).
Weights stay float16, as in the source; ONNX Runtime widens them once, while it loads. Values are laid out B C H W.

Two rewrites keep ONNX Runtime in its blocked layout of 8 or 16 channels from the first convolution to the last. In
that layout it knows neither PReLU nor Pad, and would reorder every value twice around each. Both are exact:

- PReLU(x) = x + (1 - slope) Relu(-x), as two depthwise 1 x 1 convolutions; Relu and the sum are fused into them.
- Zeros appended to the channels are a 1 x 1 convolution with the top of an identity matrix.

The landmark network then takes 6.3 instead of 19.3 ms of CPU time a face (LiteRT: 5.9 ms; AMD EPYC with AVX2).
"""

from __future__ import annotations

import argparse
import hashlib
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from tflite_file import RELU, SAME, Network, Op

SOURCE_SHA256 = "64184e229b263107bc2b804c6625db1341ff2bb731874b0bcc2fe6544e0bc9ff"
OPSET, IR_VERSION = 17, 8
_PLAIN = {
    "ADD": "Add", "SUB": "Sub", "MUL": "Mul", "DIV": "Div", "NEG": "Neg", "SQRT": "Sqrt", "RELU": "Relu",
    "LOGISTIC": "Sigmoid",
}  # fmt: skip


class Graph:
    """ONNX nodes under construction."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.weights: list[onnx.TensorProto] = []
        self._known: dict[tuple[Any, ...], str] = {}

    def op(self, kind: str, *inputs: str, **attributes: Any) -> str:
        """Add a node; returns the name of its output."""
        name = f"v{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, inputs, [name], **attributes))
        return name

    def constant(self, values: np.ndarray) -> str:
        """The name under which a constant is read, float16 widened to float32; equal ones are stored once."""
        key = values.tobytes(), values.shape, values.dtype
        if key not in self._known:
            name = f"w{len(self.weights)}"
            self.weights.append(numpy_helper.from_array(np.ascontiguousarray(values), name))
            half = values.dtype == np.float16
            self._known[key] = self.op("Cast", name, to=TensorProto.FLOAT) if half else name
        return self._known[key]

    def model(self, input_shape: list[int | str], outputs: dict[str, tuple[str, list[int | str]]]) -> onnx.ModelProto:
        """The finished model; `outputs` maps a public name to an inner name and a shape."""
        infos = []
        for name, (value, shape) in outputs.items():
            self.nodes.append(helper.make_node("Identity", [value], [name]))
            infos.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, shape))
        entry = helper.make_tensor_value_info("input", TensorProto.FLOAT, input_shape)
        graph = helper.make_graph(self.nodes, "face", [entry], infos, self.weights)
        model = helper.make_model(
            graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION, producer_name="viseme"
        )
        onnx.checker.check_model(model, full_check=True)
        return model


class Converter:
    """Walks a tflite network and adds ONNX nodes; `values` maps a tensor's number to a name."""

    def __init__(self, network: Network) -> None:
        self.net, self.graph = network, Graph()
        self.values = {network.inputs[0]: "input"}

    def run(self) -> None:
        for op in self.net.ops:
            handler: Callable[[Op], str] | None = getattr(self, "_" + op.kind.lower(), None)
            if handler is None and op.kind not in _PLAIN:
                raise SystemExit(f"no rule for the operator {op.kind}")
            self.values[op.outputs[0]] = handler(op) if handler else self._plain(op, _PLAIN[op.kind])

    def _plain(self, op: Op, kind: str) -> str:
        """An operator of the same meaning in both formats."""
        return self.graph.op(kind, *map(self._value, op.inputs))

    def shaped(self, output: int, *shape: int) -> str:
        """An output of the network, reshaped; 0 keeps a dimension."""
        return self.graph.op("Reshape", self.values[self.net.outputs[output]], self.graph.constant(np.array(shape)))

    def _value(self, tensor: int) -> str:
        return self.values[tensor] if tensor in self.values else self.graph.constant(self.net.constants[tensor])


class ConvConverter(Converter):
    """The detector and the landmark network: B H W C becomes B C H W."""

    def _conv_2d(self, op: Op) -> str:
        return self._conv(op, self.net.constants[op.inputs[1]].transpose(0, 3, 1, 2), 1)

    def _depthwise_conv_2d(self, op: Op) -> str:
        weights = self.net.constants[op.inputs[1]].transpose(3, 0, 1, 2)
        return self._conv(op, weights, len(weights))

    def _conv(self, op: Op, weights: np.ndarray, group: int) -> str:
        stride, size = op.options.strideW, weights.shape[2]
        pad = self._padding(self.net.shapes[op.inputs[0]][1], size, stride) if op.options.padding == SAME else (0, 0)
        assert weights.shape[2] == weights.shape[3]
        assert op.options.strideH == stride
        assert not op.options.fusedActivationFunction
        pads = [pad[0]] * 2 + [pad[1]] * 2
        where = {"kernel_shape": [size] * 2, "strides": [stride] * 2, "pads": pads, "group": group}
        return self.graph.op(
            "Conv",
            self._value(op.inputs[0]),
            self.graph.constant(weights),
            self.graph.constant(self.net.constants[op.inputs[2]]),
            **where,
        )

    @staticmethod
    def _padding(length: int, size: int, stride: int) -> tuple[int, int]:
        """Pixels before and after, as TensorFlow's SAME has them: the odd one comes after."""
        total = max((-(-length // stride) - 1) * stride + size - length, 0)
        return total // 2, total - total // 2

    def _prelu(self, op: Op) -> str:
        x, slope = self._value(op.inputs[0]), self.net.constants[op.inputs[1]].reshape(-1, 1, 1, 1)
        where = {"kernel_shape": [1, 1], "group": len(slope)}
        minus = self.graph.constant(-np.ones_like(slope))
        factor = self.graph.op("Sub", self.graph.constant(np.ones(1, np.float32)), self.graph.constant(slope))
        negative = self.graph.op("Relu", self.graph.op("Conv", x, minus, **where))
        return self.graph.op("Add", x, self.graph.op("Conv", negative, factor, **where))

    def _pad(self, op: Op) -> str:
        before, after = self.net.shapes[op.inputs[0]], self.net.shapes[op.outputs[0]]
        assert before[:3] == after[:3]
        top = np.eye(after[3], before[3], dtype=np.float16)[..., None, None]
        return self.graph.op("Conv", self._value(op.inputs[0]), self.graph.constant(top), kernel_shape=[1, 1])

    def _max_pool_2d(self, op: Op) -> str:
        assert (op.options.filterWidth, op.options.strideW, self.net.shapes[op.inputs[0]][1] % 2) == (2, 2, 0)
        return self.graph.op("MaxPool", self._value(op.inputs[0]), kernel_shape=[2, 2], strides=[2, 2])

    def _reshape(self, op: Op) -> str:
        last = self.graph.op("Transpose", self._value(op.inputs[0]), perm=[0, 2, 3, 1])
        size = self.net.shapes[op.outputs[0]][-1]
        return self.graph.op("Reshape", last, self.graph.constant(np.array([0, -1, size])))

    def _concatenation(self, op: Op) -> str:
        return self.graph.op("Concat", *map(self._value, op.inputs), axis=1)


class MixerConverter(Converter):
    """The blendshape network, an MLP-Mixer on 1 + 96 tokens of 64 features: (B, 1, N, D) becomes (B, N, D).

    A convolution over tokens is a product from the left, so the transpositions around it are dropped.
    """

    def __init__(self, network: Network) -> None:
        super().__init__(network)
        self._turned: set[int] = set()

    def _transpose(self, op: Op) -> str:
        if op.inputs[0] not in self._turned:
            self._turned.add(op.outputs[0])
        return self._value(op.inputs[0])

    def _conv_2d(self, op: Op) -> str:
        x, weights, bias = self._value(op.inputs[0]), *(self.net.constants[i] for i in op.inputs[1:])
        weights = weights[:, 0, 0]
        if op.inputs[0] in self._turned:
            self._turned.add(op.outputs[0])
            y, bias = self.graph.op("MatMul", self.graph.constant(weights), x), bias[:, None]
        else:
            y = self.graph.op("MatMul", x, self.graph.constant(weights.T))
        y = self.graph.op("Add", y, self.graph.constant(bias))
        return self.graph.op("Relu", y) if op.options.fusedActivationFunction == RELU else y

    def _concatenation(self, op: Op) -> str:
        """The class token, a constant, before the others."""
        tokens = self.net.shapes[op.outputs[0]][-2:]
        first = np.zeros(tokens, np.float16)
        first[0] = self.net.constants[op.inputs[0]].ravel()
        room = self.graph.op("Pad", self._value(op.inputs[1]), self.graph.constant(np.array([0, 1, 0, 0, 0, 0])))
        return self.graph.op("Add", room, self.graph.constant(first))

    def _strided_slice(self, op: Op) -> str:
        """The first tokens, or everything."""
        before, after = self.net.shapes[op.inputs[0]], self.net.shapes[op.outputs[0]]
        if np.prod(before) == np.prod(after):
            return self._value(op.inputs[0])
        ends = [self.graph.constant(np.array([n])) for n in (0, after[-2], 1)]
        return self.graph.op("Slice", self._value(op.inputs[0]), *ends)

    def _reshape(self, op: Op) -> str:
        return self._value(op.inputs[0])  # dimensions of one come and go

    def _mean(self, op: Op) -> str:
        axis = int(self.net.constants[op.inputs[1]].item())
        return self.graph.op("ReduceMean", self._value(op.inputs[0]), axes=[axis if axis < 0 else axis - 4], keepdims=1)

    def _sum(self, op: Op) -> str:
        return self.graph.op("ReduceSum", self._value(op.inputs[0]), self.graph.constant(np.array([-1])), keepdims=1)

    def _squared_difference(self, op: Op) -> str:
        difference = self._plain(op, "Sub")
        return self.graph.op("Mul", difference, difference)

    def _rsqrt(self, op: Op) -> str:
        return self.graph.op("Reciprocal", self._plain(op, "Sqrt"))


def convert_detector(data: bytes) -> onnx.ModelProto:
    """B 3 128 128 in [-1, 1] -> boxes B 896 16 (see `viseme.faces.detections`), logits B 896 1."""
    converter = ConvConverter(Network(data))
    converter.run()
    boxes, logits = (converter.values[i] for i in converter.net.outputs)
    return converter.graph.model(
        ["B", 3, 128, 128], {"boxes": (boxes, ["B", 896, 16]), "logits": (logits, ["B", 896, 1])}
    )


def convert_landmarks(data: bytes) -> onnx.ModelProto:
    """B 3 256 256 in [0, 1] -> landmarks B 478 3 in pixels of the input, logit of a face's presence B.

    The third output of the source, which is near 0 on a face in its region, is left out.
    """
    converter = ConvConverter(Network(data))
    converter.run()
    points, presence = converter.shaped(0, 0, 478, 3), converter.shaped(1, -1)
    return converter.graph.model(
        ["B", 3, 256, 256], {"landmarks": (points, ["B", 478, 3]), "presence": (presence, ["B"])}
    )


def convert_blendshapes(data: bytes) -> onnx.ModelProto:
    """B 146 2 in pixels -> coefficients B 52, 0 to 1."""
    converter = MixerConverter(Network(data))
    converter.run()
    return converter.graph.model(["B", 146, 2], {"coefficients": (converter.shaped(0, -1, 52), ["B", 52])})


NETWORKS = {
    "face_detector": ("face_detector.tflite", convert_detector),
    "face_landmarks": ("face_landmarks_detector.tflite", convert_landmarks),
    "face_blendshapes": ("face_blendshapes.tflite", convert_blendshapes),
}
"""Name of the ONNX file -> name inside the task file, how it is converted."""


def main() -> None:
    """Convert all three; a task file of another hash is refused."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("task", type=Path, help="face_landmarker.task")
    parser.add_argument("folder", type=Path, help="where the ONNX files go")
    options = parser.parse_args()
    found = hashlib.sha256(options.task.read_bytes()).hexdigest()
    if found != SOURCE_SHA256:
        raise SystemExit(f"{options.task} has sha256 {found}, not {SOURCE_SHA256}")
    options.folder.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(options.task) as task:
        for name, (inner, convert) in NETWORKS.items():
            file = options.folder / f"{name}.onnx"
            file.write_bytes(convert(task.read(inner)).SerializeToString(deterministic=True))
            print(f"{file}: {file.stat().st_size} bytes, sha256 {hashlib.sha256(file.read_bytes()).hexdigest()}")


if __name__ == "__main__":
    main()
