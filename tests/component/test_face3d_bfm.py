"""BFM-2009 as users have it: the prepared file, and the raw ones."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from face_model_files import (
    NUM,
    TRIANGLES,
    VERTICES,
    check_contract,
    prepared_bfm,
    write_prepared,
    write_raw,
)
from viseme.core.errors import FaceError
from viseme.face3d.interface import load_face_model


def test_bfm_prepared_layout(tmp_path: Path) -> None:
    model = load_face_model("bfm", write_prepared(tmp_path))
    written = prepared_bfm(tmp_path)
    np.testing.assert_allclose(model.mean.mean(0), 0, atol=1e-6)
    np.testing.assert_allclose(model.mean, VERTICES - VERTICES.mean(0), atol=1e-5)
    np.testing.assert_allclose(model.tex_mean, 102 / 255, atol=1e-6)
    check_contract(model, num_id=80, num_exp=64, shift=VERTICES.mean(0))
    np.testing.assert_array_equal(np.flatnonzero(model.masks["face_front"]), np.arange(0, NUM, 2))
    found = model.landmark_points(model.mean, "ibug68") + VERTICES.mean(0)
    np.testing.assert_allclose(found, VERTICES[written["keypoints"].ravel() - 1], atol=1e-5)
    assert "research only" in model.licence
    assert model.expression_spread == 1, "columns carry their deviation"
    assert load_face_model("bfm", tmp_path) is model


def test_bfm_triangles_that_look_inward_are_turned(tmp_path: Path) -> None:
    model = load_face_model("bfm", write_prepared(tmp_path, tri=TRIANGLES[:, ::-1] + 1))
    np.testing.assert_array_equal(np.sort(model.triangles, 1), np.sort(TRIANGLES, 1))
    check_contract(model, num_id=80, num_exp=64, shift=VERTICES.mean(0))


def test_bfm_raw_layout(tmp_path: Path) -> None:
    folder, truth = write_raw(tmp_path)
    model = load_face_model("bfm", folder)
    np.testing.assert_allclose(model.mean, VERTICES - VERTICES.mean(0), atol=1e-5)
    np.testing.assert_allclose(model.id_basis, truth["identity"][..., :80], rtol=1e-4, atol=1e-7)
    np.testing.assert_allclose(model.exp_basis, truth["expression"][..., :64], rtol=1e-4, atol=1e-7)
    np.testing.assert_allclose(model.tex_mean, 0.2, atol=1e-6)
    check_contract(model, num_id=80, num_exp=64, shift=VERTICES.mean(0))


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
