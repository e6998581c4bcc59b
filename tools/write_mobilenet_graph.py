"""Write the graph of MobileNetV2 without its weights, as ONNX.

    python tools/write_mobilenet_graph.py src/viseme/assets/mobilenet-v2.onnx

Development only: needs `onnx`. The weights are named in the graph as in the state dict of torchvision's
`mobilenet_v2`, and joined with it when it is run (`viseme.weights.Session`). Source: Sandler, Howard, Zhu, Zhmoginov
and Chen, "MobileNetV2: Inverted Residuals and Linear Bottlenecks", 2018, table 2.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import onnx
from onnx import TensorProto, helper

OPSET, IR_VERSION = 17, 8
STEM, LAST = 32, 1280
BLOCKS = (
    (1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1),
)  # fmt: skip
"""Expansion, channels, repetitions and the stride of the first of them."""


class Graph:
    """Nodes and names of weights under construction."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.weights: list[onnx.TensorProto] = []

    def op(self, kind: str, *inputs: str, **attributes: Any) -> str:
        """Add a node; returns the name of its output."""
        name = f"v{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, inputs, [name], **attributes))
        return name

    def weight(self, name: str, *shape: int) -> str:
        """A weight that the graph names and does not hold."""
        tensor = TensorProto(name=name, data_type=TensorProto.FLOAT, dims=shape, data_location=TensorProto.EXTERNAL)
        tensor.external_data.add(key="location", value="checkpoint")
        self.weights.append(tensor)
        return name

    def layer(
        self, x: str, conv: str, norm: str, given: int, made: int, size: int, *, stride: int = 1, groups: int = 1
    ) -> str:
        """Convolution and batch normalisation."""
        kernel = self.weight(f"{conv}.weight", made, given // groups, size, size)
        x = self.op("Conv", x, kernel, strides=[stride] * 2, pads=[size // 2] * 4, group=groups)
        names = ("weight", "bias", "running_mean", "running_var")
        return self.op("BatchNormalization", x, *(self.weight(f"{norm}.{n}", made) for n in names), epsilon=1e-5)

    def relu6(self, x: str) -> str:
        """Between 0 and 6."""
        return self.op("Clip", x, "zero", "six")


def mobilenet() -> onnx.ModelProto:
    """From `images` (B, 3, H, W), normalised as for ImageNet, to `features` (B, 1280), the mean of the last layer."""
    net = Graph()
    x = net.relu6(net.layer("images", "features.0.0", "features.0.1", 3, STEM, 3, stride=2))
    given, at = STEM, 0
    for expansion, made, num, first in BLOCKS:
        for stride in (first, *[1] * (num - 1)):
            at += 1
            x, given = _block(net, x, f"features.{at}.conv", given, made, expansion, stride), made
    x = net.relu6(net.layer(x, f"features.{at + 1}.0", f"features.{at + 1}.1", given, LAST, 1))
    x = net.op("ReduceMean", x, axes=[2, 3], keepdims=0)
    net.nodes[-1].output[0] = "features"
    limits = [helper.make_tensor(n, TensorProto.FLOAT, [], [v]) for n, v in (("zero", 0.0), ("six", 6.0))]
    graph = helper.make_graph(
        net.nodes,
        "mobilenet-v2",
        [helper.make_tensor_value_info("images", TensorProto.FLOAT, ["B", 3, "H", "W"])],
        [helper.make_tensor_value_info("features", TensorProto.FLOAT, ["B", LAST])],
        [*net.weights, *limits],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION)


def _block(net: Graph, x: str, name: str, given: int, made: int, expansion: int, stride: int) -> str:
    """An inverted residual: widened, filtered a channel at a time, narrowed without a non-linearity."""
    wide, y, at = given * expansion, x, 0
    if expansion != 1:
        y, at = net.relu6(net.layer(y, f"{name}.0.0", f"{name}.0.1", given, wide, 1)), 1
    y = net.relu6(net.layer(y, f"{name}.{at}.0", f"{name}.{at}.1", wide, wide, 3, stride=stride, groups=wide))
    y = net.layer(y, f"{name}.{at + 1}", f"{name}.{at + 2}", wide, made, 1)
    return net.op("Add", x, y) if stride == 1 and given == made else y


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path)
    args = parser.parse_args()
    args.file.write_bytes(mobilenet().SerializeToString(deterministic=True))


if __name__ == "__main__":
    main()
