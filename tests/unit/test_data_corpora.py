"""Readers of corpora on small trees written here: what they find, what they assert, and the table they make."""

from __future__ import annotations

import csv
import errno
import os
from pathlib import Path

import pytest

from viseme.core.errors import ConfigError, DataError, OutputError
from viseme.data import (
    Counts,
    corpora,
    counts_of,
    grid_words,
    list_corpus,
    minidev,
    pairs_up,
    read_grid,
    read_lrs2,
    read_lrs3,
    read_voxceleb2,
    require_counts,
    write_manifest,
)
from viseme.data.voxceleb2 import COUNTS, MINIDEV


def _touch(path: Path, text: str = "") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def _vox(root: Path, part: str, speakers: int, videos: int, clips: int, offset: int = -2) -> Path:
    head = f"Identity  : \tid0\nReference : \tx\nOffset    : \t{offset}\nFV Conf   : \t17.1\t(1)\n"
    for s in range(speakers):
        for v in range(videos):
            for c in range(clips):
                where = f"id{s:05d}/video{v}/{c:05d}"
                _touch(root / part / "mp4" / f"{where}.mp4")
                _touch(root / part / "txt" / f"{where}.txt", head)
    return root


def test_voxceleb2_gives_delays_of_the_opposite_sign(tmp_path):
    clips = read_voxceleb2(_vox(tmp_path, "test", 2, 1, 2), "test", check=False)
    assert [c.path.name for c in clips] == ["00000.mp4", "00001.mp4"] * 2
    assert {c.audio_delay for c in clips} == {0.08}, "an offset of -2 frames: the audio is late by two"
    later = read_voxceleb2(tmp_path / "test", "test", correction=-1, check=False)
    assert {c.audio_delay for c in later} == {0.12}


def test_voxceleb2_says_all_that_is_missing(tmp_path):
    with pytest.raises(DataError, match=r"4 clips instead of 36,237, 2 videos instead of 4,911, 2 speakers"):
        read_voxceleb2(_vox(tmp_path, "test", 2, 1, 2), "test")
    assert COUNTS["test"] == Counts(36_237, 4_911, 118)
    with pytest.raises(DataError, match="neither dev/mp4"):
        read_voxceleb2(tmp_path / "elsewhere", "dev")


def test_a_text_file_without_an_offset_is_named(tmp_path):
    _vox(tmp_path, "test", 1, 1, 1)
    _touch(tmp_path / "test" / "txt" / "id00000" / "video0" / "00000.txt", "Identity\n")
    with pytest.raises(DataError, match=r"00000\.txt has no offset"):
        read_voxceleb2(tmp_path, "test", check=False)


def test_minidev_takes_ten_clips_from_two_videos_of_each_speaker(tmp_path):
    clips = read_voxceleb2(_vox(tmp_path, "dev", 6, 3, 6), "dev", check=False)
    some = minidev(clips, speakers=4, seed=1)
    assert counts_of(some) == Counts(40, 8, 4)
    assert counts_of(minidev(clips, speakers=4, seed=1)) == counts_of(some)
    assert [c.path for c in minidev(clips, speakers=4, seed=1)] == [c.path for c in some]
    assert {c.path for c in minidev(clips, speakers=4, seed=2)} != {c.path for c in some}
    assert Counts(500 * 10, 500 * 2, 500) == MINIDEV
    with pytest.raises(DataError, match="only 6 speakers"):
        minidev(clips)


def test_the_reference_trainer_keeps_clips_that_are_long_enough():
    assert pairs_up(34, 34 * 640, 0)
    assert not pairs_up(34, 34 * 640, 1)
    assert not pairs_up(60, 62 * 640, 0)


def test_lrs2_reads_its_lists(tmp_path):
    for name in ("100/00001", "100/00002", "200/00001"):
        _touch(tmp_path / "main" / f"{name}.mp4")
    _touch(tmp_path / "test.txt", "100/00002 NF\n200/00001 MV\n\n")
    clips = read_lrs2(tmp_path, "test", check=False)
    assert [f"{c.video}/{c.path.stem}" for c in clips] == ["100/00002", "200/00001"]
    assert {c.audio_delay for c in clips} == {0.0}
    with pytest.raises(DataError, match="2 clips instead of 1,243"):
        read_lrs2(tmp_path, "test")
    _touch(tmp_path / "val.txt", "300/00001\n")
    with pytest.raises(DataError, match="1 of 1 clips"):
        read_lrs2(tmp_path, "val")
    with pytest.raises(DataError, match=r"no train\.txt"):
        read_lrs2(tmp_path, "train")


