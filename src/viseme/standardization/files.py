"""Standardised clips on disk: one safetensors file, written as a stream and read without loading it.

Schema `viseme.standardized/1`. Every face track is a group of tensors whose names begin with `track<i>.`, also where
there is only one; `i` counts tracks by their first frame, from 0. In each group, T frames:

    times    F64  (T,)             seconds from the first frame
    beta     F32  (T, 64)          expression; zeros where not valid
    pose     F32  (T, 6)           pitch, yaw, roll (radians), x, y, z (decimetres); zeros where nothing was fitted
    residual F32  (T,)             mean landmark distance over face width; NaN where nothing was fitted
    crops    F32  (T, 3)           centre x, y and side of the square the face was seen in, source pixels
    alpha    F32  (A,)             identity; absent where the estimator gives none or one for every frame
    valid    BOOL (T,)             False = do not use
    reason   U8   (T,)             index into `FRAME_REASONS`; 0 where valid

and, as asked for,

    rgb      U8   (T, 3, 224, 224) black where not valid
    rgbd     U8   (T, 4, 224, 224) the same
    mesh     F32  (T, N, 3)        zeros where not valid
    arkit    F32  (T, 52)          0 to 1, in the order of the metadata's `arkit_names`; zeros where not valid

A file with `mesh` also has `mesh_vertices` I32 (N,), rows of the face model's vertices, and `mesh_triangles` I32
(M, 3), rows of those. The metadata are strings, each JSON: `schema`, `file`, `as`, `estimator`, `weights`,
`face_model`, `z_norm`, `reasons`, `tracks`, `rejected`, `input`, `package`, and with `arkit` `arkit_names`.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from viseme.core.errors import DataError, MissingWeights, WeightsError
from viseme.core.results import RejectedTrack, to_jsonable
from viseme.media.files import OutputFile, replacing, shown
from viseme.weights.safetensors import read_header

__all__ = ["STANDARDIZED_SCHEMA", "ClipWriter", "StandardizedClip", "StandardizedFace", "read_standardized"]

STANDARDIZED_SCHEMA = "viseme.standardized/1"

_NAMES = {"F64": np.float64, "F32": np.float32, "I32": np.int32, "BOOL": np.bool_, "U8": np.uint8}
_CODES = {np.dtype(kind): name for name, kind in _NAMES.items()}

Layout = Mapping[str, "tuple[type, tuple[int, ...]]"]
"""Tensor name -> type and shape."""


class ClipWriter:
    """Fills tensors whose sizes are known, row after row, in any order of tensors; made by `ClipWriter.to`."""

    def __init__(self, file: OutputFile, layout: Layout, metadata: Mapping[str, Any]) -> None:
        self._file = file
        self._next: dict[str, int] = {}
        self._end: dict[str, int] = {}
        self._like: dict[str, tuple[np.dtype[Any], tuple[int, ...]]] = {}
        entries: dict[str, Any] = {"__metadata__": {k: json.dumps(to_jsonable(v)) for k, v in metadata.items()}}
        at = 0
        # wide types first, so that every tensor begins at a multiple of its own width
        for name, (kind, shape) in sorted(layout.items(), key=lambda item: (-np.dtype(item[1][0]).itemsize, item[0])):
            dtype = np.dtype(kind)
            size = math.prod(shape) * dtype.itemsize
            entries[name] = {"dtype": _CODES[dtype], "shape": list(shape), "data_offsets": [at, at + size]}
            self._next[name], self._end[name], self._like[name] = at, at + size, (dtype, shape[1:])
            at += size
        header = json.dumps(entries, separators=(",", ":")).encode()
        header += b" " * (-len(header) % 8)
        file.write(len(header).to_bytes(8, "little") + header)
        self._begin = 8 + len(header)

    @classmethod
    @contextmanager
    def to(cls, out: str | os.PathLike[str], layout: Layout, metadata: Mapping[str, Any]) -> Iterator[ClipWriter]:
        """A writer whose file appears, complete, when the block ends well, and not at all when it does not.

        Raises:
            OutputError: disk full, folder missing, no permission.
        """
        with replacing(out) as file:
            writer = cls(file, layout, metadata)
            yield writer
            assert writer._next == writer._end, "a tensor was not filled"

    def write(self, name: str, rows: NDArray[Any]) -> None:
        """Append rows to a tensor."""
        dtype, rest = self._like[name]
        assert (rows.dtype, rows.shape[1:]) == (dtype, rest), (name, rows.dtype, rows.shape)
        data = np.ascontiguousarray(rows)
        assert self._next[name] + data.nbytes <= self._end[name], f"{name} is full"
        self._file.seek(self._begin + self._next[name])
        self._file.write(data.tobytes())
        self._next[name] += data.nbytes


@dataclass(frozen=True, kw_only=True)
class StandardizedFace:
    """One face track of a file; arrays are read from the disk when they are used."""

    name: str
    """`track0`, ..."""
    times: NDArray[np.float64]
    """(T,) seconds."""
    beta: NDArray[np.float32]
    """(T, E)."""
    pose: NDArray[np.float32]
    """(T, 6)."""
    valid: NDArray[np.bool_]
    """(T,)."""
    reason: NDArray[np.uint8]
    """(T,)."""
    tensors: Mapping[str, NDArray[Any]]
    """Everything in the group, these included, by the name behind the dot."""


@dataclass(frozen=True, kw_only=True)
class StandardizedClip:
    """A file of schema `viseme.standardized/1`."""

    path: Path
    metadata: Mapping[str, Any]
    """Decoded."""
    faces: tuple[StandardizedFace, ...]
    """By first frame."""
    tensors: Mapping[str, NDArray[Any]]
    """Those of no track: `mesh_vertices`, `mesh_triangles`."""

    @property
    def rejected(self) -> tuple[RejectedTrack, ...]:
        """Faces that were seen and not used."""
        return tuple(RejectedTrack(**entry) for entry in self.metadata["rejected"])


def read_standardized(path: str | os.PathLike[str]) -> StandardizedClip:
    """Open what `viseme standardize` wrote; nothing but the header is read.

    Raises:
        DataError: missing, another kind of file, or cut short.
    """
    path = Path(path)
    try:
        header = read_header(path)
    except (MissingWeights, WeightsError) as error:
        raise DataError(f"{shown(path)} is not a standardised clip: {error}") from error
    if header.metadata.get("schema") != STANDARDIZED_SCHEMA:
        raise DataError(f"{shown(path)} is not of schema {STANDARDIZED_SCHEMA}; write it with viseme standardize")
    groups: dict[str, dict[str, NDArray[Any]]] = {}
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        entries = json.loads(file.read(length))
    entries.pop("__metadata__")
    for key, entry in entries.items():
        group, _, name = key.rpartition(".")
        groups.setdefault(group, {})[name] = _mapped(path, 8 + length, entry)
    alone = groups.pop("", {})
    faces = [
        StandardizedFace(
            name=group,
            tensors=t,
            **{k: t[k] for k in ("times", "beta", "pose", "valid", "reason")},  # type: ignore[arg-type]
        )
        for group, t in sorted(groups.items(), key=lambda item: int(item[0].removeprefix("track")))
    ]
    return StandardizedClip(path=path, metadata=header.metadata, faces=tuple(faces), tensors=alone)


def _mapped(path: Path, begin: int, entry: Mapping[str, Any]) -> NDArray[Any]:
    kind, shape = _NAMES[entry["dtype"]], tuple(entry["shape"])
    if not math.prod(shape):
        return np.zeros(shape, kind)
    return np.memmap(path, kind, "r", begin + entry["data_offsets"][0], shape)
