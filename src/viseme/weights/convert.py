"""State dicts of others, read once and without running their code. Needs torch (extra `[train]`)."""

from __future__ import annotations

import os
from pathlib import Path

import torch
from torch import Tensor

from viseme.core.errors import MissingWeights, WeightsError
from viseme.weights.safetensors import read_tensors

__all__ = ["read_state_dict"]

_DTYPES = {"F64": "float64", "F32": "float32", "F16": "float16", "BF16": "bfloat16", "I64": "int64", "I32": "int32"}


def read_state_dict(path: str | os.PathLike[str]) -> dict[str, Tensor]:
    """Tensors by name, from a PyTorch file or safetensors.

    Raises:
        MissingWeights: there is no such file.
        WeightsError: it cannot be read, or holds something else.
    """
    if not Path(path).is_file():
        raise MissingWeights(f"there are no weights at {os.fspath(path)}; get them from the authors' page")
    try:
        if Path(path).suffix == ".safetensors":
            return {
                name: torch.frombuffer(bytearray(raw.data), dtype=getattr(torch, _DTYPES[raw.dtype])).reshape(raw.shape)
                if raw.data
                else torch.zeros(raw.shape)
                for name, raw in read_tensors(Path(path)).items()
            }
        found = torch.load(path, map_location="cpu", weights_only=True)
    except WeightsError:
        raise
    except Exception as error:  # torch's own message advises to load the file unsafely, so it is not passed on
        raise WeightsError(
            f"{os.fspath(path)} cannot be read as a state dict: it is damaged, or no file of tensors alone"
        ) from error
    if not isinstance(found, dict) or not all(isinstance(v, Tensor) for v in found.values()):
        raise WeightsError(f"{os.fspath(path)} cannot be read as a state dict: it holds other things than tensors")
    return found
