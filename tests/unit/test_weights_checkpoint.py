"""Checkpoints: what is written is read, in every precision; what is not a checkpoint is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file

from viseme.core.errors import MissingWeights, WeightsError
from viseme.weights import Graph, file_stamp, read_checkpoint, write_checkpoint

TENSORS = {
    "a.weight": np.random.default_rng(0).normal(size=(3, 4)).astype(np.float32),
    "a.count": np.array(7),
    "empty": np.zeros((0, 2), np.float32),
}


def write(path: Path, **changes) -> Path:
    given = {"component": "x", "header": {"config": {"sizes": (1, 2)}}, "tensors": TENSORS, "graphs": {}}
    write_checkpoint(path, **{**given, **changes})
    return path


@pytest.mark.parametrize("storage", ["float32", "float16", "bfloat16"])
def test_what_is_written_is_read(tmp_path: Path, storage) -> None:
    graphs = {"part": Graph(b"\x08\x07graph", ("a.weight",))}
    path = write(tmp_path / "new" / "net.safetensors", storage=storage, graphs=graphs)
    found = read_checkpoint(path, component="x", holds="thing")
    expected = torch.from_numpy(TENSORS["a.weight"]).to(getattr(torch, storage)).float().numpy()
    np.testing.assert_array_equal(found.tensors["a.weight"], expected)
    assert found.tensors["a.weight"].dtype == np.float32
    assert found.tensors["a.count"] == 7
    assert found.tensors["empty"].shape == (0, 2)
    assert found.graphs == graphs
    assert found.config() == {"sizes": (1, 2)}
    assert found.tensors_of("a.").keys() == {"weight", "count"}
    assert found.name.startswith("net@")
    assert [p.name for p in path.parent.iterdir()] == ["net.safetensors"]


def test_the_library_of_the_format_reads_it_too(tmp_path: Path) -> None:
    found = load_file(write(tmp_path / "net.safetensors", storage="float32"))
    assert found.keys() == TENSORS.keys()
    np.testing.assert_array_equal(found["a.weight"], TENSORS["a.weight"])


def test_what_half_precision_cannot_hold_is_refused(tmp_path: Path) -> None:
    big = {"a": np.array([7e4, 1], np.float32)}
    with pytest.raises(ValueError, match="a has values that half precision cannot hold"):
        write(tmp_path / "net.safetensors", tensors=big)
    assert list(tmp_path.iterdir()) == []
    write(tmp_path / "net.safetensors", tensors=big, storage="bfloat16")


def test_other_files_are_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "net.safetensors")
    with pytest.raises(WeightsError, match=r"net\.safetensors holds no sync model \(component is 'x'\)"):
        read_checkpoint(path, component="sync", holds="sync model")
    with pytest.raises(MissingWeights):
        read_checkpoint(tmp_path / "none.safetensors", component="x", holds="thing")
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(WeightsError, match="cut short"):
        read_checkpoint(path, component="x", holds="thing")


def test_a_tensor_that_is_not_what_the_header_says_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "net.safetensors", storage="float32")
    path.write_bytes(path.read_bytes().replace(b'"shape": [3, 4]', b'"shape": [3, 9]'))
    with pytest.raises(WeightsError, match=r"net\.safetensors"):
        read_checkpoint(path, component="x", holds="thing")


def test_a_part_that_is_not_there_is_named(tmp_path: Path) -> None:
    found = read_checkpoint(write(tmp_path / "net.safetensors"), component="x", holds="thing")
    with pytest.raises(WeightsError, match="holds no graph 'video'"):
        found.session("video")


def test_a_stamp_changes_with_the_file(tmp_path: Path) -> None:
    path = write(tmp_path / "net.safetensors")
    before = file_stamp(path)
    assert file_stamp(path) == before
    write(path, storage="float32")
    assert file_stamp(path) != before
    with pytest.raises(MissingWeights):
        file_stamp(tmp_path / "none")
