"""GNM Head v3 (Google, Apache-2.0), from the user's own `gnm_head.npz`.

Layout of https://github.com/google/GNM, `gnm/shape` (its attributes are documented in `gnm_numpy.py`), metres:
template_vertex_positions (V, 3), vertex_identity_basis (I, V, 3), expression_basis (E, V, 3), identity_names,
expression_names, triangles (T, 3), triangle_uvs (T, 3, 2), vertex_groups (G, V) and vertex_group_names. The 68
landmarks are `head_sparse_68.txt` (rows `vertex weight vertex weight vertex weight`), beside the npz or in
`data/landmarks` of the repository. The four joints (neck, eyes) are left at rest: pose is the camera's here.

Of 383 expression columns 64 are taken: the lower face first, then tongue and eyes. There is no albedo.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from viseme.core.errors import FaceError
from viseme.face3d.interface import PARTS, FaceModel
from viseme.face3d.models.conversion import Parts, convert, keep_vertices
from viseme.face3d.models.source import Source, digest, find, read_npz

__all__ = ["load_gnm"]

FILE, LANDMARKS = "gnm_head.npz", "head_sparse_68.txt"
NUM_ID = 80
QUOTA = {("lower_face_region_", "mouth_"): 44, ("tongue_",): 4, ("left_eye_",): 8, ("right_eye_",): 8}
"""Prefixes of expression names -> how many of their first columns are taken."""
GROUPS = {
    "tongue": ("tongue",),
    "teeth_u": ("upper_teeth_and_gums", "upper_teeth"),
    "teeth_l": ("lower_teeth_and_gums", "lower_teeth"),
    "eye_l": ("left_eye",),
    "eye_r": ("right_eye",),
}
"""Part -> names of its vertex group, newest first."""
TO_DM = 10.0


def load_gnm(path: str | Path) -> FaceModel:
    """Read the npz and its landmarks.

    Args:
        path: `gnm_head.npz`, or a folder that holds it.

    Raises:
        FaceError: a file or key is missing or has another shape; the message names it.
    """
    file = find(Path(path), (FILE, "data/versions/v3_0/" + FILE), what=f"{FILE} and {LANDMARKS} of GNM Head v3")
    data = read_npz(file)
    mean = data.numbers("template_vertex_positions", (None, 3))
    num = len(mean)
    identity = data.numbers("vertex_identity_basis", (None, num, 3))
    expression = data.numbers("expression_basis", (None, num, 3))
    triangles = data.indices("triangles", (None, 3), limit=num)
    uv = data.numbers("triangle_uvs", (len(triangles), 3, 2))
    identity_names = [str(n) for n in data.get("identity_names", (len(identity),))]
    expression_names = [str(n) for n in data.get("expression_names", (len(expression),))]
    groups = _groups(data, num)

    head = [k for k, name in enumerate(identity_names) if name.startswith("head")][:NUM_ID]
    chosen = [k for starts, most in QUOTA.items() for k in _named(expression_names, starts)[:most]]
    if not head:
        raise FaceError(f"{file}: 'identity_names' has no name that begins with 'head'")
    if not chosen:
        raise FaceError(f"{file}: 'expression_names' has none of {', '.join(s for starts in QUOTA for s in starts)}")
    part = np.zeros(num, np.int64)
    for name, aliases in GROUPS.items():
        found = next((groups[a] for a in aliases if a in groups), None)
        if found is None:
            raise FaceError(f"{file}: 'vertex_group_names' has no {aliases[0]!r}")
        part[found] = PARTS.index(name)
    outside = next((groups[a] for a in ("eye_exteriors", "eyeball_exterior") if a in groups), np.zeros(num, bool))
    used, faces, whole = keep_vertices(~outside, triangles)  # a clear cornea would hide the iris
    number = np.cumsum(~outside) - 1
    rows_file = _landmark_file(file)
    corners, weights = _read_landmarks(rows_file, num, mean)
    if outside[corners].any():
        raise FaceError(f"{rows_file}: a landmark lies on the cornea")
    interior = groups.get("mouth_sock", np.zeros(num, bool)) | np.isin(part, (1, 2, 3))
    return convert(
        Parts(
            name="gnm",
            mean=mean[used] * TO_DM,
            id_basis=np.moveaxis(identity[head][:, used], 0, -1) * TO_DM,
            exp_basis=np.moveaxis(expression[chosen][:, used], 0, -1) * TO_DM,
            triangles=faces,
            uv=uv[whole].reshape(-1, 2),
            uv_triangles=np.arange(3 * len(whole)).reshape(-1, 3),
            vertex_part=part[used],
            anchors={"ibug68": (np.arange(68), number[corners], weights)},
            masks={"mouth_interior": interior[used]},
            expression_names=tuple(expression_names[k] for k in chosen),
            licence="Apache-2.0 (GNM Head v3, Google); albedo: default model, CC0-1.0",
            source_hash=digest([file, rows_file]),
        ),
        str(file),
    )


def _named(names: list[str], starts: tuple[str, ...]) -> list[int]:
    return [k for k, name in enumerate(names) if name.startswith(starts)]


def _groups(data: Source, num: int) -> dict[str, NDArray[np.bool_]]:
    names = [str(n) for n in data.get("vertex_group_names", (None,))]
    weights = data.numbers("vertex_groups", (len(names), num))
    return dict(zip(names, weights > 0.5))


def _landmark_file(file: Path) -> Path:
    places = [file.with_name(LANDMARKS), *(p / "landmarks" / LANDMARKS for p in file.parents[:4])]
    for place in places:
        if place.is_file():
            return place
    raise FaceError(f"{file.parent} has no {LANDMARKS}; put it beside {file.name}")


def _read_landmarks(file: Path, num: int, mean: NDArray[np.float64]) -> tuple[NDArray[np.int64], Any]:
    """Corners and weights (68, 3), the jaw put in order from the subject's right ear to the left one.

    In the published file points 2 to 6 of the jaw stand in reverse; sorting by the angle around the nose serves both.
    """
    try:
        rows = np.loadtxt(file)
    except ValueError as error:
        raise FaceError(f"{file} is not a table of numbers: {error}") from error
    if rows.shape != (68, 6):
        raise FaceError(f"{file} has shape {rows.shape}, expected (68, 6)")
    corners, weights = rows[:, ::2].astype(np.int64), rows[:, 1::2]
    if corners.min() < 0 or corners.max() >= num or abs(weights.sum(1) - 1).max() > 1e-2:
        raise FaceError(f"{file}: a vertex is out of range, or weights do not sum to 1")
    points = np.einsum("kc,kcd->kd", weights, mean[corners])
    from_nose = points[:17, :2] - points[30, :2]
    # 0 at straight up, growing over image left (the subject's right), down, image right
    angle = np.arctan2(-from_nose[:, 0], from_nose[:, 1]) % (2 * np.pi)
    order = np.r_[np.argsort(angle), 17:68]
    return corners[order], weights[order]
