"""PyTorch files read without torch, and without running anything that they name. Knows both layouts: the zip archive
(torch 1.6 and later) and the older row of pickles.

A pickle can name any function of any module. Here tensors become NumPy arrays, plain containers pass, and every other
class or function becomes a `Stub`, which only keeps what it was given.
"""

from __future__ import annotations

import io
import pickle
import struct
import zipfile
from collections import OrderedDict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from viseme.core.errors import MissingWeights, WeightsError

__all__ = ["Stub", "read_state_arrays", "read_torch_file"]

_MAGIC, _PROTOCOL = 0x1950A86A20F9469CFC6C, 1001
_DTYPES = {
    "DoubleStorage": "<f8", "FloatStorage": "<f4", "HalfStorage": "<f2", "LongStorage": "<i8", "IntStorage": "<i4",
    "ShortStorage": "<i2", "CharStorage": "<i1", "ByteStorage": "<u1", "BoolStorage": "|b1",
}  # fmt: skip


def read_state_arrays(path: str | Path) -> dict[str, NDArray[Any]]:
    """The tensors of a state dict by name.

    Raises:
        MissingWeights: there is no such file.
        WeightsError: it cannot be read, or holds something else.

    Source:
        `torch.load(path, weights_only=True)`, whose answers it gives as arrays.
    """
    found = read_torch_file(path)
    if not isinstance(found, dict) or not all(isinstance(v, np.ndarray) for v in found.values()):
        raise WeightsError(f"{path} is not a state dict: it holds other things than tensors")
    return {str(name): value for name, value in found.items()}


def read_torch_file(path: str | Path) -> Any:
    """What a PyTorch file holds: containers as they are, tensors as arrays, anything else as `Stub`.

    Args:
        path: Written by `torch.save`.

    Raises:
        MissingWeights: there is no such file.
        WeightsError: it is no PyTorch file, cut short, or of a kind of tensor that NumPy does not have.
    """
    if not Path(path).is_file():
        raise MissingWeights(f"there are no weights at {path}")
    try:
        with Path(path).open("rb") as file:
            zipped = file.read(4) == b"PK\3\4"
            file.seek(0)
            return _read_zip(file) if zipped else _read_pickles(file)
    except WeightsError:
        raise
    except Exception as error:  # a damaged or harmful pickle can make the reader say anything
        raise WeightsError(f"{path} cannot be read as a PyTorch file ({error}); get it again") from error


class Stub:
    """Stands for a class, function or object that was not looked up; keeps what it was given and does nothing."""

    def __new__(cls, *args: Any, **_: Any) -> Stub:
        made = object.__new__(cls)
        made.given, made.state, made.items = args, None, []
        return made

    def __init__(self, *_: Any, **__: Any) -> None:
        self.given: tuple[Any, ...]
        """What it was called with."""
        self.state: Any
        """Attributes it was pickled with, a dict as a rule."""
        self.items: list[Any]
        """Members, of pickled lists; (key, value), of pickled dicts."""

    def __setstate__(self, state: Any) -> None:
        self.state = state

    def append(self, item: Any) -> None:
        """As a pickled list grows."""
        self.items.append(item)

    def __setitem__(self, key: Any, value: Any) -> None:
        self.items.append((key, value))

    def __repr__(self) -> str:
        return f"<stub of {type(self).__module__}.{type(self).__qualname__}>"


class _Known:
    """A function that a pickle may call, and cannot change."""

    __slots__ = ("_call",)

    def __init__(self, call: Callable[..., Any]) -> None:
        object.__setattr__(self, "_call", call)

    def __call__(self, *args: Any) -> Any:
        return self._call(*args)

    def __setattr__(self, name: str, value: Any) -> None:
        raise pickle.UnpicklingError(f"the file tries to change {name!r} of its reader")

    def __setstate__(self, state: Any) -> None:
        raise pickle.UnpicklingError("the file tries to change its reader")


