"""ICT-FaceKit Light (Li et al., "Learning Formation of Physically-Based Face Attributes", 2020; MIT): a user's copy.

Layout of https://github.com/ICT-VGL/ICT-FaceKit, folder `FaceXModel`: `generic_neutral_mesh.obj` (26,719 vertices,
26,384 quads, centimetres), `identity000.obj` ... (100 PCA modes added to the neutral head, unit variance),
`vertex_indices.json` (its `expressions` names the expression files) and one OBJ an expression. Face, mouth socket,
gums, tongue and teeth are kept: 18,844 vertices by the ranges of the README, whose 68 Multi-PIE landmarks are `ibug68`.
There is no albedo.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from viseme.core.errors import FaceError
from viseme.face3d.interface import NAMED_SHAPES_SPREAD, PARTS, FaceModel
from viseme.face3d.models.conversion import Parts, at_vertices, convert, keep_vertices
from viseme.face3d.models.source import find

__all__ = ["load_ict"]

NEUTRAL, CONFIG = "generic_neutral_mesh.obj", "vertex_indices.json"
NUM_VERTICES = 26719
FACE, SOCKET, GUMS_TONGUE, TEETH = (0, 9409), (11248, 13294), (14062, 17039), (17039, 21451)
UPPER_TEETH = (17039, 19247)
NUM_ID, NUM_EXP = 80, 64
SIGMA = 0.35
"""Activation of an expression at coefficient 1, as in the default model."""
TO_DM = 0.1
MULTI_PIE = (
    *(1225, 1888, 1052, 367, 1719, 1722, 2199, 1447, 966, 3661, 4390, 3927, 3924, 2608, 3272, 4088, 3443),
    *(268, 493, 1914, 2044, 1401, 3615, 4240, 4114, 2734, 2509, 978, 4527, 4942, 4857, 1140, 2075, 1147, 4269, 3360),
    *(1507, 1542, 1537, 1528, 1518, 1511, 3742, 3751, 3756, 3721, 3725, 3732),
    *(5708, 5695, 2081, 0, 4275, 6200, 6213, 6346, 6461, 5518, 5957, 5841),
    *(5702, 5711, 5533, 6216, 6207, 6470, 5517, 5966),
)
"""README, "Facial Landmarks"."""


def load_ict(path: str | Path) -> FaceModel:
    """Read the folder of OBJ files.

    Args:
        path: `FaceXModel`, the repository that holds it, or `generic_neutral_mesh.obj`.

    Raises:
        FaceError: a file or key is missing or has another shape; the message names it.
    """
    start = Path(path)
    if (start / "FaceXModel").is_dir():
        start = start / "FaceXModel"
    folder = find(start, (NEUTRAL,), what="the FaceXModel folder of ICT-FaceKit").parent
    sha = hashlib.sha256()
    config = folder / CONFIG
    try:
        names = json.loads(config.read_text(encoding="utf-8"))["expressions"]
    except FileNotFoundError:
        raise FaceError(f"{folder} has no {CONFIG}; it is not the whole FaceXModel folder") from None
    except KeyError:
        raise FaceError(f"{config} has no 'expressions'") from None
    except (ValueError, TypeError) as error:
        raise FaceError(f"{config} is not the documented JSON: {error}") from error
    if not isinstance(names, list) or not names or not all(isinstance(n, str) and Path(n).name == n for n in names):
        raise FaceError(f"{config}: 'expressions' is not a list of names")

    neutral, uv, triangles, uv_triangles = _read_mesh(folder / NEUTRAL, sha)
    if len(neutral) != NUM_VERTICES:
        raise FaceError(f"{folder / NEUTRAL} has {len(neutral)} vertices, expected {NUM_VERTICES}")

    def moved(name: str) -> NDArray[np.float64]:
        file = folder / f"{name}.obj"
        if not file.is_file():
            raise FaceError(f"{folder} has no {file.name}")
        vertices = _vertices(file, sha)
        if len(vertices) != NUM_VERTICES:
            raise FaceError(f"{file} has {len(vertices)} vertices, expected {NUM_VERTICES}")
        return (vertices - neutral)[used] * TO_DM

    keep = np.zeros(NUM_VERTICES, bool)
    part = np.zeros(NUM_VERTICES, np.int64)
    for first, end in (FACE, SOCKET, GUMS_TONGUE, TEETH):
        keep[first:end] = True
    part[slice(*GUMS_TONGUE)] = PARTS.index("tongue")
    part[slice(*TEETH)] = PARTS.index("teeth_l")
    part[slice(*UPPER_TEETH)] = PARTS.index("teeth_u")
    used, faces, whole = keep_vertices(keep, triangles)
    number = np.cumsum(keep) - 1
    identities = [f"identity{k:03d}" for k in range(NUM_ID)]
    there = [(folder / f"{name}.obj").is_file() for name in identities]
    identities = identities[: there.index(False)] if False in there else identities
    if not identities:
        raise FaceError(f"{folder} has no identity000.obj")
    interior = np.zeros(NUM_VERTICES, bool)
    interior[SOCKET[0] : TEETH[1]] = True
    solid = (np.diff(np.sort(faces, 1), axis=1) > 0).all(1)
    corners, weights = at_vertices(number[list(MULTI_PIE)])
    return convert(
        Parts(
            name="ict",
            mean=neutral[used] * TO_DM,
            id_basis=np.stack([moved(name) for name in identities], -1),
            exp_basis=np.stack([moved(name) for name in names[:NUM_EXP]], -1) * SIGMA,
            triangles=faces[solid],
            uv=uv,
            uv_triangles=uv_triangles[whole][solid],
            vertex_part=part[used],
            anchors={"ibug68": (np.arange(68), corners, weights)},
            masks={"mouth_interior": interior[used]},
            expression_names=tuple(names[:NUM_EXP]),
            expression_sigma=np.full(len(names[:NUM_EXP]), SIGMA),
            expression_spread=NAMED_SHAPES_SPREAD,
            licence="MIT (ICT-FaceKit Light, USC Institute for Creative Technologies); albedo: default model, CC0-1.0",
            source_hash=sha.hexdigest(),
        ),
        str(folder),
    )


def _vertices(file: Path, sha: "hashlib._Hash") -> NDArray[np.float64]:
    blob = file.read_bytes()
    sha.update(blob)
    return _parse_vertices(blob, file)


def _parse_vertices(blob: bytes, file: Path) -> NDArray[np.float64]:
    words = b" ".join(line[2:] for line in blob.splitlines() if line.startswith(b"v ")).split()
    try:
        return np.array(words, dtype=np.float64).reshape(-1, 3)
    except ValueError as error:
        raise FaceError(f"{file} is not a readable OBJ: {error}") from error


def _read_mesh(
    file: Path, sha: "hashlib._Hash"
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.int64], NDArray[np.int64]]:
    """Vertices, texture coordinates, and the triangles of both (quads fanned)."""
    blob = file.read_bytes()
    sha.update(blob)
    vertices = _parse_vertices(blob, file)
    try:
        uv = np.array([line.split()[1:3] for line in blob.splitlines() if line.startswith(b"vt ")], np.float64)
        fan, uv_fan = [], []
        for line in blob.splitlines():
            if line.startswith(b"f "):
                corners = [[int(x) for x in corner.split(b"/")[:2]] for corner in line.split()[1:]]
                for k in range(1, len(corners) - 1):
                    fan.append((corners[0][0], corners[k][0], corners[k + 1][0]))
                    uv_fan.append((corners[0][1], corners[k][1], corners[k + 1][1]))
    except (ValueError, IndexError) as error:
        raise FaceError(f"{file} is not the documented OBJ (v, vt, f with v/vt corners): {error}") from error
    triangles, uv_triangles = np.array(fan, np.int64).reshape(-1, 3) - 1, np.array(uv_fan, np.int64).reshape(-1, 3) - 1
    for name, index, limit in (("vertices", triangles, len(vertices)), ("texture coordinates", uv_triangles, len(uv))):
        if len(index) == 0 or index.min() < 0 or index.max() >= limit:
            raise FaceError(f"{file}: its faces name {name} that are not there")
    return vertices, uv, triangles, uv_triangles
