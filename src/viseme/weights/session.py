"""A network that ships, ready to run on a device. The one place that knows ONNX Runtime.

Knows graphs, tensors and devices; refuses to know what a network is for and how it was trained. ONNX Runtime is
imported when the first network is made, so that a mistyped file name is reported at once.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from viseme.core.errors import ConfigError, WeightsError

__all__ = ["DEVICES", "Session", "available_devices", "resolve_device"]

_PROVIDERS: dict[str, tuple[str, dict[str, str]]] = {
    "cpu": ("CPUExecutionProvider", {}),
    # the default searches anew for every length of a clip
    "cuda": ("CUDAExecutionProvider", {"cudnn_conv_algo_search": "HEURISTIC"}),
    "coreml": ("CoreMLExecutionProvider", {}),
    "directml": ("DmlExecutionProvider", {}),
}
DEVICES = ("auto", *_PROVIDERS)
"""What `device` may be, wherever a network is run."""
_AUTO = ("cuda", "directml", "cpu")
"""In order of preference. Core ML compiles a network for every length of a clip, so it is used only when asked for."""
MOST_THREADS = 8
"""Of one network, where nothing else is said; ours gain nothing from more."""


def available_devices() -> tuple[str, ...]:
    """The devices that the installed ONNX Runtime can drive; "cpu" is always one."""
    import onnxruntime

    known = set(onnxruntime.get_available_providers())
    return tuple(name for name, (provider, _) in _PROVIDERS.items() if provider in known)


def resolve_device(device: str) -> str:
    """The device that a name stands for: itself, or for "auto" the best there is.

    Raises:
        ConfigError: there is no such device, or not here.
    """
    if device not in DEVICES:
        raise ConfigError(f"there is no device {device!r}; known: {', '.join(DEVICES)}")
    here = available_devices()
    if device == "auto":
        return next(name for name in _AUTO if name in here)
    if device not in here:
        raise ConfigError(
            f"the installed ONNX Runtime cannot drive {device!r}; available here: auto, {', '.join(here)} "
            "(onnxruntime-gpu brings cuda, onnxruntime-directml brings directml)"
        )
    return device


class Session:
    """An ONNX graph joined with its weights, on one device. `run` may be called from several threads."""

    def __init__(
        self,
        graph: bytes,
        initializers: Mapping[str, NDArray[Any]] | None = None,
        *,
        device: str = "auto",
        threads: int | None = None,
    ) -> None:
        """Prepare a graph to run.

        Args:
            graph: A serialised ONNX model.
            initializers: The weights that the graph names and does not hold: all of them, and no others.
            device: One of `DEVICES`.
            threads: CPU threads; None = OMP_NUM_THREADS, else one a core, at most `MOST_THREADS`.

        Raises:
            ConfigError: the device does not exist, or not here.
            WeightsError: the graph cannot be run, or not with these weights.
        """
        import onnxruntime

        self.device = resolve_device(device)
        provider, options = _PROVIDERS[self.device]
        cpu = _PROVIDERS["cpu"]
        # kept as long as the session: ONNX Runtime may read them where they lie
        self._values = _as_values(initializers or {})
        try:
            self._session = onnxruntime.InferenceSession(
                graph,
                _options(self._values, threads or default_threads()),
                providers=[(provider, options), *([cpu] if self.device != "cpu" else [])],
            )
        except Exception as error:  # ONNX Runtime has a class for every fault, and no common one
            raise WeightsError(f"the network cannot be run by ONNX Runtime: {_first_line(error)}") from error
        if self._session.get_providers()[0] != provider:
            if device != "auto":
                raise ConfigError(
                    f"{self.device} was asked for and does not start on this machine (driver or library missing); "
                    "pass --device cpu"
                )
            self.device = "cpu"
        self.inputs = tuple(node.name for node in self._session.get_inputs())
        """Names of what `run` takes."""
        self.outputs = tuple(node.name for node in self._session.get_outputs())
        """Names of what `run` returns."""

    def run(self, **arrays: NDArray[Any]) -> dict[str, NDArray[Any]]:
        """The outputs by name.

        Args:
            arrays: The inputs by name, of the graph's own types.

        Raises:
            ValueError: an input is missing, unknown, or of another type or shape than the graph has.
        """
        given = {name: np.ascontiguousarray(values) for name, values in arrays.items()}
        try:
            found: Any = self._session.run(None, given)
        except Exception as error:  # as above
            raise ValueError(f"the network does not take these arrays: {_first_line(error)}") from error
        return dict(zip(self.outputs, found, strict=True))


def _as_values(initializers: Mapping[str, NDArray[Any]]) -> dict[str, Any]:
    import onnxruntime

    return {
        name: onnxruntime.OrtValue.ortvalue_from_numpy(np.ascontiguousarray(values))
        for name, values in initializers.items()
    }


def _options(values: Mapping[str, Any], threads: int) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3  # errors; what matters of them is raised
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # other threads decode video meanwhile
    options.enable_mem_pattern = False  # lengths differ from call to call ...
    options.enable_cpu_mem_arena = False  # ... and an arena keeps what the longest needed: 50 MB, and no time gained
    if values:
        options.add_external_initializers(list(values), list(values.values()))
    return options


def default_threads() -> int:
    try:
        wanted = int(os.environ.get("OMP_NUM_THREADS", ""))
    except ValueError:
        wanted = 0
    if wanted > 0:
        return wanted
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(cores, MOST_THREADS)


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
