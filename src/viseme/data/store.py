"""Prepared clips on disk: named arrays of every clip, many clips a file, read without loading the rest.

Knows bytes and names; refuses to know what the arrays mean. A shard is a safetensors file that appears complete or not
at all, and holds for a clip without arrays the reason why; the shards of a folder together are the store, so that
processes can add to it side by side and a run that was stopped goes on. Arrays are memory maps that live as long as
they are used: memory does not grow with the number of clips.
"""

from __future__ import annotations

import hashlib
import json
import struct
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save

from viseme.core.errors import DataError
from viseme.media.files import replacing

__all__ = ["ClipStore"]

Arrays = Mapping[str, NDArray[Any]]
_DTYPES = {
    "F64": "<f8", "F32": "<f4", "F16": "<f2", "I64": "<i8", "I32": "<i4", "I16": "<i2", "I8": "i1", "U8": "u1",
    "BOOL": "?",
}  # fmt: skip
_SUFFIX = ".safetensors"


@dataclass(frozen=True)
class _Place:
    """Where one array lies."""

    path: Path
    dtype: str
    shape: tuple[int, ...]
    offset: int

    def read(self) -> NDArray[Any]:
        if 0 in self.shape or not self.shape:  # a map of nothing is an error; of one number, a waste
            count = int(np.prod(self.shape, dtype=np.int64))
            return np.fromfile(self.path, self.dtype, count, offset=self.offset).reshape(self.shape)
        return np.memmap(self.path, self.dtype, "r", self.offset, self.shape)


class ClipStore(Mapping[str, dict[str, NDArray[Any]]]):
    """Key of a clip -> its arrays. A pickle of a store is its folder's name."""

    def __init__(self, folder: Path) -> None:
        """Read the index of every shard in `folder`, which need not exist yet.

        Raises:
            DataError: a shard is damaged.
        """
        self.folder = folder
        self.reasons: dict[str, str] = {}
        """Clips that were prepared in vain -> why."""
        self._places: dict[str, dict[str, _Place]] = {}
        self._known: set[Path] = set()
        self.refresh()

    def refresh(self) -> None:
        """Take in shards that other processes have written since."""
        for path in sorted(self.folder.glob(f"*{_SUFFIX}")):
            if path not in self._known:
                self._known.add(path)
                self._index(path)

    def _index(self, path: Path) -> None:
        try:
            with path.open("rb") as file:
                (length,) = struct.unpack("<Q", file.read(8))
                header = json.loads(file.read(length))
            about = json.loads(header.pop("__metadata__")["clips"])
            for key in about["keys"]:
                self._places[key] = {}
            for name, entry in header.items():
                key, _, array = name.partition("/")
                begin, end = (8 + length + at for at in entry["data_offsets"])
                if end > path.stat().st_size:
                    raise ValueError("cut short")
                self._places[key][array] = _Place(path, _DTYPES[entry["dtype"]], tuple(entry["shape"]), begin)
            self.reasons |= about["reasons"]
        except (KeyError, TypeError, ValueError, struct.error) as error:
            raise DataError(f"{path} is damaged ({error!r}); delete it and run again") from None

    def __getitem__(self, key: str) -> dict[str, NDArray[Any]]:
        """Arrays by name: read-only maps of the file."""
        return {name: place.read() for name, place in self._places[key].items()}

    def read(self, key: str, names: Iterable[str]) -> list[NDArray[Any]]:
        """Some of a clip's arrays."""
        places = self._places[key]
        return [places[name].read() for name in names]

    def __iter__(self) -> Iterator[str]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)

    def __contains__(self, key: object) -> bool:
        return key in self._places

    def done(self, key: str) -> bool:
        """Whether the clip was prepared, be it in vain."""
        return key in self._places or key in self.reasons

    def __reduce__(self) -> tuple[type[ClipStore], tuple[Path]]:
        return ClipStore, (self.folder,)

    def write(self, clips: Mapping[str, Arrays], reasons: Mapping[str, str]) -> Path:
        """Add one shard.

        Args:
            clips: Key -> arrays by name; no slash in either.
            reasons: Key -> why the clip has no arrays.

        Raises:
            OutputError: disk full, no permission.
        """
        assert not any("/" in key or "/" in name for key, arrays in clips.items() for name in arrays)
        tensors = {f"{k}/{n}": np.asarray(a, order="C") for k, arrays in clips.items() for n, a in arrays.items()}
        about = json.dumps({"keys": list(clips), "reasons": dict(reasons)})
        name = hashlib.sha256(json.dumps(sorted([*clips, *reasons])).encode()).hexdigest()[:20]
        path = self.folder / f"{name}{_SUFFIX}"
        self.folder.mkdir(parents=True, exist_ok=True)
        with replacing(path) as file:
            file.write(save(tensors, metadata={"clips": about}))
        return path
