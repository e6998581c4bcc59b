"""What holds for every face model that a user brings along: what is missing or damaged is named, all are listed."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from face_model_files import (
    DEFAULT,
    FLAME,
    write_flame,
    write_gnm,
    write_prepared,
)
from viseme.core.errors import FaceError
from viseme.face3d.interface import load_face_model
from viseme.face3d.models import face_models

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
