"""Every animation format is read back by a reader of its own, and says what was written."""

from __future__ import annotations

import csv
import json
import struct
import xml.etree.ElementTree as ET
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tetrahedron import animation
from viseme.avatar.animation.cue_files import PRESTON_BLAIR
from viseme.avatar.animation.cues import CueLimits, mouth_cues, shapes_of
from viseme.avatar.animation.interface import FaceAnimation, animation_formats, format_of
from viseme.avatar.animation.live_link import EYE_TURN
from viseme.avatar.animation.osc import OscSender, bundle, message
from viseme.core.errors import ConfigError, OutputError
from viseme.faces.rotation import rotation_matrix


def read_glb(path: Path) -> tuple[dict[str, Any], list[np.ndarray]]:
    """JSON and accessors of a .glb, by the words of the specification."""
    data = path.read_bytes()
    magic, version, length = struct.unpack_from("<4sII", data)
    assert (magic, version, length) == (b"glTF", 2, len(data))
    size, kind = struct.unpack_from("<I4s", data, 12)
    assert kind == b"JSON"
    assert size % 4 == 0
    head = json.loads(data[20 : 20 + size])
    assert struct.unpack_from("<I4s", data, 20 + size)[1] == b"BIN\0"
    binary = data[28 + size :]
    arrays = []
    for accessor in head["accessors"]:
        view = head["bufferViews"][accessor["bufferView"]]
        assert view["byteOffset"] % 4 == 0
        kind = {5126: "<f4", 5125: "<u4"}[accessor["componentType"]]
        width = {"SCALAR": 1, "VEC2": 2, "VEC3": 3, "VEC4": 4}[accessor["type"]]
        values = np.frombuffer(binary, kind, accessor["count"] * width, view["byteOffset"]).reshape(-1, width)
        assert np.allclose(values.min(0), accessor["min"])
        assert np.allclose(values.max(0), accessor["max"])
        arrays.append(values)
    return head, arrays


def test_glb_moves_as_the_mesh_does(tmp_path: Path) -> None:
    face = animation()
    animation_formats["glb"].write(face, tmp_path / "a.glb")
    head, arrays = read_glb(tmp_path / "a.glb")
    (mesh,), (node,), (clip,) = head["meshes"], head["nodes"], head["animations"]
    (primitive,) = mesh["primitives"]
    assert mesh["extras"]["targetNames"] == ["open", "wide"]
    assert (arrays[primitive["indices"]].reshape(-1, 3) == face.mesh.triangles).all()
    assert np.allclose(np.linalg.norm(arrays[primitive["attributes"]["NORMAL"]], axis=1), 1, atol=1e-5)
    tracks = {}
    for channel in clip["channels"]:
        sampler = clip["samplers"][channel["sampler"]]
        assert sampler["interpolation"] == "LINEAR"
        assert np.allclose(arrays[sampler["input"]][:, 0], face.times)
        tracks[channel["target"]["path"]] = arrays[sampler["output"]]
    weights = tracks["weights"].reshape(len(face.times), -1)
    at = 7
    shapes = np.stack([arrays[target["POSITION"]] for target in primitive["targets"]])
    local = arrays[primitive["attributes"]["POSITION"]] + np.tensordot(weights[at], shapes, 1)
    x, y, z, w = tracks["rotation"][at]
    turn = np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
            [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
            [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
        ]
    )
    assert np.allclose(turn, rotation_matrix(face.pose[at].astype(float)), atol=1e-5)
    moved = local @ turn.T + node["translation"]
    assert np.allclose(moved, list(face.moved())[at], atol=1e-6)


def test_obj_sequence(tmp_path: Path) -> None:
    face = animation(3)
    animation_formats["obj"].write(face, tmp_path / "talk.obj")
    assert sorted(p.name for p in tmp_path.iterdir()) == [
        "talk.mtl", "talk.png", "talk_0000.obj", "talk_0001.obj", "talk_0002.obj",
    ]  # fmt: skip
    assert "map_Kd talk.png" in (tmp_path / "talk.mtl").read_text()
    lines = (tmp_path / "talk_0001.obj").read_text().splitlines()
    found = np.array([line.split()[1:] for line in lines if line.startswith("v ")], float)
    assert np.allclose(found, list(face.moved())[1], atol=1e-6)
    corners = [[int(c.split("/")[0]) - 1 for c in line.split()[1:]] for line in lines if line.startswith("f ")]
    assert corners == face.mesh.triangles.tolist()


def test_ply_sequence(tmp_path: Path) -> None:
    face = animation(2)
    animation_formats["ply"].write(face, tmp_path / "talk.ply")
    head, _, body = (tmp_path / "talk_0001.ply").read_bytes().partition(b"end_header\n")
    assert b"element vertex 4\n" in head
    points = np.frombuffer(body, [("place", "<f4", 3), ("colour", "u1", 3)], 4)
    assert np.allclose(points["place"], list(face.moved())[1], atol=1e-6)
    assert (points["colour"][0] == face.mesh.texture[4, 4]).all()
    faces = np.frombuffer(body[4 * 15 :], [("num", "u1"), ("corners", "<i4", 3)])
    assert (faces["corners"] == face.mesh.triangles).all()


def test_arkit_json(tmp_path: Path) -> None:
    face = animation(jawOpen=np.linspace(0, 1, 20))
    animation_formats["arkit"].write(face, tmp_path / "a.json")
    found = json.loads((tmp_path / "a.json").read_text())
    assert set(found) == {"provenance", "fps", "names", "weights"}
    assert found["fps"] == 25.0
    assert np.allclose(found["weights"], face.weights, atol=1e-4)
    assert tuple(found["names"]) == face.names


