"""The evaluation of personal faces: who is measured, what is dubbed once, what is written."""

from __future__ import annotations

import json
import wave
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from unittest.mock import MagicMock

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from viseme.avatar.components import MOUTH, mouth_opening
from viseme.avatar.measure import FACE_SIDES
from viseme.avatar.recipes import PaperRecipe
from viseme.core.errors import ConfigError, ConsentError, DataError, FaceError
from viseme.core.results import Verdict
from viseme.core.scores import Better, ClipScore, LeakageOutcome, MetricValue, ScoreResult
from viseme.data.manifest import ManifestRow
from viseme.reproduce.lipsync3d import ablations as ablations_module
from viseme.reproduce.lipsync3d import drives as drives_module
from viseme.reproduce.lipsync3d import measured as measured_module
from viseme.reproduce.lipsync3d import reproduce_lipsync3d
from viseme.reproduce.lipsync3d.ablations import (
    SYNTHETIC,
    TRUTH,
    ablation_table,
    answer_file,
    chosen_ablations,
    variants,
)
from viseme.reproduce.lipsync3d.drives import drives, make_drive, real_clips
from viseme.reproduce.lipsync3d.geometry import lip_distances
from viseme.reproduce.lipsync3d.measured import measure_person
from viseme.reproduce.lipsync3d.people import Person, people
from viseme.reproduce.lipsync3d.report import write_report
from viseme.synthetic.pipeline import true_shape
from viseme.synthetic.scene import TalkerSpec

HEADER = "file,use,source,speaker,licence,truth_delay_ms\n"


def manifest(folder: Path, trained: int = 6, held: int = 4) -> Path:
    lines = [f"a{i}.mp4,train,c,anna,CC0,0" for i in range(trained)]
    lines += [f"b{i}.mp4,dev,c,anna,CC0,0" for i in range(held)]
    lines += ["c0.mp4,train,c,bert,CC0,0", "c1.mp4,dev,c,bert,CC0,0"]
    (folder / "manifest.csv").write_text(HEADER + "\n".join(lines) + "\n")
    return folder


def row(path: Path, text: str = "") -> ManifestRow:
    return ManifestRow(path=path, use="dev", speaker="anna", licence="CC0", text=text)


def test_people_are_those_with_enough_clips_of_both_kinds(tmp_path: Path) -> None:
    found = people(manifest(tmp_path), (), seconds=12, sentences=3, duration=lambda path: 3.0)
    assert [p.name for p in found] == ["anna"]
    assert len(found[0].train) == 4
    assert len(found[0].held) == 3
    assert {r.use for r in found[0].train} == {"train"}
    assert {r.use for r in found[0].held} == {"dev"}


def test_people_that_cannot_be_measured_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"bert.*it has anna"):
        people(manifest(tmp_path), ("bert",), seconds=3, sentences=3, duration=lambda path: 3.0)
    with pytest.raises(DataError, match="nobody with 60 s"):
        people(manifest(tmp_path), (), seconds=60, sentences=3, duration=lambda path: 3.0)


def test_another_sentence_is_never_the_clip_s_own(tmp_path: Path) -> None:
    held = [row(tmp_path / f"{i}.mp4") for i in range(3)]
    own, cross, silent = drives(held, (), tmp_path)
    assert all(r.path == audio for r, audio in own.clips)
    assert all(r.path != audio for r, audio in cross.clips)
    with wave.open(str(silent.clips[0][1])) as file:
        assert set(file.readframes(file.getnframes())) == {0}
    assert drives(held, [tmp_path / "x.wav"], tmp_path)[-1].kind == "voices"


