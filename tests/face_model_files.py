"""Face models that users bring along, as small files of exactly the documented layouts.

Every file holds the front of the default head (or the whole of it), so that what should come out is known.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from scipy.io import savemat

from viseme.face3d.interface import PARTS, FaceModel, load_face_model

DEFAULT = load_face_model()
RNG = np.random.default_rng(11)
STRETCH = np.array([1.04, 0.97, 1.05])
"""What makes the written heads other heads than the default."""


def front() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Vertices (dm) and triangles of the default face's outside, eyes apart, and which default vertices they are."""
    keep = (DEFAULT.masks["face_front"] | DEFAULT.masks["lips"]) & ~DEFAULT.masks["mouth_interior"]
    faces = DEFAULT.triangles[keep[DEFAULT.triangles].all(1)]
    used, inverse = np.unique(faces, return_inverse=True)
    return DEFAULT.mean[used].astype(np.float64) * STRETCH, inverse.reshape(-1, 3), used


VERTICES, TRIANGLES, USED = front()
NUM = len(VERTICES)


def marks(scheme: str) -> np.ndarray:
    """Where the landmarks should be found: those of the default head, stretched alike."""
    return DEFAULT.landmark_points(DEFAULT.mean, scheme).astype(np.float64) * STRETCH


def nearest_vertices(scheme: str = "ibug68") -> np.ndarray:
    return np.linalg.norm(VERTICES[None] - marks(scheme)[:, None], axis=-1).argmin(1)


def columns(num: int, size: float = 0.03) -> np.ndarray:
    """(NUM, 3, num)."""
    return RNG.normal(0, size, (NUM, 3, num))


def check_contract(model: FaceModel, *, num_id: int, num_exp: int, shift: np.ndarray) -> None:
    """What holds for every model: the contract of `FaceModel`."""
    num = len(model.mean)
    assert model.id_basis.shape == (num, 3, num_id)
    assert model.exp_basis.shape == (num, 3, num_exp)
    assert len(model.expression_names) == len(model.expression_sigma) == num_exp
    assert model.tex_mean.shape == (num, 3)
    assert 0 <= model.tex_mean.min() <= model.tex_mean.max() <= 1
    assert model.mean.dtype == model.exp_basis.dtype == model.tex_basis.dtype == np.float32
    assert len(model.triangles) == len(model.part) == len(model.uv_triangles)
    assert model.uv_triangles.max() < len(model.uv)
    assert all(len(mask) == num for mask in model.masks.values())
    assert model.masks["face_front"].any()
    assert set(DEFAULT.masks) - {"ears"} <= set(model.masks) | {"ears"}
    nose = model.landmarks["ibug68"].triangle[30]
    corners = model.mean[model.triangles[nose]]
    assert np.cross(corners[1] - corners[0], corners[2] - corners[0])[2] > 0, "triangles look inward"
    for scheme, limit in (("ibug68", 0.06), ("mp468", 0.12)):
        found = model.landmark_points(model.mean, scheme)
        gap = np.linalg.norm(found + shift - marks(scheme), axis=1)
        inner = gap[DEFAULT.landmarks[scheme].subsets["lips"]]
        assert np.median(gap) < limit, scheme
        assert np.median(inner) < limit, scheme
        assert model.landmarks[scheme].weights.min() > -1e-9
        assert "inner_lips" in model.landmarks[scheme].subsets
    assert len(model.source_hash) == 64


def prepared_bfm(folder: Path) -> dict[str, Any]:
    """`BFM_model_front.mat`: decimetres, 1-based, row vectors."""
    return {
        "meanshape": (VERTICES + np.array([0.1, 0.2, 0.3])).reshape(1, -1),
        "meantex": np.full((1, 3 * NUM), 102.0),
        "idBase": columns(80).reshape(3 * NUM, 80),
        "exBase": columns(64).reshape(3 * NUM, 64),
        "texBase": RNG.normal(0, 5, (3 * NUM, 80)),
        "tri": TRIANGLES + 1,
        "point_buf": np.ones((NUM, 8), np.int32),
        "tri_mask2": TRIANGLES[:10] + 1,
        "keypoints": nearest_vertices().reshape(1, -1) + 1,
        "frontmask2_idx": np.arange(0, NUM, 2).reshape(-1, 1) + 1,
        "skinmask": np.ones((1, NUM)),
    }


def write_prepared(folder: Path, **changes: Any) -> Path:
    arrays = {**prepared_bfm(folder), **changes}
    savemat(folder / "BFM_model_front.mat", {k: v for k, v in arrays.items() if v is not None})
    return folder


