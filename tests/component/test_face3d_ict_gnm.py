"""ICT-FaceKit and GNM Head as users have them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from face_model_files import (
    DEFAULT,
    STRETCH,
    VERTICES,
    check_contract,
    marks,
    write_gnm,
    write_ict,
)
from viseme.core.errors import FaceError
from viseme.face3d.interface import PARTS, load_face_model


def test_ict_layout(tmp_path: Path) -> None:
    folder, place = write_ict(tmp_path / "ICT-FaceKit" / "FaceXModel")
    model = load_face_model("ict", folder.parent)
    assert len(model.mean) == 18844  # face, mouth socket, gums and tongue, teeth
    shift = (VERTICES - model.mean[place]).mean(0)
    np.testing.assert_allclose(model.mean[place] + shift, VERTICES, atol=1e-4)
    check_contract(model, num_id=2, num_exp=2, shift=shift)
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


def test_gnm_layout(tmp_path: Path) -> None:
    model = load_face_model("gnm", write_gnm(tmp_path))
    vertices = DEFAULT.mean * STRETCH
    shift = (vertices - model.mean).mean(0)
    check_contract(model, num_id=6, num_exp=5, shift=shift)
    assert model.expression_spread == 1
    assert model.expression_names[:3] == ("lower_face_region_0", "lower_face_region_1", "tongue_0")
    np.testing.assert_array_equal(model.part, DEFAULT.part)
    np.testing.assert_allclose(model.landmark_points(model.mean, "ibug68") + shift, marks("ibug68"), atol=1e-4)
    # every vertex lies on the head its colour comes from
    np.testing.assert_allclose(model.tex_mean, DEFAULT.tex_mean, atol=0.2)
    assert np.abs(model.tex_mean - DEFAULT.tex_mean).mean() < 0.01