def test_a_dub_is_made_once_and_a_failure_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = []

    def dub(path: Path, out: Path, **options: object) -> SimpleNamespace:
        made.append(path.name)
        if path.name == "1.mp4":
            raise FaceError("no face")
        residual = SimpleNamespace(estimate=SimpleNamespace(verdict=Verdict.IN_SYNC), audio_delay=0.01)
        return SimpleNamespace(residual=residual, num_frames=75, num_composed=70, elapsed=5.0)

    monkeypatch.setattr(drives_module, "dub", dub)
    own = drives([row(tmp_path / "0.mp4"), row(tmp_path / "1.mp4")], (), tmp_path)[0]
    first = make_drive(own, tmp_path / "a.vis", tmp_path / "own")
    assert first == make_drive(own, tmp_path / "a.vis", tmp_path / "own")
    assert made == ["0.mp4", "1.mp4"]
    assert first[0].verdict == Verdict.IN_SYNC.value
    assert (first[1].verdict, first[1].error) == (None, "no face")


def test_what_is_said_lies_beside_the_real_clips(tmp_path: Path) -> None:
    clip = tmp_path / "x.mp4"
    clip.write_bytes(b"1")
    folder = real_clips([row(clip, "bin blue")], tmp_path / "real")
    assert (folder / "x.mp4").read_bytes() == b"1"
    assert (folder / "x.txt").read_text() == "bin blue\n"


def _score(value: float) -> ScoreResult:
    metric = MetricValue(
        value=value,
        interval=(value - 0.1, value + 0.1),
        valid=value,
        relative=None,
        unit="1",
        better=Better.HIGHER,
        n=1,
    )
    return ScoreResult(
        name="x",
        reference=None,
        metrics={"ssim": metric, "vsc": metric, "avs_u[expert@1]": metric, "mouth_opening": metric},
        anchors={
            "reference": {"vsc": 0.5, "avs_u[expert@1]": 0.61, "mouth_opening": 0.9},
            "closed_mouth": {"mouth_opening": 0.6},
            "still_face": {"ssim": 0.8},
        },
        protocols=(),
        protocol_hash="",
        failures={},
        clips=(ClipScore(file="x", reference=None, audio=None, metrics={}, anchors={}),),
    )


def test_a_person_is_measured_and_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def score(folder: Path, reference: Path | None = None, **options: object) -> ScoreResult:
        asked.append((folder.name, options["metrics"]))
        return _score(0.7)

    silence = LeakageOutcome(
        name="silent_audio", value=1.1, interval=(1.0, 1.2), n=3, passed=True, certain=True, text=""
    )
    monkeypatch.setattr(measured_module, "score", score)
    monkeypatch.setattr(measured_module, "silent_audio", lambda result: silence)
    monkeypatch.setattr(measured_module, "real_clips", lambda rows, folder: folder)
    monkeypatch.setattr(
        measured_module,
        "make_drive",
        lambda drive, avatar, folder: [
            drives_module.Made(clip="x", verdict=Verdict.IN_SYNC.value, delay=0.0, frames=75, composed=75, seconds=3.0)
        ],
    )
    held = tuple(row(tmp_path / f"{i}.mp4", "bin") for i in range(3))
    person = Person(name="anna", train=(), held=held)
    found = measure_person(
        person, tmp_path / "a.vis", {"ssim": 0.9}, drives(held, [tmp_path / "x.wav"], tmp_path), "expert-tiny", tmp_path
    )
    assert [name for name, _ in asked] == ["own", "cross", "silent", "voices"]
    assert "wer_lips" in asked[0][1]
    assert "wer_lips" not in asked[1][1]
    assert found.in_sync("own") == (1, 1)
    assert found.frame_rate() == 25.0
    result = write_report(tmp_path / "out", [found], {})
    text = result.path.read_text()
    assert "0.700 [0.600, 0.800]" in text
    assert "1.10 [1.00, 1.20]" in text
    assert ".94" in text
    assert "0.610" in text
    assert "70.00, 60.00, 90.00; 1.10" in text
    assert json.loads((tmp_path / "out" / "lipsync3d.json").read_text())["people"][0]["name"] == "anna"


