"""Label readers on small trees, counts, and matching of faces to labelled boxes."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from viseme.core.errors import ConfigError, DataError, MissingWeights, UnreadableMedia
from viseme.core.speakers import FaceState, FaceTimeline, SpeakersResult, StateSegment
from viseme.data import active_speakers
from viseme.data.active_speakers import AswCounts, check_asw_counts, read_asw, read_ava, read_columbia
from viseme.speakers.evaluate import corpora, evaluate_asw, evaluate_ava, evaluate_columbia
from viseme.speakers.evaluate.ava_predictions import ava_predictions
from viseme.speakers.evaluate.matching import scores_on
from viseme.speakers.evaluate.results import TABLE_III, first_of

BOX = [0.1, 0.1, 0.5, 0.9]
OTHER = [0.55, 0.1, 0.95, 0.9]


def result(file: str, tracks: list[tuple[list[float], list[float]]], *, num: int = 100) -> SpeakersResult:
    """Faces in the middle of boxes; each scores its first number in the first half, the second in the other."""
    faces = []
    for number, (box, (early, late)) in enumerate(tracks):
        x0, y0, x1, y1 = np.array(box) * 100
        own = np.array([x0 + 5, y0 + 5, x1 - 5, y1 - 5], np.float32)
        faces.append(
            FaceTimeline(
                track_id=number,
                person=number,
                person_confidence=1.0,
                shot=0,
                face_size_px=30.0,
                times=np.arange(num) * 0.04,
                scores=np.where(np.arange(num) < num // 2, early, late).astype(np.float32),
                boxes=np.tile(own, (num, 1)),
                segments=(StateSegment(start=0, end=num * 0.04, state=FaceState.SPEAKING),),
            )
        )
    return SpeakersResult(file=file, faces=tuple(faces), voice=(), width=100, height=100, scorer="drawn")


def asw_tree(folder: Path) -> Path:
    (folder / "json").mkdir(parents=True)
    (folder / "split").mkdir()
    rows = [{"time": round(0.2 * k, 1), "bbox": BOX, "label": int(k >= 10), "eval": int(k != 10)} for k in range(1, 20)]
    quiet = [{**r, "bbox": OTHER, "label": 0} for r in rows]
    (folder / "json" / "aa.json").write_text(json.dumps({"track_000000": rows, "track_000001": quiet}))
    (folder / "json" / "bb.json").write_text(json.dumps({"track_000000": rows}))
    (folder / "split" / "testset.list").write_text("aa\nbb\n")
    return folder


@pytest.fixture
def media(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of empty files; what would be found in them is drawn."""
    folder = tmp_path / "media"
    folder.mkdir()
    for name in ("aa", "bb"):
        (folder / f"{name}.mp4").write_bytes(b"")

    def found(path: Path, **_: object) -> SpeakersResult:
        return result(str(path), [(BOX, [-1.0, 2.0]), (OTHER, [-2.0, -2.0])])

    monkeypatch.setattr(corpora, "find_speakers", found)
    return folder


def test_asw_labels_are_read_and_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tracks = read_asw(asw_tree(tmp_path))
    assert [(t.video, t.entity) for t in tracks] == [
        ("aa", "track_000000"),
        ("aa", "track_000001"),
        ("bb", "track_000000"),
    ]
    assert tracks[0].scored.sum() == 18
    assert tracks[0].speaking.sum() == 10
    with pytest.raises(DataError, match=r"should hold 53 videos, these labels hold 2"):
        check_asw_counts(tracks, "test")
    monkeypatch.setattr(active_speakers, "ASW_COUNTS", {"test": AswCounts(2, 3, 54, 18)})
    assert check_asw_counts(tracks, "test").active == 18
    monkeypatch.setattr(active_speakers, "ASW_COUNTS", {"test": AswCounts(2, 3, 54, 19)})
    with pytest.raises(DataError, match="active"):
        check_asw_counts(tracks, "test")


def test_the_published_counts_are_those_of_the_specification() -> None:
    counts = active_speakers.ASW_COUNTS
    assert counts["test"] == AswCounts(53, 3392, 142_691, 60_833)
    assert counts["test"].active / counts["test"].scored == pytest.approx(0.426, abs=5e-4)  # type: ignore[operator]
    assert sum(c.videos for c in counts.values()) == 212


