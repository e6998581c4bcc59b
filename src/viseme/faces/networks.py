"""A face network as a function of arrays: the ONNX files that ship, or the networks of a user's task file.

Knows the two runtimes; refuses to know what the numbers mean. Both kinds take B C H W and give the same outputs in
the same order.
"""

from __future__ import annotations

import threading
import zipfile
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from viseme.core.errors import FaceError
from viseme.weights.catalog import assets_folder
from viseme.weights.session import Session

__all__ = ["Network", "load_network"]

Network: TypeAlias = Callable[[NDArray[np.float32]], list[NDArray[np.float32]]]
"""From a batch to the outputs; may be called from several threads."""

_INNER: dict[str, tuple[str, dict[int, tuple[int, ...]]]] = {
    "face_detector": ("face_detector.tflite", {0: (896, 16), 1: (896, 1)}),
    "face_landmarks": ("face_landmarks_detector.tflite", {0: (478, 3), 1: ()}),
    "face_blendshapes": ("face_blendshapes.tflite", {0: (52,)}),
}
"""Name of a network -> its file inside a task file, which of its outputs are used and in what shape."""


def load_network(name: str, task_file: Path | None = None, *, num_threads: int = 1) -> Network:
    """A network by name.

    Args:
        name: "face_detector", "face_landmarks" or "face_blendshapes".
        task_file: A user's `face_landmarker.task`; None = the file that ships.
        num_threads: Threads that share one run.

    Raises:
        FaceError: a file or LiteRT is missing, or the runtime refuses the file.
    """
    try:
        if task_file is None:
            return _onnx(assets_folder() / "faces" / f"{name}.onnx", num_threads)
        return _LiteRt(task_file, *_INNER[name], num_threads)
    except FaceError:
        raise
    except Exception as error:  # each runtime has errors of its own
        raise FaceError(f"{task_file or name}: the network cannot be loaded ({error})") from error


def _onnx(file: Path, num_threads: int) -> Network:
    session = Session(file.read_bytes(), device="cpu", threads=num_threads)
    return lambda batch: list(session.run(input=batch).values())


class _LiteRt:
    """A network inside a task file, run as it is, one of the batch after the other."""

    def __init__(self, task_file: Path, inner: str, outputs: dict[int, tuple[int, ...]], num_threads: int) -> None:
        try:
            module: Any = import_module("ai_edge_litert.interpreter")
        except ImportError as error:
            raise FaceError(f"{task_file}: task files are run by LiteRT; pip install ai-edge-litert") from error
        with zipfile.ZipFile(task_file) as task:
            self._interpreter = module.Interpreter(model_content=task.read(inner), num_threads=num_threads)
        self._interpreter.allocate_tensors()
        self._input = self._interpreter.get_input_details()[0]["index"]
        details = self._interpreter.get_output_details()
        self._outputs = [(details[i]["index"], shape) for i, shape in outputs.items()]
        self._lock = threading.Lock()

    def __call__(self, batch: NDArray[np.float32]) -> list[NDArray[np.float32]]:
        values = np.moveaxis(batch, 1, -1) if batch.ndim == 4 else batch
        return [np.stack(column) for column in zip(*map(self._one, values))]

    def _one(self, values: NDArray[np.float32]) -> list[NDArray[np.float32]]:
        with self._lock:
            self._interpreter.set_tensor(self._input, np.ascontiguousarray(values[None]))
            self._interpreter.invoke()
            return [self._interpreter.get_tensor(index).reshape(shape) for index, shape in self._outputs]