def test_lrs3_reads_its_folders(tmp_path):
    _touch(tmp_path / "test" / "abc" / "00001.mp4")
    assert read_lrs3(tmp_path, "test", check=False)[0].speaker == "abc"
    with pytest.raises(DataError, match="1 clips instead of 1,321"):
        read_lrs3(tmp_path, "test")
    with pytest.raises(DataError, match="no folder pretrain"):
        read_lrs3(tmp_path, "pretrain")


def test_grid_knows_its_sentences(tmp_path):
    for name in ("s2/bbaf2n.mpg", "s10/video/swwp2s.mpg", "s2/readme.txt"):
        _touch(tmp_path / name)
    clips = read_grid(tmp_path, check=False)
    assert [c.speaker for c in clips] == ["grid_s2", "grid_s10"]
    assert grid_words("swwp2s") == ("set", "white", "with", "p", "two", "soon")
    with pytest.raises(DataError, match="2 clips instead of 33,000"):
        read_grid(tmp_path)
    with pytest.raises(DataError, match="1 clips instead of 1,000"):
        read_grid(tmp_path, "s2")
    _touch(tmp_path / "s2" / "wrong.mpg")
    with pytest.raises(DataError, match="'wrong'"):
        read_grid(tmp_path)


def test_a_manifest_is_what_training_reads(tmp_path):
    from viseme.data.manifest import read_manifest

    clips = read_voxceleb2(_vox(tmp_path / "vox", "dev", 1, 1, 2), "dev", check=False)
    write_manifest(tmp_path / "m", clips, use="train")
    with pytest.raises(DataError, match="add=True"):
        write_manifest(tmp_path / "m", clips, use="dev")
    path = write_manifest(tmp_path / "m", clips[:1], use="dev", add=True)
    with path.open(newline="") as file:
        assert [(r["use"], r["truth_delay_ms"]) for r in csv.DictReader(file)] == [("train", "80")] * 2 + [
            ("dev", "80")
        ]
    assert [r.path for r in read_manifest(tmp_path / "m", ("train",))] == [c.path for c in clips]
    with pytest.raises(DataError, match="no use 'test'"):
        write_manifest(tmp_path / "m", clips, use="test", add=True)


def test_lrw_and_hdtf_read_their_folders(tmp_path):
    for name in ("ABOUT/test/ABOUT_00001.mp4", "ABOUT/val/ABOUT_00001.mp4", "hdtf/WDA_A_000.mp4", "hdtf/WDA_A_001.mp4"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    (clip,) = corpora["lrw"](tmp_path, "test", check=False)
    assert clip.speaker == "ABOUT_00001"
    with pytest.raises(DataError, match="1 clips instead of 25,000"):
        corpora["lrw"](tmp_path, "test")
    assert {c.video for c in corpora["hdtf"](tmp_path / "hdtf", "all", check=False)} == {"WDA_A"}
    with pytest.raises(DataError, match="1 videos instead of 362"):
        corpora["hdtf"](tmp_path / "hdtf", "all")


def test_every_reader_is_registered_and_asserts_counts(tmp_path):
    for name in corpora:
        with pytest.raises(DataError):
            corpora[name](tmp_path)
    with pytest.raises(DataError, match="instead of"):
        require_counts([], Counts(1), "nothing")


def test_a_corpus_becomes_a_table_in_one_call(tmp_path):
    vox, out = _vox(tmp_path / "vox", "test", 2, 1, 2), tmp_path / "lists"
    made = list_corpus("voxceleb2", vox, out, check=False)
    assert str(made) == f"{out / 'manifest.csv'}: 4 clips, 2 videos, 2 speakers of voxceleb2 (test) as 'dev'"
    _vox(vox, "dev", 1, 2, 2)
    assert list_corpus("voxceleb2", vox, out, part="dev", use="train", add=True, check=False).counts.clips == 4
    with (out / "manifest.csv").open(newline="") as file:
        assert [row["use"] for row in csv.DictReader(file)] == ["dev"] * 4 + ["train"] * 4
    with pytest.raises(DataError, match="4 clips instead of 36,237"):
        list_corpus("voxceleb2", vox, tmp_path / "other")
    with pytest.raises(ConfigError, match="pass voxceleb2 and --part dev"):
        list_corpus("lrs3", vox, out, mini=True)
    with pytest.raises(DataError, match="only 0 speakers"):
        list_corpus("voxceleb2", vox, tmp_path / "other", part="dev", mini=True, check=False)


def test_a_table_that_cannot_be_written_leaves_nothing_behind(tmp_path, monkeypatch):
    clips = read_voxceleb2(_vox(tmp_path / "vox", "test", 1, 1, 1), "test", check=False)

    def full(descriptor):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OutputError, match=r"manifest\.csv cannot be written: the disk is full"):
        write_manifest(tmp_path / "out", clips, use="dev")
    assert list((tmp_path / "out").iterdir()) == []
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot be made"):
        write_manifest(tmp_path / "file" / "out", clips, use="dev")
