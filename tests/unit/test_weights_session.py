"""Sessions: devices by name, threads, and what is said of arrays and graphs that do not fit."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from viseme.core.errors import ConfigError, WeightsError
from viseme.weights import DEVICES, Session, available_devices, resolve_device
from viseme.weights import session as sessions


def doubling() -> bytes:
    """y = 2 x, for any number of numbers."""
    x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, ["T"]) for name in "xy")
    graph = helper.make_graph([helper.make_node("Add", ["x", "x"], ["y"])], "doubling", [x], [y])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    return model.SerializeToString()


def test_a_graph_is_run() -> None:
    session = Session(doubling(), device="cpu")
    assert (session.inputs, session.outputs, session.device) == (("x",), ("y",), "cpu")
    for num in (0, 1, 5):
        values = np.arange(num, dtype=np.float32)
        np.testing.assert_array_equal(session.run(x=values)["y"], 2 * values)
    strided = np.arange(6, dtype=np.float32)[::2]
    np.testing.assert_array_equal(session.run(x=strided)["y"], [0, 4, 8])


def test_several_threads_may_run_it() -> None:
    session = Session(doubling(), device="cpu", threads=1)
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda n: session.run(x=np.full(50, n, np.float32))["y"][0], range(40)))
    assert found == [2 * n for n in range(40)]


@pytest.mark.parametrize("wrong", [{}, {"z": np.zeros(1, np.float32)}, {"x": np.zeros(1, np.int64)}])
def test_arrays_that_do_not_fit_are_refused(wrong: dict[str, np.ndarray]) -> None:
    with pytest.raises(ValueError, match="does not take these arrays"):
        Session(doubling(), device="cpu").run(**wrong)


@pytest.mark.parametrize("graph", [b"", b"nothing", doubling()[:40]])
def test_what_is_no_graph_is_refused(graph: bytes) -> None:
    with pytest.raises(WeightsError, match="cannot be run"):
        Session(graph, device="cpu")


def test_the_processor_is_always_there() -> None:
    assert "cpu" in available_devices()
    assert set(available_devices()) < set(DEVICES)
    assert resolve_device("auto") in available_devices()
    assert resolve_device("cpu") == "cpu"


def test_an_unknown_device_lists_the_known() -> None:
    with pytest.raises(ConfigError, match="there is no device 'gpu'; known: auto, cpu, cuda, coreml, directml"):
        Session(doubling(), device="gpu")


def test_a_device_that_is_not_here_says_what_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sessions, "available_devices", lambda: ("cpu", "coreml"))
    with pytest.raises(ConfigError, match="cannot drive 'cuda'; available here: auto, cpu, coreml"):
        resolve_device("cuda")
    assert resolve_device("auto") == "cpu", "Core ML only when asked for"
    monkeypatch.setattr(sessions, "available_devices", lambda: ("cpu", "cuda", "directml"))
    assert resolve_device("auto") == "cuda"


def test_a_device_that_does_not_start_is_told_and_with_auto_the_processor_stands_in(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """ONNX Runtime falls back to the processor by itself, without a word, where a driver is missing."""
    monkeypatch.setattr(sessions, "available_devices", lambda: ("cpu", "cuda"))
    with pytest.warns(UserWarning, match="provider"), pytest.raises(ConfigError, match="does not start on this"):
        Session(doubling(), device="cuda")
    with pytest.warns(UserWarning, match="provider"):
        assert Session(doubling(), device="auto").device == "cpu"


@pytest.mark.parametrize(("value", "threads"), [("3", 3), ("1", 1), ("many", None), ("0", None), ("", None)])
def test_threads_follow_the_usual_variable(monkeypatch: pytest.MonkeyPatch, value: str, threads: int | None) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", value)
    found = sessions.default_threads()
    assert found == threads if threads else 1 <= found <= sessions.MOST_THREADS