def write_raw(folder: Path) -> tuple[Path, dict[str, np.ndarray]]:
    """The raw files: more vertices than are used, micrometres, unit directions and their deviations."""
    num_full, num_trim = NUM + 40, NUM + 20
    trim = RNG.permutation(num_full)[:num_trim]  # trimmed vertex -> full vertex
    where = RNG.permutation(num_trim)[:NUM]  # our vertex -> trimmed vertex
    full = RNG.normal(0, 1e5, (num_full, 3))
    full[trim[where]] = VERTICES * 1e5
    shape_pc, shape_ev = RNG.normal(0, 1, (3 * num_full, 199)), RNG.uniform(100, 900, (199, 1))
    texture = np.full((3 * num_full, 1), 51.0)
    savemat(
        folder / "01_MorphableModel.mat",
        {
            "shapePC": shape_pc,
            "shapeEV": shape_ev,
            "shapeMU": full.reshape(-1, 1),
            "texPC": RNG.normal(0, 0.01, (3 * num_full, 199)),
            "texEV": np.full((199, 1), 255.0),
            "texMU": texture,
        },
    )
    components = RNG.normal(0, 1, (79, 3 * num_trim)).astype("<f4")
    blob = np.int32(79).tobytes() + np.zeros(3 * num_trim, "<f4").tobytes() + components.tobytes()
    (folder / "Exp_Pca.bin").write_bytes(blob)
    sigma = RNG.uniform(100, 900, 79)
    np.savetxt(folder / "std_exp.txt", sigma)
    savemat(folder / "BFM_front_idx.mat", {"idx": where.reshape(-1, 1) + 1})
    savemat(folder / "BFM_exp_idx.mat", {"trimIndex": trim.reshape(-1, 1) + 1})
    info = prepared_bfm(folder)
    kept = ("tri", "point_buf", "tri_mask2", "keypoints", "frontmask2_idx", "skinmask")
    savemat(folder / "facemodel_info.mat", {name: info[name] for name in kept})
    identity = (shape_pc * shape_ev.T / 1e5).reshape(num_full, 3, 199)[trim[where]]
    expression = (components.T * sigma / 1e5).reshape(num_trim, 3, 79)[where]
    return folder, {"identity": identity, "expression": expression}


EYE_PARTS = (PARTS.index("eye_l"), PARTS.index("eye_r"))
FLAME_FACES = np.flatnonzero(
    np.isin(DEFAULT.part, (0, *EYE_PARTS)) & ~DEFAULT.masks["mouth_interior"][DEFAULT.triangles].any(1)
)


def flame_arrays() -> dict[str, np.ndarray]:
    """The default head without its mouth, in metres, under FLAME's names."""
    used, inverse = np.unique(DEFAULT.triangles[FLAME_FACES], return_inverse=True)
    vertices = DEFAULT.mean[used].astype(np.float64) * STRETCH / 10
    num = len(used)
    weights = np.zeros((num, 5))
    weights[:, 0] = 1
    below = vertices[:, 1] < -0.03
    weights[below] = [0.25, 0, 0.75, 0, 0]
    for joint, part in zip((3, 4), EYE_PARTS):
        ball = np.isin(used, np.unique(DEFAULT.triangles[DEFAULT.part == part]))
        weights[ball] = np.eye(5)[joint]
    shapes = np.zeros((num, 3, 400), np.float32)
    shapes[..., :80] = RNG.normal(0, 1e-3, (num, 3, 80))
    shapes[..., 300:361] = RNG.normal(0, 1e-3, (num, 3, 61))
    return {
        "v_template": vertices,
        "shapedirs": shapes,
        "posedirs": RNG.normal(0, 1e-4, (num, 3, 36)),
        "J_regressor": np.full((5, num), 1 / num),
        "weights": weights,
        "kintree_table": np.array([[-1, 0, 1, 1, 1], [0, 1, 2, 3, 4]]),
        "f": inverse.reshape(-1, 3),
    }


FLAME = flame_arrays()
"""Made once: the columns are large."""


def mediapipe_embedding() -> dict[str, np.ndarray]:
    """105 of the 468, as the FLAME site gives them; those of the default head are on the same triangles."""
    number = {int(t): k for k, t in enumerate(FLAME_FACES)}
    points = DEFAULT.landmarks["mp468"]
    rows = np.array([k for k in range(468) if int(points.triangle[k]) in number])[::4][:105]
    faces = np.array([number[int(points.triangle[k])] for k in rows])
    return {"landmark_indices": rows, "lmk_face_idx": faces, "lmk_b_coords": points.weights[rows]}


def write_flame(folder: Path, *, embedding: bool = True, **changes: Any) -> Path:
    arrays = {**FLAME, **changes}
    np.savez(folder / "flame2023.npz", **{k: v for k, v in arrays.items() if v is not None})
    if embedding:
        np.savez(folder / "mediapipe_landmark_embedding.npz", **mediapipe_embedding())
    return folder