def test_live_link_csv(tmp_path: Path) -> None:
    face = animation(30, jawOpen=0.25, eyeLookOutLeft=1.0, eyeLookInRight=1.0)
    animation_formats["livelink"].write(face, tmp_path / "a.csv")
    with (tmp_path / "a.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows[0]) == 2 + 61
    assert list(rows[0])[:3] == ["Timecode", "BlendShapeCount", "EyeBlinkLeft"]
    assert (rows[27]["Timecode"], rows[0]["BlendShapeCount"]) == ("00:00:01:02.000", "61")
    assert float(rows[4]["JawOpen"]) == 0.25
    turned = [float(rows[3][name]) for name in ("HeadPitch", "HeadYaw", "HeadRoll")]
    assert np.allclose(turned, face.pose[3], atol=1e-6)
    assert float(rows[0]["LeftEyeYaw"]) == float(rows[0]["RightEyeYaw"]) == EYE_TURN


def spoken() -> FaceAnimation:
    """Silence, lips just apart, a closure, a wide open mouth, teeth on the lip, puckered lips, silence."""
    num = 100
    jaw, close, roll, pucker = (np.zeros(num) for _ in range(4))
    jaw[25:45], jaw[15:20] = 0.5, 0.1
    jaw[20:25], close[20:25] = 0.2, 0.2
    jaw[45:55], roll[45:55] = 0.25, 0.6
    jaw[55:65], pucker[55:65] = 0.2, 0.42
    return animation(num, jawOpen=jaw, mouthClose=close, mouthRollLower=roll, mouthPucker=pucker)


def test_mouth_shapes_and_their_order() -> None:
    face = spoken()
    shapes = shapes_of(face)
    assert [str(shapes[i]) for i in (5, 35, 50, 60, 90)] == ["X", "D", "G", "F", "X"]
    cues = mouth_cues(face)
    assert "".join(cue.value for cue in cues) == "XBACDGFX"
    assert cues[0].start == 0.0
    assert cues[-1].end == face.duration
    assert all(a.end == b.start for a, b in pairwise(cues))
    assert all(cue.end - cue.start >= 0.08 - 1e-9 for cue in cues)


def test_cues_of_any_motion_keep_the_rules() -> None:
    for seed in range(20):
        rng = np.random.default_rng(seed)
        num = int(rng.integers(3, 90))
        columns = {name: rng.random(num) * size for name, size in (("jawOpen", 0.5), ("mouthClose", 0.4))}
        cues = mouth_cues(animation(num, mouthPucker=rng.random(num) * 0.4, **columns), CueLimits())
        assert all(a.end == b.start and a.value != b.value for a, b in pairwise(cues))
        assert len(cues) == 1 or all(cue.end - cue.start >= 0.08 - 1e-9 for cue in cues)
        assert not any(a.value in "AB" and b.value == "D" for a, b in pairwise(cues))


def test_cue_files_say_the_same(tmp_path: Path) -> None:
    face = spoken()
    cues = [(cue.start, cue.end, cue.value) for cue in mouth_cues(face)]
    for name in ("tsv", "xml", "json", "dat"):
        animation_formats[f"rhubarb-{name}"].write(face, tmp_path / name)
    rows = [line.split("\t") for line in (tmp_path / "tsv").read_text().splitlines()]
    assert rows[0][0] == "0.00"
    assert [(float(a[0]), float(b[0]), a[1]) for a, b in pairwise(rows)] == cues
    root = ET.fromstring((tmp_path / "xml").read_text())
    assert root.findtext("metadata/soundFile") == "a & b.wav"
    found = [(float(c.attrib["start"]), float(c.attrib["end"]), c.text) for c in root.iter("mouthCue")]
    assert found == cues
    whole = json.loads((tmp_path / "json").read_text())
    assert whole["metadata"].pop("provenance")["synthetic"]
    assert whole["metadata"] == {"soundFile": "a & b.wav", "duration": 4.0}
    assert [tuple(c[k] for k in ("start", "end", "value")) for c in whole["mouthCues"]] == cues
    head, *lines = (tmp_path / "dat").read_text().splitlines()
    assert head == "MohoSwitch1"
    assert lines[0] == "1 rest"
    assert lines[-1] == "97 rest"
    assert {line.split()[1] for line in lines} <= set(PRESTON_BLAIR.values())


def test_every_format_has_a_summary_and_ends_are_found() -> None:
    assert {format_of(Path(f"a{suffix}")) for suffix in (".glb", ".csv", ".JSON", ".tsv", ".mp4", ".dat")} == {
        "glb", "livelink", "arkit", "rhubarb-tsv", "video", "rhubarb-dat",
    }  # fmt: skip
    with pytest.raises(OutputError, match="no animation format ends in"):
        format_of(Path("a.exe"))
    with pytest.raises(ConfigError, match="known: arkit"):
        format_of(Path("a.glb"), "fbx")


def test_osc_is_read_back() -> None:
    packed = bundle([message("/VMC/Ext/Blend/Val", "jawOpen", 0.5), message("/VMC/Ext/Blend/Apply")])
    assert packed[:16] == b"#bundle\0" + struct.pack(">Q", 1)
    (size,) = struct.unpack_from(">i", packed, 16)
    body = packed[20 : 20 + size]
    assert len(body) % 4 == 0
    assert body == b"/VMC/Ext/Blend/Val\0\0,sf\0jawOpen\0" + struct.pack(">f", 0.5)
    with pytest.raises(ConfigError, match="HOST:PORT"):
        OscSender("nowhere")