def test_what_makes_no_sense_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConsentError, match="--consent FILE"):
        reproduce_lipsync3d(tmp_path, data=manifest(tmp_path))
    with pytest.raises(ConfigError, match="--speakers"):
        reproduce_lipsync3d(tmp_path, avatar=tmp_path / "a.vis")
    with pytest.raises(ConfigError, match="more than 0"):
        reproduce_lipsync3d(tmp_path, minutes=0)
    with pytest.raises(DataError, match="no recordings"):
        reproduce_lipsync3d(tmp_path, data=manifest(tmp_path), consent=tmp_path / "c", voices=tmp_path)


def test_rows_of_an_ablation_differ_in_one_thing() -> None:
    lit, filmed = variants("light", 5, PaperRecipe())
    assert lit.recipe == filmed.recipe
    assert (lit.one_light, filmed.one_light) == (True, False)
    memory = variants("memory", None, PaperRecipe())
    assert [v.name for v in memory] == ["memory 0", "memory 2", "memory 8", "memory 16"]
    assert len({v.recipe for v in memory}) == 4
    started = variants("start", 9, PaperRecipe(), "t.safetensors")
    assert [v.name for v in started[:2]] == ["30 s from nothing", "30 s from the talker"]
    assert [v.seconds for v in started[::2]] == [30, 60, 120, 240]
    assert [getattr(v.recipe, "start", "") for v in started[:2]] == ["", "t.safetensors"]
    with pytest.raises(ConfigError, match="known: light, memory, codes, start"):
        chosen_ablations("light,shade")


def test_an_ablation_is_a_mean_over_held_out_clips(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    values = [{"ssim": 0.8, "mouth_percent": 1.0, "vsc": 0.3, "flicker": float("nan")}] * 2
    values = [{**numbers, **dict.fromkeys(TRUTH, 0.9)} for numbers in values]
    for variant in variants("light", 5, PaperRecipe()):
        answer = answer_file(tmp_path / variant.name.replace(" ", "-"), variant, ["a"])
        assert answer_file(answer.parent, replace(variant, seconds=7), ["a"]) != answer
        assert answer_file(answer.parent, variant, ["a", "b"]) != answer
        answer.parent.mkdir()
        answer.write_text(json.dumps(values))
    clips = MagicMock(keys=("a",), __len__=lambda self: 10, read=lambda number, name: [range(3)])
    monkeypatch.setattr(ablations_module, "prepare_person", lambda videos, work, **options: clips)
    table, records = ablation_table("light", [], SYNTHETIC, tmp_path, steps=5, base=PaperRecipe(), jobs=1)
    assert [row[:2] for row in table.rows] == [
        ("in one light", "0.800 [0.800, 0.800]"),
        ("as filmed", "0.800 [0.800, 0.800]"),
    ]
    assert table.rows[0][4:9] == ("0.90 [0.90, 0.90]",) * 4 + ("-",)
    assert len(records) == 2


def test_lips_are_measured_against_the_truth_whatever_the_space() -> None:
    rng = np.random.default_rng(3)
    true = rng.normal(size=(5, 468, 3)) + 0.1 * rng.normal(size=(1, 468, 3))
    true[:, list(FACE_SIDES)] = (-2.0, 0, 0), (2.0, 0, 0)
    turn = Rotation.from_euler("xyz", (3, -5, 2), degrees=True).as_matrix()
    told = 7.0 * true @ turn.T + (1, 2, 3)
    assert max(lip_distances(told, true).values()) < 1e-6
    deep = true.copy()
    deep[:, MOUTH, 2] += 0.4
    found = lip_distances(deep, true)
    assert found["distance"] == pytest.approx(10.0, rel=1e-3)
    assert max(found["image"], found["motion"]) < 1e-6


def test_the_true_shape_of_a_filmed_person_speaks() -> None:
    times, shapes = true_shape(TalkerSpec(seed=3, text="ma ma ma", variant="m3", seconds=1.5))
    assert shapes.shape == (len(times), 468, 3)
    opening = mouth_opening(shapes)
    assert opening.max() > 3 * max(float(opening[0]), 1e-3)
