"""The safetensors format: a JSON header that says what a file holds, then bytes. Runs no code of the file."""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from viseme.core.errors import MissingWeights, WeightsError

__all__ = ["RawTensor", "TensorInfo", "WeightsHeader", "read_header", "read_tensors", "write_tensors"]

_MAX_HEADER_BYTES = 100_000_000  # the limit of the format itself


@dataclass(frozen=True, kw_only=True)
class TensorInfo:
    """One stored tensor."""

    dtype: str
    """"F32", "F16", "I64", ..."""
    shape: tuple[int, ...]
    start: int
    """Where its bytes begin in the file."""
    num_bytes: int

    @property
    def num_values(self) -> int:
        """How many numbers it holds; 1 for a scalar."""
        return math.prod(self.shape)


@dataclass(frozen=True, kw_only=True)
class WeightsHeader:
    """What a checkpoint says about itself."""

    metadata: dict[str, Any]
    """`component`, `config`, `weights_of`, `package` and whatever else was written; JSON values are decoded."""
    tensors: dict[str, TensorInfo]

    @property
    def num_values(self) -> int:
        """Numbers stored, buffers included."""
        return sum(t.num_values for t in self.tensors.values())


def _decoded(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def read_header(path: str | Path) -> WeightsHeader:
    """Read and check the header of a safetensors file.

    The tensors themselves are not read, but their byte ranges are checked against the file's size,
    so a truncated download is found here.

    Raises:
        MissingWeights: there is no such file.
        WeightsError: the file is not safetensors, or is cut short.
    """
    path = Path(path)
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            prefix = file.read(8)
            length = struct.unpack("<Q", prefix)[0] if len(prefix) == 8 else -1
            if not 2 <= length <= min(_MAX_HEADER_BYTES, size - 8):
                raise WeightsError(f"{path} is not a safetensors file (no header); get the file again")
            header = json.loads(file.read(length))
    except FileNotFoundError:
        raise MissingWeights(f"there are no weights at {path}") from None
    except OSError as error:
        raise WeightsError(f"{path} cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise WeightsError(f"{path} is not a safetensors file (bad header); get the file again") from error
    try:
        metadata = {k: _decoded(v) for k, v in header.pop("__metadata__", {}).items()}
        tensors = {}
        for name, entry in header.items():
            start, end = entry["data_offsets"]
            if not 0 <= start <= end <= size - 8 - length:
                raise WeightsError(f"{path} is cut short: {name!r} lies past its end; get the file again")
            at = 8 + length + start
            tensors[name] = TensorInfo(
                dtype=entry["dtype"], shape=tuple(entry["shape"]), start=at, num_bytes=end - start
            )
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise WeightsError(f"{path} is not a safetensors file (odd entry in its header)") from error
    return WeightsHeader(metadata=metadata, tensors=tensors)


@dataclass(frozen=True)
class RawTensor:
    """One tensor as it lies in a file."""

    dtype: str
    """As in `TensorInfo`."""
    shape: tuple[int, ...]
    data: bytes
    """Little-endian, the last axis fastest."""


def read_tensors(path: str | Path) -> dict[str, RawTensor]:
    """Every tensor of a file.

    Raises:
        MissingWeights: there is no such file.
        WeightsError: see `read_header`.
    """
    header = read_header(path)
    out = {}
    with Path(path).open("rb") as file:
        for name, info in header.tensors.items():
            file.seek(info.start)
            out[name] = RawTensor(info.dtype, info.shape, file.read(info.num_bytes))
    return out


def write_tensors(path: str | Path, tensors: Mapping[str, RawTensor], metadata: Mapping[str, str]) -> None:
    """Write a safetensors file under another name and rename it: it appears complete or not at all.

    Args:
        path: Its folder is made.
        tensors: By name, in the order they are to lie in.
        metadata: What the file says about itself, by name.
    """
    header: dict[str, Any] = {"__metadata__": dict(metadata)}
    end = 0
    for name, tensor in tensors.items():
        start, end = end, end + len(tensor.data)
        header[name] = {"dtype": tensor.dtype, "shape": list(tensor.shape), "data_offsets": [start, end]}
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(path.name + ".partial")
    with temporary.open("wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        file.writelines(tensor.data for tensor in tensors.values())
    temporary.replace(path)