def test_asw_is_scored_beside_the_published_rows(tmp_path: Path, media: Path) -> None:
    labels = asw_tree(tmp_path / "asw")
    with pytest.raises(DataError, match="should hold"):
        evaluate_asw(labels, media)
    done = evaluate_asw(labels, media, any_labels=True)
    assert done.metrics.average_precision.value == 1
    assert done.metrics.num_instants == 54
    assert done.num_unmatched == 0
    text = str(done)
    assert all(name in text for name, *_ in TABLE_III)
    assert "0.957" in text
    (media / "bb.mp4").unlink()
    assert evaluate_asw(labels, media, any_labels=True).missing == ("bb",)


def test_no_media_at_all_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="nothing was scored"):
        evaluate_asw(asw_tree(tmp_path), tmp_path, any_labels=True)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda f: (f / "json" / "bb.json").unlink(), "names bb"),
        (lambda f: (f / "json" / "bb.json").write_text("{"), "not JSON"),
        (lambda f: (f / "json" / "bb.json").write_text('{"t": [{"time": 1}]}'), "not an ASW label file"),
        (lambda f: (f / "split" / "testset.list").unlink(), "lookwhostalking"),
    ],
)
def test_damaged_asw_labels_are_named(tmp_path: Path, damage, message: str) -> None:
    folder = asw_tree(tmp_path)
    damage(folder)
    with pytest.raises(DataError, match=message):
        read_asw(folder)


def ava_csv(path: Path, *, header: bool) -> Path:
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        if header:
            writer.writerow(["video_id", "frame_timestamp", "x1", "y1", "x2", "y2", "label", "entity_id"])
        for k in range(20):
            label = "SPEAKING_AUDIBLE" if k >= 10 else "SPEAKING_NOT_AUDIBLE" if k > 5 else "NOT_SPEAKING"
            writer.writerow(["aa", f"{0.04 * k * 5:.2f}", *BOX, label, "aa_1"])
            writer.writerow(["aa", f"{0.04 * k * 5:.2f}", *OTHER, "NOT_SPEAKING", "aa_2"])
    return path


@pytest.mark.parametrize("header", [True, False])
def test_ava_labels_and_predictions(tmp_path: Path, media: Path, header: bool) -> None:
    labels = ava_csv(tmp_path / "labels.csv", header=header)
    out = tmp_path / "predictions.csv"
    done = evaluate_ava(labels, media, predictions=out)
    assert done.metrics.voc_average_precision.value == 1
    assert done.metrics.num_positive == 10
    given = [r for r in csv.reader(labels.read_text().splitlines()) if r[0] != "video_id"]
    said = list(csv.reader(out.read_text().splitlines()))
    assert len(said) == len(given)
    assert {r[6] for r in said} == {"SPEAKING_AUDIBLE"}
    assert {(float(r[1]), r[7]) for r in said} == {(float(r[1]), r[7]) for r in given}
    by_key = {(float(r[1]), r[7]): r for r in said}
    for row in given:
        mine = by_key[float(row[1]), row[7]]
        assert np.abs(np.array(mine[2:6], float) - np.array(row[2:6], float)).max() < 1e-9


def test_damaged_ava_labels_are_named(tmp_path: Path) -> None:
    path = ava_csv(tmp_path / "a.csv", header=False)
    text = path.read_text()
    path.write_text(text.replace("NOT_SPEAKING", "SILENT", 1))
    with pytest.raises(DataError, match="unknown label"):
        read_ava(path)
    path.write_text(text + text.splitlines()[0] + "\n")
    with pytest.raises(DataError, match="comes twice"):
        read_ava(path)
    path.write_text("aa,1.0,zero\n")
    with pytest.raises(DataError, match="row 1"):
        read_ava(path)
    with pytest.raises(DataError, match="cannot be read"):
        read_ava(tmp_path / "nowhere.csv")


