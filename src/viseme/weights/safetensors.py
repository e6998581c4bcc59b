"""The JSON header of a safetensors file: what it says about itself, without loading a tensor or running code."""

from __future__ import annotations

import json
import math
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from viseme.core.errors import MissingWeights, WeightsError

__all__ = ["TensorInfo", "WeightsHeader", "read_header"]

_MAX_HEADER_BYTES = 100_000_000  # the limit of the format itself


@dataclass(frozen=True, kw_only=True)
class TensorInfo:
    """One stored tensor."""

    dtype: str
    """"F32", "F16", "I64", ..."""
    shape: tuple[int, ...]
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
            tensors[name] = TensorInfo(dtype=entry["dtype"], shape=tuple(entry["shape"]), num_bytes=end - start)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise WeightsError(f"{path} is not a safetensors file (odd entry in its header)") from error
    return WeightsHeader(metadata=metadata, tensors=tensors)
