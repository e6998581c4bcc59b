"""The manifest of real clips: never what is for measuring, and how late the audio of each is known to be."""

from __future__ import annotations

from pathlib import Path

import pytest

from viseme.core.errors import DataError
from viseme.data.manifest import read_manifest
from viseme.sync.train import train_sync

HEADER = "file,use,source,speaker,language,duration_s,fps,width,height,truth_delay_ms,licence,repo,path,commit,note"


def _manifest(folder: Path, uses: list[str]) -> Path:
    rows = [f"clips/{i}.mp4,{use},src,speaker{i},en,3,25,64,64,,CC0,,,," for i, use in enumerate(uses)]
    (folder / "manifest.csv").write_text("\n".join([HEADER, *rows]) + "\n", encoding="utf-8")
    return folder


def test_only_rows_of_the_asked_use_are_handed_out(tmp_path):
    folder = _manifest(tmp_path, ["train", "dev", "train-research", "dev-foreign", "train"])
    rows = read_manifest(folder, ("train",))
    assert [r.path.name for r in rows] == ["0.mp4", "4.mp4"]
    assert {r.use for r in read_manifest(folder, ("train", "train-research"))} == {"train", "train-research"}
    assert rows[0].path == folder / "clips" / "0.mp4"
    assert (rows[0].speaker, rows[0].licence) == ("speaker0", "CC0")


@pytest.mark.parametrize("uses", [("dev",), ("train", "dev"), ("dev-foreign",), ("train", ""), ("Train",)])
def test_clips_for_measuring_are_never_handed_out(tmp_path, uses):
    with pytest.raises(DataError, match="never trained on"):
        read_manifest(_manifest(tmp_path, ["train", "dev", "dev-foreign"]), uses)


def test_a_manifest_of_clips_for_measuring_trains_nothing(tmp_path):
    with pytest.raises(DataError, match="no clips to train on"):
        train_sync(
            tmp_path / "out", data=_manifest(tmp_path, ["dev"] * 60), work=tmp_path / "w", recipe="quick", jobs=1
        )


def test_no_manifest_says_where_one_is_wanted(tmp_path):
    with pytest.raises(DataError, match="--data"):
        read_manifest(tmp_path, ("train",))


@pytest.mark.parametrize(("text", "seconds"), [("0", 0.0), ("80", 0.08), ("-12.5", -0.0125), ("", None), (" ", None)])
def test_the_true_delay_comes_from_its_row(tmp_path, text, seconds):
    line = f"clips/a.mp4,train,src,ann,en,3,25,64,64,{text},CC0,,,,"
    (tmp_path / "manifest.csv").write_text(f"{HEADER}\n{line}\n", encoding="utf-8")
    (row,) = read_manifest(tmp_path, ("train",))
    assert row.audio_delay == seconds
    assert row.info().audio_delay == seconds


def test_a_manifest_without_that_column_knows_no_delay(tmp_path):
    (tmp_path / "manifest.csv").write_text("file,use,speaker,licence\na.mp4,train,ann,CC0\n", encoding="utf-8")
    assert read_manifest(tmp_path, ("train",))[0].audio_delay is None


def test_a_delay_that_is_no_number_is_named(tmp_path):
    line = "clips/a.mp4,train,src,ann,en,3,25,64,64,soon,CC0,,,,"
    (tmp_path / "manifest.csv").write_text(f"{HEADER}\n{line}\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"truth_delay_ms of clips/a.mp4 is 'soon'"):
        read_manifest(tmp_path, ("train",))
