"""Face models a user brings along, from small files of exactly the documented layouts, written here.

Every file holds the front of the default head (or the whole of it), so that what should come out is known.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.io import savemat

from viseme.core.errors import FaceError
from viseme.face3d.interface import PARTS, FaceModel, load_face_model
from viseme.face3d.models import face_models
from viseme.face3d.models.conversion import closest_on_surface

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


def check(model: FaceModel, *, num_id: int, num_exp: int, shift: np.ndarray, points: np.ndarray = VERTICES) -> None:
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


# --- BFM ------------------------------------------------------------------------------------------------------------


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


def test_bfm_prepared_layout(tmp_path: Path) -> None:
    model = load_face_model("bfm", write_prepared(tmp_path))
    written = prepared_bfm(tmp_path)
    np.testing.assert_allclose(model.mean.mean(0), 0, atol=1e-6)
    np.testing.assert_allclose(model.mean, VERTICES - VERTICES.mean(0), atol=1e-5)
    np.testing.assert_allclose(model.tex_mean, 102 / 255, atol=1e-6)
    check(model, num_id=80, num_exp=64, shift=VERTICES.mean(0))
    np.testing.assert_array_equal(np.flatnonzero(model.masks["face_front"]), np.arange(0, NUM, 2))
    found = model.landmark_points(model.mean, "ibug68") + VERTICES.mean(0)
    np.testing.assert_allclose(found, VERTICES[written["keypoints"].ravel() - 1], atol=1e-5)
    assert "research only" in model.licence
    assert model.expression_spread == 1, "columns carry their deviation"
    assert load_face_model("bfm", tmp_path) is model


def test_bfm_triangles_that_look_inward_are_turned(tmp_path: Path) -> None:
    model = load_face_model("bfm", write_prepared(tmp_path, tri=TRIANGLES[:, ::-1] + 1))
    np.testing.assert_array_equal(np.sort(model.triangles, 1), np.sort(TRIANGLES, 1))
    check(model, num_id=80, num_exp=64, shift=VERTICES.mean(0))


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


def test_bfm_raw_layout(tmp_path: Path) -> None:
    folder, truth = write_raw(tmp_path)
    model = load_face_model("bfm", folder)
    np.testing.assert_allclose(model.mean, VERTICES - VERTICES.mean(0), atol=1e-5)
    np.testing.assert_allclose(model.id_basis, truth["identity"][..., :80], rtol=1e-4, atol=1e-7)
    np.testing.assert_allclose(model.exp_basis, truth["expression"][..., :64], rtol=1e-4, atol=1e-7)
    np.testing.assert_allclose(model.tex_mean, 0.2, atol=1e-6)
    check(model, num_id=80, num_exp=64, shift=VERTICES.mean(0))


@pytest.mark.parametrize(
    "name", ["Exp_Pca.bin", "std_exp.txt", "BFM_front_idx.mat", "BFM_exp_idx.mat", "facemodel_info.mat"]
)
def test_bfm_raw_names_the_file_that_is_missing(tmp_path: Path, name: str) -> None:
    folder, _ = write_raw(tmp_path)
    (folder / name).unlink()
    with pytest.raises(FaceError, match=f"no {name}"):
        load_face_model("bfm", folder)


def test_bfm_raw_notices_a_cut_off_file(tmp_path: Path) -> None:
    folder, _ = write_raw(tmp_path)
    blob = (folder / "Exp_Pca.bin").read_bytes()
    (folder / "Exp_Pca.bin").write_bytes(blob[:-8])
    with pytest.raises(FaceError, match=r"Exp_Pca\.bin"):
        load_face_model("bfm", folder)


# --- FLAME ----------------------------------------------------------------------------------------------------------

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


def test_flame_layout(tmp_path: Path) -> None:
    model = load_face_model("flame", write_flame(tmp_path))
    vertices = FLAME["v_template"] * 10
    shift = (vertices - model.mean).mean(0)
    np.testing.assert_allclose(model.mean[model.masks["face_front"]].mean(0), 0, atol=1e-5)
    check(model, num_id=80, num_exp=64, shift=shift)
    assert model.expression_spread == 1
    assert model.expression_names[-3:] == ("jaw_pitch", "jaw_yaw", "jaw_roll")
    assert set(np.unique(model.part)) == {0, *EYE_PARTS}
    given = mediapipe_embedding()
    found = model.landmark_points(model.mean, "mp468")[given["landmark_indices"]] + shift
    expected = np.einsum("kc,kcd->kd", given["lmk_b_coords"], vertices[FLAME["f"][given["lmk_face_idx"]]])
    np.testing.assert_allclose(found, expected, atol=1e-5)
    # albedo came from the default: lips are redder than the rest
    redness = model.tex_mean[:, 0] / model.tex_mean[:, 1]
    assert redness[model.masks["lips"]].mean() > 1.2 * redness[model.masks["face_front"]].mean()
    assert model.tex_basis.shape[-1] == 80


def test_flame_jaw_is_the_derivative_of_its_joint(tmp_path: Path) -> None:
    """Against skinning with a small rotation, pose correctives included."""
    model = load_face_model("flame", write_flame(tmp_path))
    angle, vertices = 1e-4, FLAME["v_template"]
    joint = FLAME["J_regressor"][2] @ vertices
    for axis in range(3):
        c, s = np.cos(angle), np.sin(angle)
        i, j = [(1, 2), (2, 0), (0, 1)][axis]
        turn = np.eye(3)
        turn[i, i], turn[j, j], turn[i, j], turn[j, i] = c, c, -s, s
        corrected = vertices + FLAME["posedirs"][..., 9:18] @ (turn - np.eye(3)).reshape(-1)
        swung = (corrected - joint) @ turn.T + joint
        share = FLAME["weights"][:, 2:3]
        slope = ((1 - share) * corrected + share * swung - vertices) / angle
        ours = model.exp_basis[..., 61 + axis] / model.expression_sigma[61 + axis] / 10
        np.testing.assert_allclose(ours, slope, atol=2e-5)


def test_flame_wants_landmarks_and_never_a_pickle(tmp_path: Path) -> None:
    write_flame(tmp_path, embedding=False)
    with pytest.raises(FaceError, match=r"neither mediapipe_landmark_embedding\.npz nor landmark_embedding\.npz"):
        load_face_model("flame", tmp_path)
    pickled = tmp_path / "flame2023.pkl"
    pickled.write_bytes(b"cos\nsystem\n(S'false'\ntR.")
    with pytest.raises(FaceError, match="never loaded"):
        load_face_model("flame", pickled)
    write_flame(tmp_path, v_template=np.array([{"a": 1}], dtype=object))
    with pytest.raises(FaceError, match="'v_template' holds objects"):
        load_face_model("flame", tmp_path / "flame2023.npz")


def test_flame_takes_68_points_as_well(tmp_path: Path) -> None:
    write_flame(tmp_path, embedding=False)
    points, surface = marks("ibug68"), FLAME["v_template"] * 10
    faces, weights = closest_on_surface(points, surface, FLAME["f"])
    arrays = {"full_lmk_faces_idx": faces[None], "full_lmk_bary_coords": weights[None]}
    np.savez(tmp_path / "landmark_embedding.npz", **arrays)
    model = load_face_model("flame", tmp_path)
    check(model, num_id=80, num_exp=64, shift=(surface - model.mean).mean(0))


# --- ICT-FaceKit ----------------------------------------------------------------------------------------------------


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


def test_ict_layout(tmp_path: Path) -> None:
    folder, place = write_ict(tmp_path / "ICT-FaceKit" / "FaceXModel")
    model = load_face_model("ict", folder.parent)
    assert len(model.mean) == 18844  # face, mouth socket, gums and tongue, teeth
    shift = (VERTICES - model.mean[place]).mean(0)
    np.testing.assert_allclose(model.mean[place] + shift, VERTICES, atol=1e-4)
    check(model, num_id=2, num_exp=2, shift=shift)
    assert model.expression_names == ("jawOpen", "mouthSmile_L")
    assert model.expression_spread == load_face_model().expression_spread, "named shapes, as the default's"
    np.testing.assert_allclose(model.id_basis[:100, 0], [[0.01, 0.02]] * 100, atol=1e-5)
    full = model.shape(None, model.expression({"mouthSmile_L": 1.0}))
    np.testing.assert_allclose((full - model.mean)[:, 1], -0.04, atol=1e-5)
    assert PARTS.index("tongue") in model.part
    assert model.masks["mouth_interior"].sum() == 18844 - 9409


def test_ict_names_what_is_missing(tmp_path: Path) -> None:
    folder, _ = write_ict(tmp_path)
    (folder / "jawOpen.obj").unlink()
    with pytest.raises(FaceError, match=r"no jawOpen\.obj"):
        load_face_model("ict", folder)
    (folder / "vertex_indices.json").write_text("{}")
    with pytest.raises(FaceError, match=r"vertex_indices\.json has no 'expressions'"):
        load_face_model("ict", folder)
    (folder / "vertex_indices.json").unlink()
    with pytest.raises(FaceError, match=r"no vertex_indices\.json"):
        load_face_model("ict", folder)
    (folder / "generic_neutral_mesh.obj").write_text("v 0 0 0\nvt 0 0\nf 1/1 1/1 1/1\n")
    (folder / "vertex_indices.json").write_text(json.dumps({"expressions": ["a"]}))
    with pytest.raises(FaceError, match="1 vertices, expected 26719"):
        load_face_model("ict", folder)


# --- GNM ------------------------------------------------------------------------------------------------------------


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


def test_gnm_layout(tmp_path: Path) -> None:
    model = load_face_model("gnm", write_gnm(tmp_path))
    vertices = DEFAULT.mean * STRETCH
    shift = (vertices - model.mean).mean(0)
    check(model, num_id=6, num_exp=5, shift=shift)
    assert model.expression_spread == 1
    assert model.expression_names[:3] == ("lower_face_region_0", "lower_face_region_1", "tongue_0")
    np.testing.assert_array_equal(model.part, DEFAULT.part)
    np.testing.assert_allclose(model.landmark_points(model.mean, "ibug68") + shift, marks("ibug68"), atol=1e-4)
    # every vertex lies on the head its colour comes from
    np.testing.assert_allclose(model.tex_mean, DEFAULT.tex_mean, atol=0.2)
    assert np.abs(model.tex_mean - DEFAULT.tex_mean).mean() < 0.01


# --- all of them ----------------------------------------------------------------------------------------------------

BFM_KEYS = ["meanshape", "meantex", "idBase", "exBase", "texBase", "tri", "keypoints", "frontmask2_idx", "skinmask"]
FLAME_KEYS = ["v_template", "shapedirs", "posedirs", "J_regressor", "weights", "f"]
GNM_KEYS = ["template_vertex_positions", "vertex_identity_basis", "expression_basis", "triangles", "triangle_uvs"]
GNM_KEYS += ["identity_names", "expression_names", "vertex_groups", "vertex_group_names"]
CASES = [("bfm", write_prepared, k) for k in BFM_KEYS] + [("flame", write_flame, k) for k in FLAME_KEYS]
CASES += [("gnm", write_gnm, k) for k in GNM_KEYS]


@pytest.mark.parametrize(("name", "write", "key"), CASES)
def test_a_missing_key_and_a_wrong_shape_are_named(
    tmp_path: Path, name: str, write: Callable[..., Path], key: str
) -> None:
    with pytest.raises(FaceError, match=rf"{tmp_path.name}.*no '{key}'"):
        load_face_model(name, write(tmp_path, **{key: None}))
    with pytest.raises(FaceError, match=rf"{tmp_path.name}.*'?{key}'?"):
        load_face_model(name, write(tmp_path, **{key: np.ones((7, 2, 2, 2))}))


@pytest.mark.parametrize("name", ["bfm", "flame", "ict", "gnm"])
def test_without_files_it_says_what_to_put_where(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VISEME_CACHE", str(tmp_path))
    with pytest.raises(FaceError, match=rf"face_models.{name} does not exist; pass the file or folder of"):
        load_face_model(name)
    (tmp_path / "face_models" / name).mkdir(parents=True)
    with pytest.raises(FaceError, match=r"put .* there"):
        load_face_model(name)


FILES = [("bfm", "BFM_model_front.mat"), ("flame", "flame.npz"), ("gnm", "gnm_head.npz")]


@pytest.mark.parametrize(("name", "file"), FILES)
def test_a_damaged_file_is_one_error(tmp_path: Path, name: str, file: str) -> None:
    (tmp_path / file).write_bytes(b"not what it says")
    with pytest.raises(FaceError, match=f"{file} is not a readable"):
        load_face_model(name, tmp_path)
    (tmp_path / "part.npz").write_bytes(b"PK")
    with pytest.raises(FaceError, match="not a readable face model"):
        load_face_model("default", tmp_path / "part.npz")


def test_units_that_are_not_those_documented_are_noticed(tmp_path: Path) -> None:
    write_flame(tmp_path, v_template=FLAME["v_template"] * 1000)
    with pytest.raises(FaceError, match="units"):
        load_face_model("flame", tmp_path)


def test_every_model_is_listed_with_licence_and_source(tmp_path: Path) -> None:
    (tmp_path / "gnm").mkdir()
    (tmp_path / "gnm" / "gnm_head.npz").write_bytes(b"")
    infos = face_models(tmp_path)
    assert [info.name for info in infos] == ["default", "bfm", "flame", "gnm", "ict"]
    assert [info.name for info in infos if info.found] == ["default", "gnm"]
    assert all(info.licence and info.source and info.files and info.what for info in infos)
    first = infos[0]
    assert (first.vertices, first.triangles) == (len(DEFAULT.mean), len(DEFAULT.triangles))
    columns = (DEFAULT.id_basis.shape[-1], DEFAULT.exp_basis.shape[-1], DEFAULT.tex_basis.shape[-1])
    assert (first.identity, first.expression, first.texture) == columns
    json.dumps([info.to_json() for info in infos])


def test_the_command_prints_them(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    from viseme.cli.main import main

    assert main(["face-models", "--folder", str(tmp_path), "--json"]) == 0
    rows = [json.loads(line) for line in capfd.readouterr().out.splitlines()]
    assert [row["name"] for row in rows] == ["default", "bfm", "flame", "gnm", "ict"]
    for wrong in (tmp_path / "none", tmp_path / "file"):
        (tmp_path / "file").touch()
        assert main(["face-models", "--folder", str(wrong)]) == 2
        (line,) = capfd.readouterr().err.splitlines()
        assert line.startswith(f"viseme: error: {wrong} is not a folder")
    assert main(["face-models"]) == 0
    text = capfd.readouterr().out
    assert "CC0-1.0" in text
    assert "github.com/google/GNM" in text
