"""The papers' face model: BFM-2009 identity and texture with FaceWarehouse expressions, from the user's own files.

Two layouts are read, both those of Deng et al., "Accurate 3D Face Reconstruction with Weakly-Supervised Learning"
(https://github.com/sicxu/Deep3DFaceRecon_pytorch, `models/bfm.py` and `util/load_mats.py`):

- prepared: `BFM_model_front.mat` with meanshape, meantex (0 to 255), idBase, exBase, texBase (columns carry their
  sigma, decimetres), tri, keypoints (68), frontmask2_idx (all counted from 1), skinmask (0/1);
- raw: `01_MorphableModel.mat` (shapePC, shapeEV, shapeMU, texPC, texEV, texMU), `Exp_Pca.bin`, `std_exp.txt`,
  `BFM_front_idx.mat`, `BFM_exp_idx.mat`, `facemodel_info.mat`; micrometres, made into the same model.

`point_buf`, `tri_mask2` and `similarity_Lm3D_all.mat` serve the authors' own normals, losses and cropping and are not
needed here. Both data sets are for research only and come from their owners. Coefficients interchange with Deep3D's.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from viseme.core.errors import FaceError
from viseme.face3d.interface import FaceModel
from viseme.face3d.models.conversion import Parts, at_vertices, convert
from viseme.face3d.models.source import Source, digest, find, read_mat

__all__ = ["load_bfm"]

PREPARED = "BFM_model_front.mat"
RAW = "01_MorphableModel.mat"
RAW_FILES = (
    RAW,
    "Exp_Pca.bin",
    "std_exp.txt",
    "BFM_front_idx.mat",
    "BFM_exp_idx.mat",
    "facemodel_info.mat",
)
NUM_ID, NUM_EXP, NUM_TEX = 80, 64, 80
TO_DM = 1e-5
"""Micrometres to decimetres."""


def load_bfm(path: str | Path) -> FaceModel:
    """Read either layout.

    Args:
        path: `BFM_model_front.mat`, `01_MorphableModel.mat`, or the folder of either; the prepared one is preferred.

    Raises:
        FaceError: a file or key is missing or has another shape; the message names it.
    """
    file = find(Path(path), (PREPARED, RAW), what="the BFM-2009 files")
    if file.name != RAW:
        data = read_mat(file)
        mean = _flat(data, "meanshape").reshape(-1, 3)
        num = mean.size
        return _convert(
            data,
            file,
            mean,
            data.numbers("idBase", (num, None)),
            data.numbers("exBase", (num, None)),
            _flat(data, "meantex"),
            data.numbers("texBase", (num, None)),
            digest([file]),
        )
    return _load_raw(file.parent)


def _load_raw(folder: Path) -> FaceModel:
    for name in RAW_FILES:
        if not (folder / name).is_file():
            raise FaceError(f"{folder} holds {RAW} and no {name}; the raw layout needs {', '.join(RAW_FILES)}")
    data = read_mat(folder / RAW)
    shape, texture = _flat(data, "shapeMU"), _flat(data, "texMU")
    num_full = len(shape) // 3
    id_basis = data.numbers("shapePC", (len(shape), None)) * _flat(data, "shapeEV") * TO_DM
    tex_basis = data.numbers("texPC", (len(shape), None)) * _flat(data, "texEV")
    exp_basis, num_exp_vertices = _read_expressions(folder)
    front_file, trim_file = read_mat(folder / "BFM_front_idx.mat"), read_mat(folder / "BFM_exp_idx.mat")
    front = _flat_indices(front_file, "idx", num_exp_vertices)
    trim = _flat_indices(trim_file, "trimIndex", num_full)
    if len(trim) != num_exp_vertices:
        raise FaceError(
            f"{trim_file.path}: 'trimIndex' has {len(trim)} entries, Exp_Pca.bin {num_exp_vertices} vertices"
        )
    chosen = trim[front]

    def pick(values: NDArray[np.float64], rows: NDArray[np.int64]) -> NDArray[np.float64]:
        return values.reshape(-1, 3, *values.shape[1:])[rows].reshape(3 * len(rows), *values.shape[1:])

    return _convert(
        read_mat(folder / "facemodel_info.mat"),
        folder,
        pick(shape * TO_DM, chosen).reshape(-1, 3),
        pick(id_basis[:, :NUM_ID], chosen),
        pick(exp_basis[:, :NUM_EXP], front),
        pick(texture, chosen),
        pick(tex_basis[:, :NUM_TEX], chosen),
        digest([folder / name for name in RAW_FILES]),
    )


def _read_expressions(folder: Path) -> tuple[NDArray[np.float64], int]:
    """(3V, n) basis times standard deviations in decimetres, and V, of Guo et al.'s FaceWarehouse components."""
    file = folder / "Exp_Pca.bin"
    blob = file.read_bytes()
    num = int(np.frombuffer(blob, "<i4", 1)[0]) if len(blob) >= 4 else 0
    values = np.frombuffer(blob, "<f4", offset=4) if len(blob) % 4 == 0 and num > 0 else np.zeros(1, np.float32)
    if num <= 0 or len(values) == 0 or len(values) % (3 * (num + 1)):
        raise FaceError(
            f"{file} is not int32 n, float32 mean (3V), float32 components (n x 3V): {len(blob)} bytes for n = {num}"
        )
    length = len(values) // (num + 1)
    try:
        sigma = np.loadtxt(folder / "std_exp.txt").reshape(-1)
    except ValueError as error:
        raise FaceError(f"{folder / 'std_exp.txt'} is not a list of numbers: {error}") from error
    if len(sigma) != num:
        raise FaceError(f"{folder / 'std_exp.txt'} has {len(sigma)} numbers, Exp_Pca.bin has {num} components")
    basis = values[length:].reshape(num, length).T.astype(np.float64)
    return basis * sigma * TO_DM, length // 3