class _Reader(pickle.Unpickler):
    def __init__(self, file: Any, storage: Callable[[str, str, int], NDArray[Any]]) -> None:
        super().__init__(file, encoding="utf-8")
        self._storage, self._stubs = storage, {}

    def find_class(self, module: str, name: str) -> Any:
        if module == "torch" and name in _DTYPES:
            return name
        if (module, name) in _KNOWN:
            return _KNOWN[module, name]
        if (module, name) not in self._stubs:
            self._stubs[module, name] = type(name.rpartition(".")[2], (Stub,), {"__module__": module})
        return self._stubs[module, name]

    def persistent_load(self, pid: Any) -> NDArray[Any]:
        kind, dtype, key, _, num, *view = pid
        if kind != "storage" or dtype not in _DTYPES or any(view):
            raise pickle.UnpicklingError(f"tensors stored as {getattr(dtype, '__name__', dtype)} are not supported")
        return self._storage(str(key), _DTYPES[dtype], int(num))


def _tensor(storage: NDArray[Any], offset: int, size: Sequence[int], stride: Sequence[int], *_: Any) -> NDArray[Any]:
    """A view into its storage, whose content may be read later."""
    last = offset + sum((n - 1) * step for n, step in zip(size, stride, strict=True))
    if 0 in size:
        return np.empty(tuple(size), storage.dtype)
    if min([offset, *size, *stride]) < 0 or last >= len(storage):
        raise pickle.UnpicklingError("a tensor reaches beyond its storage")
    steps = tuple(step * storage.itemsize for step in stride)
    return np.lib.stride_tricks.as_strided(storage[offset:], tuple(size), steps)


_KNOWN: dict[tuple[str, str], Any] = {
    ("collections", "OrderedDict"): OrderedDict,
    ("__builtin__", "set"): set,
    ("builtins", "set"): set,
    ("torch", "Size"): tuple,
    ("torch._utils", "_rebuild_tensor"): _Known(_tensor),
    ("torch._utils", "_rebuild_tensor_v2"): _Known(_tensor),
    ("torch._utils", "_rebuild_parameter"): _Known(lambda data, *_: data),
    ("_codecs", "encode"): _Known(lambda text, coding: str(text).encode("latin1" if coding == "latin1" else "utf-8")),
}


def _read_zip(file: Any) -> Any:
    with zipfile.ZipFile(file) as archive:
        (pickled,) = [n for n in archive.namelist() if n.endswith("data.pkl") and n.count("/") <= 1]
        root = pickled.removesuffix("data.pkl")
        if f"{root}byteorder" in archive.namelist() and archive.read(f"{root}byteorder") != b"little":
            raise WeightsError(f"{file.name} was written on a big-endian machine, which is not supported")
        kept: dict[str, NDArray[Any]] = {}

        def storage(key: str, dtype: str, num: int) -> NDArray[Any]:
            if key not in kept:
                kept[key] = np.frombuffer(bytearray(archive.read(f"{root}data/{key}")), dtype)
            if len(kept[key]) < num:
                raise pickle.UnpicklingError("a storage is shorter than it says")
            return kept[key]

        return _Reader(io.BytesIO(archive.read(pickled)), storage).load()


def _read_pickles(file: Any) -> Any:
    size = Path(file.name).stat().st_size
    kept: dict[str, NDArray[Any]] = {}

    def none(*_: Any) -> NDArray[Any]:
        raise pickle.UnpicklingError("a tensor where none should be")

    def storage(key: str, dtype: str, num: int) -> NDArray[Any]:
        if not 0 <= num * np.dtype(dtype).itemsize <= size:
            raise pickle.UnpicklingError("a storage is larger than the file")
        return kept.setdefault(key, np.empty(num, dtype))

    if _Reader(file, none).load() != _MAGIC or _Reader(file, none).load() != _PROTOCOL:
        raise pickle.UnpicklingError("it does not begin as one")
    if not _Reader(file, none).load().get("little_endian", True):
        raise WeightsError(f"{file.name} was written on a big-endian machine, which is not supported")
    found = _Reader(file, storage).load()
    for key in _Reader(file, none).load():
        values = kept[key]
        (num,) = struct.unpack("<q", file.read(8))
        if num != len(values) or file.readinto(values.view(np.uint8)) != values.nbytes:
            raise pickle.UnpicklingError("it is cut short")
    return found