def columbia_tree(folder: Path) -> Path:
    folder.mkdir(exist_ok=True)
    for name in active_speakers.COLUMBIA_SPEAKERS:
        lines = [f"{f}\t64\t36\t256\t{int(f >= 60)}" for f in range(0, 115, 3)]
        (folder / f"{name}.txt").write_text("\n".join(lines) + "\n")
    return folder


def test_columbia_frames_and_f1(tmp_path: Path, media: Path) -> None:
    folder = columbia_tree(tmp_path / "labels")
    tracks = read_columbia(folder)
    assert [t.entity for t in tracks] == ["bell", "boll", "lieb", "long", "sick"]
    # frame 60 of 29.97 a second is frame int(50.05) = 50 at 25 a second
    assert tracks[0].times[20] == pytest.approx(2.0)
    assert tracks[0].boxes[0] == pytest.approx([0.1, 0.1, 0.5, (36 + 256) / 360])
    done = evaluate_columbia(folder, media / "aa.mp4")
    assert set(done.f1) == {"bell", "boll", "lieb", "long", "sick"}
    assert done.mean == 1
    (folder / "sick.txt").unlink()
    with pytest.raises(DataError, match=r"sick\.txt"):
        read_columbia(folder)


def test_the_face_on_the_box_gives_the_score(tmp_path: Path) -> None:
    found = result("aa.mp4", [(BOX, [1.0, 1.0]), (OTHER, [5.0, 5.0])])
    track = read_asw(asw_tree(tmp_path))[0]
    assert scores_on(track, found).tolist() == [1.0] * 19
    moved = replace(track, boxes=track.boxes + np.array([0.45, 0, 0.45, 0]))
    assert set(scores_on(moved, found)[:3]) == {5.0}
    assert np.isnan(scores_on(replace(track, boxes=track.boxes * 0 + np.array([0, 0, 0.05, 0.05])), found)).all()
    assert np.isnan(scores_on(replace(track, times=track.times + 100), found)).all()


def test_predictions_keep_every_digit() -> None:
    track = active_speakers.LabelledTrack(
        video="v",
        entity="v_1",
        times=np.array([902.1, 903.0]),
        boxes=np.array([[0.123456789012, 0, 1, 1], [0, 0, 1, 1.0]]),
        speaking=np.array([True, False]),
        scored=np.array([True, True]),
    )
    rows = ava_predictions([("v", track, np.array([0.5, -1.0]))]).splitlines()
    assert rows[0] == "v,902.1,0.123456789012,0.0,1.0,1.0,SPEAKING_AUDIBLE,v_1,0.500000"
    assert rows[1].startswith("v,903,")


def test_one_damaged_video_is_missing_and_the_others_are_scored(tmp_path, media, monkeypatch) -> None:
    found = corpora.find_speakers

    def find(path, **options):
        if path.name == "aa.mp4":
            raise UnreadableMedia("aa.mp4 breaks off")
        return found(path, **options)

    monkeypatch.setattr(corpora, "find_speakers", find)
    done = evaluate_asw(asw_tree(tmp_path / "asw"), media, any_labels=True)
    assert done.missing == ("aa (aa.mp4 breaks off)",)
    assert done.metrics.videos == ("bb",)


@pytest.mark.parametrize("error", [ConfigError("no such scorer"), MissingWeights("no such weights")])
def test_a_wrong_setting_is_not_taken_for_a_missing_video(tmp_path, media, monkeypatch, error) -> None:
    def find(path, **_):
        raise error

    monkeypatch.setattr(corpora, "find_speakers", find)
    with pytest.raises(type(error), match="no such"):
        evaluate_asw(asw_tree(tmp_path / "asw"), media, any_labels=True)
    with pytest.raises(type(error), match="no such"):
        evaluate_ava(ava_csv(tmp_path / "labels.csv", header=True), media)
    with pytest.raises(type(error), match="no such"):
        evaluate_columbia(columbia_tree(tmp_path / "columbia"), media / "aa.mp4")


def test_an_error_names_the_first_causes_only() -> None:
    assert first_of([]) == "nothing"
    assert first_of(["a", "b", "c", "d", "e"]) == "a; b; c; and 2 more"
