"""Clips for measuring: read with their true delay, never mixed with clips for training."""

from __future__ import annotations

from pathlib import Path

import pytest

from viseme.core.errors import DataError
from viseme.data.manifest import read_held_out, read_manifest

HEADER = "file,use,source,speaker,truth_delay_ms,licence"


def manifest(folder: Path, *rows: str) -> Path:
    (folder / "manifest.csv").write_text("\n".join([HEADER, *rows]) + "\n", encoding="utf-8")
    return folder


def test_the_delay_of_the_manifest_is_read(tmp_path: Path) -> None:
    folder = manifest(tmp_path, "a.mp4,dev,one,x,40,free", "b.mp4,dev-foreign,one,x,,free", "c.mp4,train,one,y,0,free")
    known, mismatched = read_held_out(folder)
    assert (known.path.name, known.audio_delay, known.source) == ("a.mp4", 0.04, "one")
    assert (mismatched.use, mismatched.audio_delay) == ("dev-foreign", None)
    assert [r.path.name for r in read_held_out(folder, ("dev",))] == ["a.mp4"]
    assert [r.audio_delay for r in read_manifest(folder, ("train",))] == [0.0]


def test_clips_that_are_trained_on_measure_nothing(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="trained on"):
        read_held_out(manifest(tmp_path), ("dev", "train"))


def test_a_delay_that_is_no_number_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"truth_delay_ms of a\.mp4 is 'late'"):
        read_held_out(manifest(tmp_path, "a.mp4,dev,one,x,late,free"))
