"""PyTorch files without torch: the answers of torch itself, and nothing is run that a file names."""

from __future__ import annotations

import collections
import io
import os
import pickle
from pathlib import Path

import numpy as np
import pytest
import torch

from viseme.core.errors import MissingWeights, WeightsError
from viseme.weights.torch_file import Stub, read_state_arrays, read_torch_file

LAYOUTS = pytest.mark.parametrize("zipped", [True, False])


def save(path: Path, what, zipped: bool = True) -> Path:
    torch.save(what, path, _use_new_zipfile_serialization=zipped)
    return path


@LAYOUTS
def test_a_state_dict_is_read_as_torch_reads_it(tmp_path: Path, zipped: bool) -> None:
    net = torch.nn.Sequential(torch.nn.Conv1d(3, 4, 5), torch.nn.BatchNorm1d(4), torch.nn.LSTM(4, 2))
    state = net.state_dict()
    state["view"] = state["0.weight"][::2].transpose(0, 2)  # shares its storage
    state["empty"], state["half"] = torch.zeros(2, 0), torch.arange(4).half()
    found = read_state_arrays(save(tmp_path / "net.pt", state, zipped))
    assert list(found) == list(state)
    for name, value in state.items():
        np.testing.assert_array_equal(found[name], value.numpy())
        assert found[name].dtype == value.numpy().dtype


class Foreign(collections.OrderedDict):
    """A class that the reader has never heard of."""


@LAYOUTS
def test_foreign_objects_become_stubs_and_keep_their_content(tmp_path: Path, zipped: bool) -> None:
    foreign = Foreign(word=3)
    foreign.symbols = ["a", "b"]
    found = read_torch_file(save(tmp_path / "a.pt", {"model": {"w": torch.ones(2)}, "task": foreign}, zipped))
    assert found["model"]["w"].tolist() == [1, 1]
    assert isinstance(found["task"], Stub)
    assert found["task"].items == [("word", 3)]
    assert found["task"].state == {"symbols": ["a", "b"]}
    assert "Foreign" in repr(found["task"])


class Harmful:
    """Makes a folder as soon as an ordinary reader sees it."""

    def __init__(self, folder: Path) -> None:
        self.folder = str(folder)

    def __reduce__(self):
        return os.mkdir, (self.folder,)


@LAYOUTS
def test_a_harmful_file_runs_nothing(tmp_path: Path, zipped: bool) -> None:
    path = save(tmp_path / "bad.pt", {"w": torch.ones(2), "bad": Harmful(tmp_path / "made")}, zipped)
    found = read_torch_file(path)
    assert not (tmp_path / "made").exists()
    assert found["bad"].given == (str(tmp_path / "made"),)
    with pytest.raises(WeightsError, match="other things than tensors"):
        read_state_arrays(path)
    torch.load(path, weights_only=False)
    assert (tmp_path / "made").exists(), "the file is not harmful, so this test shows nothing"

    def __reduce__(self):
        return torch._utils._rebuild_tensor_v2, ()


@pytest.mark.parametrize("state", [b"}X\x01\x00\x00\x00aK\x01s", b"N}X\x01\x00\x00\x00aK\x01s\x86"])
def test_a_file_cannot_change_its_reader(tmp_path: Path, state: bytes) -> None:
    hostile = b"\x80\x02ctorch._utils\n_rebuild_tensor_v2\n" + state + b"b."
    path = tmp_path / "bad.pt"
    heads = [pickle.dumps(v, 2) for v in (0x1950A86A20F9469CFC6C, 1001, {"little_endian": True})]
    path.write_bytes(b"".join([*heads, hostile]))
    with pytest.raises(WeightsError, match="change its reader"):
        read_torch_file(path)


@LAYOUTS
def test_what_is_cut_short_is_refused(tmp_path: Path, zipped: bool) -> None:
    whole = save(tmp_path / "a.pt", {"w": torch.ones(1000)}, zipped).read_bytes()
    (tmp_path / "cut.pt").write_bytes(whole[:-3000])
    with pytest.raises(WeightsError, match="get it again"):
        read_torch_file(tmp_path / "cut.pt")


def test_a_tensor_beyond_its_storage_is_refused(tmp_path: Path) -> None:
    whole = save(tmp_path / "a.pt", {"w": torch.ones(7)}, False).read_bytes()
    size = pickle.dumps((7,), 2)[2:4]
    assert whole.count(b"K\x00" + size) == 1  # offset 0, then the size
    (tmp_path / "b.pt").write_bytes(whole.replace(b"K\x00" + size, b"K\x00K\x09"))
    with pytest.raises(WeightsError, match="beyond its storage"):
        read_torch_file(tmp_path / "b.pt")


def test_what_is_no_such_file_is_said(tmp_path: Path) -> None:
    with pytest.raises(MissingWeights):
        read_torch_file(tmp_path / "none.pt")
    (tmp_path / "text.pt").write_bytes(b"not weights")
    with pytest.raises(WeightsError, match="PyTorch file"):
        read_torch_file(tmp_path / "text.pt")
    stored = io.BytesIO()
    torch.save({"w": torch.ones(3, dtype=torch.bfloat16)}, stored)
    (tmp_path / "b.pt").write_bytes(stored.getvalue())
    with pytest.raises(WeightsError, match="BFloat16Storage"):
        read_torch_file(tmp_path / "b.pt")