def _flat(data: Source, key: str) -> NDArray[np.float64]:
    """A vector stored as (N,), (1, N) or (N, 1)."""
    value = data.numbers(key)
    if value.size != max(value.shape, default=0) or value.size == 0:
        raise FaceError(f"{data.path}: {key!r} has shape {value.shape}, expected a vector")
    return value.reshape(-1)


def _flat_indices(data: Source, key: str, limit: int) -> NDArray[np.int64]:
    """The same for indices, which MATLAB counts from 1."""
    _flat(data, key)
    return data.indices(key, limit=limit, first=1).reshape(-1)


def _convert(
    info: Source,
    where: Path,
    mean: NDArray[np.float64],
    id_basis: NDArray[np.float64],
    exp_basis: NDArray[np.float64],
    texture: NDArray[np.float64],
    tex_basis: NDArray[np.float64],
    source_hash: str,
) -> FaceModel:
    num = len(mean)
    if len(texture) != 3 * num:
        raise FaceError(f"{where}: the mean texture has {len(texture)} values for {num} vertices")
    triangles = info.indices("tri", (None, 3), limit=num, first=1)
    keypoints = _flat_indices(info, "keypoints", num)
    if len(keypoints) != 68:
        raise FaceError(f"{info.path}: 'keypoints' has {len(keypoints)} entries, expected 68")
    front, skin = np.zeros(num, bool), _flat(info, "skinmask") > 0.5
    front[_flat_indices(info, "frontmask2_idx", num)] = True
    if len(skin) != num:
        raise FaceError(f"{info.path}: 'skinmask' has {len(skin)} entries for {num} vertices")
    corners, weights = at_vertices(keypoints)
    return convert(
        Parts(
            name="bfm",
            mean=mean,
            id_basis=id_basis.reshape(num, 3, -1),
            exp_basis=exp_basis.reshape(num, 3, -1),
            tex_mean=texture.reshape(num, 3) / 255,
            tex_basis=tex_basis.reshape(num, 3, -1) / 255,
            triangles=triangles,
            anchors={"ibug68": (np.arange(68), corners, weights)},
            masks={"face_front": front, "skin": skin},
            licence="BFM-2009 and FaceWarehouse: research only, not redistributable",
            source_hash=source_hash,
            origin="vertices",
        ),
        str(where),
    )