def write_ict(folder: Path, *, expressions: tuple[str, ...] = ("jawOpen", "mouthSmile_L")) -> tuple[Path, np.ndarray]:
    """26,719 vertices in centimetres: the front in the face section, each landmark where the README has it."""
    from viseme.face3d.models.ict import MULTI_PIE

    place = np.full(NUM, -1)
    place[nearest_vertices()] = MULTI_PIE  # where two landmarks share a vertex the last one is it
    free = np.setdiff1d(np.arange(9409), MULTI_PIE)
    rest = np.flatnonzero(place < 0)
    place[rest] = free[: len(rest)]
    neutral = np.full((26719, 3), [0.0, -30.0, -30.0])
    neutral[place] = VERTICES * 10
    neutral[list(MULTI_PIE)] = VERTICES[nearest_vertices()] * 10
    neutral[11248:21451] += RNG.normal(0, 0.1, (21451 - 11248, 3))
    tongue = np.arange(14062, 14065)
    faces = np.concatenate([place[TRIANGLES], tongue[None]])

    def write(name: str, vertices: np.ndarray, *, full: bool = False) -> None:
        lines = ["mtllib ICTFaceModelMaterial.mtl", *(f"v {x:.6f} {y:.6f} {z:.6f}" for x, y, z in vertices.tolist())]
        if full:
            lines += ["vt 0.1 0.2", "vt 0.3 0.4", "vt 0.5 0.6", "usemtl M"]
            lines += ["f " + " ".join(f"{v + 1}/{k + 1}" for k, v in enumerate(face)) for face in faces.tolist()]
            square = place[[TRIANGLES[0, 0], TRIANGLES[0, 1], TRIANGLES[0, 2], TRIANGLES[0, 2]]] + 1
            lines.append("f " + " ".join(f"{v}/1" for v in square))  # a quad with a corner twice
        (folder / f"{name}.obj").write_text("\n".join(lines) + "\n")

    folder.mkdir(parents=True, exist_ok=True)
    write("generic_neutral_mesh", neutral, full=True)
    for k in range(2):
        write(f"identity{k:03d}", neutral + np.array([0.1 * (k + 1), 0, 0]))
    for k, name in enumerate(expressions):
        write(name, neutral + np.array([0, -0.2 * (k + 1), 0]))
    (folder / "vertex_indices.json").write_text(json.dumps({"expressions": list(expressions)}))
    return folder, place


def gnm_arrays() -> dict[str, Any]:
    """The whole default head in metres under GNM's names; a cornea in front of each eye is not wanted."""
    vertices = DEFAULT.mean.astype(np.float64) * STRETCH / 10
    num, faces = len(vertices), DEFAULT.triangles
    of = {name: np.isin(np.arange(num), faces[DEFAULT.part == k]) for k, name in enumerate(PARTS)}
    groups = {
        "skin": of["skin"],
        "tongue": of["tongue"],
        "upper_teeth_and_gums": of["teeth_u"],
        "lower_teeth_and_gums": of["teeth_l"],
        "left_eye": of["eye_l"],
        "right_eye": of["eye_r"],
        "mouth_sock": DEFAULT.masks["mouth_interior"] & of["skin"],
        "eye_exteriors": np.zeros(num, bool),
    }
    identity = [*(f"head_{k}" for k in range(6)), "eyes_0", "teeth_0"]
    expression = ["left_eye_region_0", "right_eye_region_0", "lower_face_region_0", "lower_face_region_1"]
    expression += ["tongue_0", "pupils_0"]
    return {
        "version": "3.0",
        "variant": "head",
        "template_vertex_positions": vertices.astype(np.float32),
        "template_joint_positions": np.zeros((4, 3), np.float32),
        "vertex_identity_basis": RNG.normal(0, 1e-3, (8, num, 3)).astype(np.float32),
        "joint_identity_basis": np.zeros((8, 4, 3), np.float32),
        "expression_basis": RNG.normal(0, 1e-3, (6, num, 3)).astype(np.float32),
        "identity_names": np.array(identity),
        "joint_names": np.array(["neck", "head", "left_eye", "right_eye"]),
        "expression_names": np.array(expression),
        "joint_parent_indices": np.array([0, 0, 1, 1]),
        "skinning_weights": np.zeros((4, num), np.float32),
        "quads": np.zeros((1, 4), np.int32),
        "triangles": faces,
        "quad_uvs": np.zeros((1, 4, 2), np.float32),
        "triangle_uvs": DEFAULT.uv[DEFAULT.uv_triangles],
        "mesh_component_names": np.array(["skin"]),
        "mirror_indices": np.arange(num),
        "joint_regressor": np.zeros((4, num), np.float32),
        "pose_correctives_regressor": np.zeros((36, 3), np.float32),
        "bone_aligned_template_joint_orientations": np.zeros((4, 3, 3), np.float32),
        "vertex_groups": np.array([*groups.values()], np.float32),
        "vertex_group_names": np.array([*groups]),
    }


def write_gnm(folder: Path, **changes: Any) -> Path:
    arrays = {**gnm_arrays(), **changes}
    np.savez(folder / "gnm_head.npz", **{k: v for k, v in arrays.items() if v is not None})
    points = DEFAULT.landmarks["ibug68"]
    rows = np.empty((68, 6))
    rows[:, ::2], rows[:, 1::2] = DEFAULT.triangles[points.triangle], points.weights
    rows = rows[[0, 1, 6, 5, 4, 3, 2, *range(7, 68)]]  # as published
    np.savetxt(folder / "head_sparse_68.txt", rows, fmt=["%d", "%.9f"] * 3)
    return folder
