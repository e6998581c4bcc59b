"""Reading other people's model files: every complaint names the file and the key. Never unpickles anything."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from viseme.core.errors import FaceError

__all__ = ["Source", "digest", "find", "read_mat", "read_npz"]


class Source:
    """Named arrays of one file.

    Args:
        path: For messages.
        arrays: Name -> array.
    """

    def __init__(self, path: Path, arrays: Mapping[str, NDArray[Any]]) -> None:
        self.path = path
        self._arrays = arrays

    def __contains__(self, key: object) -> bool:
        return key in self._arrays

    def get(self, key: str, shape: Sequence[int | None] | None = None) -> NDArray[Any]:
        """The array `key`, with the shape asked for (None = any length).

        Raises:
            FaceError: it is missing, is not an array of numbers or text, or has another shape.
        """
        if key not in self._arrays:
            raise FaceError(f"{self.path} has no {key!r}; it is not the documented layout, or a partial file")
        try:
            value = np.asarray(self._arrays[key])
        except ValueError as error:  # an array of Python objects in an npz: NumPy would have to unpickle it
            raise FaceError(
                f"{self.path}: {key!r} holds pickled objects, which are never loaded; save plain arrays"
            ) from (error)
        if value.dtype == object:
            raise FaceError(f"{self.path}: {key!r} holds objects instead of numbers; save plain arrays")
        if shape is not None and not _fits(value.shape, shape):
            wanted = ", ".join("any" if n is None else str(n) for n in shape)
            raise FaceError(f"{self.path}: {key!r} has shape {value.shape}, expected ({wanted})")
        return value

    def numbers(self, key: str, shape: Sequence[int | None] | None = None) -> NDArray[np.float64]:
        """The same as float64.

        Raises:
            FaceError: also when a value is not finite.
        """
        value = self.get(key, shape)
        if value.dtype.kind not in "fiub":
            raise FaceError(f"{self.path}: {key!r} holds {value.dtype} instead of numbers")
        value = value.astype(np.float64)
        if not np.isfinite(value).all():
            raise FaceError(f"{self.path}: {key!r} holds values that are not finite")
        return value

    def indices(
        self, key: str, shape: Sequence[int | None] | None = None, *, limit: int, first: int = 0
    ) -> NDArray[np.int64]:
        """The same as indices counted from 0.

        Args:
            key: Name.
            shape: As in `get`.
            limit: They must be below this.
            first: What the file calls the first one (MATLAB: 1).

        Raises:
            FaceError: also when one is out of range.
        """
        value = self.numbers(key, shape).astype(np.int64) - first
        if value.size and (value.min() < 0 or value.max() >= limit):
            found = f"{value.min() + first} to {value.max() + first}"
            raise FaceError(f"{self.path}: {key!r} has indices {found}, expected {first} to {limit - 1 + first}")
        return value


def _fits(found: tuple[int, ...], wanted: Sequence[int | None]) -> bool:
    return len(found) == len(wanted) and all(w is None or f == w for f, w in zip(found, wanted))


def find(path: Path, names: Sequence[str], *, what: str) -> Path:
    """`path` itself when it is a file, else the first of `names` in the folder.

    Raises:
        FaceError: neither; the message says what to put where.
    """
    if path.is_file():
        return path
    if path.is_dir():
        for name in names:
            if (path / name).is_file():
                return path / name
        raise FaceError(f"{path} holds no {' or '.join(names)}; put {what} there")
    raise FaceError(f"{path} does not exist; pass the file or folder of {what}")


def read_npz(path: Path) -> Source:
    """An npz of plain arrays.

    Raises:
        FaceError: a pickle, or not an npz.
    """
    if path.suffix.lower() in (".pkl", ".pickle", ".npy"):
        raise FaceError(f"{path} may hold pickled code, which is never loaded; convert it to an npz of plain arrays")
    try:
        data = np.load(path, allow_pickle=False)
        if not hasattr(data, "files"):
            raise ValueError("a single array")
        with data:
            return Source(path, {name: _member(data, name) for name in data.files})
    except FaceError:
        raise
    except Exception as error:
        raise FaceError(f"{path} is not a readable npz file: {error}") from error


def _member(data: Any, name: str) -> NDArray[Any]:
    try:
        return data[name]
    except ValueError:  # pickled objects; complained about when somebody asks for them
        return np.array([None], dtype=object)


def read_mat(path: Path) -> Source:
    """A MATLAB file up to version 7.2.

    Raises:
        FaceError: it is missing, damaged, or HDF5 (version 7.3).
    """
    from scipy.io import loadmat

    if not path.is_file():
        raise FaceError(f"{path} does not exist")
    try:
        return Source(path, loadmat(str(path)))
    except Exception as error:
        raise FaceError(f"{path} is not a readable MATLAB file of version 5 to 7.2: {error}") from error


def digest(paths: Sequence[Path]) -> str:
    """SHA-256 over the files, in order."""
    sha = hashlib.sha256()
    for path in paths:
        with path.open("rb") as stream:
            while block := stream.read(1 << 20):
                sha.update(block)
    return sha.hexdigest()
