"""FLAME as users have it: landmarks, the jaw, and no pickle."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from face_model_files import (
    EYE_PARTS,
    FLAME,
    check_contract,
    marks,
    mediapipe_embedding,
    write_flame,
)
from viseme.core.errors import FaceError
from viseme.face3d.interface import load_face_model
from viseme.face3d.models.conversion import closest_on_surface


def test_flame_layout(tmp_path: Path) -> None:
    model = load_face_model("flame", write_flame(tmp_path))
    vertices = FLAME["v_template"] * 10
    shift = (vertices - model.mean).mean(0)
    np.testing.assert_allclose(model.mean[model.masks["face_front"]].mean(0), 0, atol=1e-5)
    check_contract(model, num_id=80, num_exp=64, shift=shift)
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
    check_contract(model, num_id=80, num_exp=64, shift=(surface - model.mean).mean(0))
