"""The catalogue of weights, and headers that are read without loading anything."""

from __future__ import annotations

import hashlib
import json
import struct
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

import viseme.weights.catalog as catalog
from viseme.core.errors import BadHash, MissingWeights, WeightsError
from viseme.weights import WeightsRecord, find_weights, read_header, sha256_of, verify, weights_id


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    path = tmp_path / "tiny.safetensors"
    metadata = {"component": "sync", "config": json.dumps({"width": 3}), "package": "viseme 0.1.0"}
    save_file({"a": np.zeros((2, 3), np.float32), "b": np.zeros((), np.int64)}, str(path), metadata=metadata)
    return path


@pytest.fixture
def record(saved: Path, monkeypatch: pytest.MonkeyPatch) -> WeightsRecord:
    monkeypatch.setattr(catalog, "assets_folder", lambda: saved.parent)
    made = WeightsRecord(
        name="tiny",
        component="sync",
        file=saved.name,
        sha256=hashlib.sha256(saved.read_bytes()).hexdigest(),
        size=saved.stat().st_size,
        licence="CC BY 4.0",
        training_data="none",
        preprocessing="none",
        default=True,
    )
    monkeypatch.setattr(catalog, "WEIGHTS", {"tiny": made})
    return made


def test_a_header_describes_the_file(saved: Path) -> None:
    header = read_header(saved)
    assert header.metadata == {"component": "sync", "config": {"width": 3}, "package": "viseme 0.1.0"}
    assert header.tensors["a"].shape == (2, 3)
    assert header.num_values == 7


NOT_SAFETENSORS = [
    b"",
    b"hello",
    struct.pack("<Q", 1 << 60),
    struct.pack("<Q", 4) + b"{{{{",
    b"\x02" + bytes(7) + b"[]",
]


@pytest.mark.parametrize("content", NOT_SAFETENSORS)
def test_something_else_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "x.safetensors"
    path.write_bytes(content)
    with pytest.raises(WeightsError, match=r"x\.safetensors"):
        read_header(path)


def test_a_cut_file_is_refused(saved: Path) -> None:
    saved.write_bytes(saved.read_bytes()[:-4])
    with pytest.raises(WeightsError, match="cut short"):
        read_header(saved)


def test_a_missing_file(tmp_path: Path) -> None:
    for ask in (read_header, sha256_of, weights_id):
        with pytest.raises(MissingWeights):
            ask(tmp_path / "no.safetensors")


def test_a_name_a_path_or_nothing_finds_weights(record: WeightsRecord, saved: Path, tmp_path: Path) -> None:
    assert find_weights() == find_weights("tiny") == find_weights(saved) == saved
    with pytest.raises(MissingWeights, match="perhaps you meant 'tiny'"):
        find_weights("tinny")
    with pytest.raises(MissingWeights, match="no default"):
        find_weights(component="other")
    saved.unlink()
    with pytest.raises(MissingWeights, match="should lie at"):
        find_weights()


def test_verification(record: WeightsRecord, saved: Path) -> None:
    verify(record)
    saved.write_bytes(saved.read_bytes() + b"x")
    with pytest.raises(BadHash, match="hash to"):
        verify(record)
    saved.unlink()
    with pytest.raises(MissingWeights):
        verify(record)


def test_an_id_has_name_and_hash(record: WeightsRecord, saved: Path, tmp_path: Path) -> None:
    assert weights_id(saved) == f"tiny@{record.sha256[:12]}"
    other = tmp_path / "mine.bin"
    other.write_bytes(b"1")
    assert weights_id(other).startswith("mine@")
