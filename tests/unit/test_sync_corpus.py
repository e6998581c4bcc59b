"""True delays: known ones are used, unknown ones estimated, unclear ones left out and counted, for every input."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from prepared import clip_set, fill
from viseme.data.manifest import read_manifest
from viseme.data.manifest_clips import ManifestClips
from viseme.sync import corpus
from viseme.sync.corpus import people_apart, real_clips
from viseme.sync.views import inputs_view

TRUTHS = ["0", "80", "", "-20", "", ""]


@pytest.fixture
def studio(tmp_path) -> Path:
    """Six clips of one corpus and two parts, prepared; some whose delay is known."""
    lines = ["file,use,source,speaker,truth_delay_ms,licence"]
    lines += [f"clips/{i}.mp4,train,grid,grid_{i},{truth},CC0" for i, truth in enumerate(TRUTHS)]
    (tmp_path / "manifest.csv").write_text("\n".join(lines) + "\n")
    (tmp_path / "clips").mkdir()
    for i in range(len(TRUTHS)):
        (tmp_path / "clips" / f"{i}.mp4").write_text(f"{i}")
    source = ManifestClips(tuple(read_manifest(tmp_path, ("train",))))
    fill(source, tmp_path / "work", range(len(TRUTHS)))
    for input in ("beta", "raw", "rgb", "rgbd"):
        fill(source, tmp_path / "work", range(len(TRUTHS)), view=inputs_view([input]).name)
    return tmp_path


@pytest.mark.parametrize("input", ["landmarks", "mesh", "beta", "raw", "rgb", "rgbd"])
def test_delays_are_those_of_the_manifest_or_of_the_weights_or_the_clip_is_left_out(studio, monkeypatch, input):
    asked = []

    def estimated(clip):
        asked.append(clip.name)
        assert clip.video.shape == (75, 67, 3), "lips tell, whatever the network that is trained sees"
        return {"clips/2.mp4": 0.11, "clips/4.mp4": None, "clips/5.mp4": -0.07}[clip.name]

    monkeypatch.setattr(corpus, "estimated_delay", estimated)
    found = real_clips(read_manifest(studio, ("train",)), studio / "work", input=input)
    assert found.clips.delays == (0.0, 0.08, 0.11, -0.02, -0.07)
    assert [info.name for info in found.clips.infos] == [f"clips/{i}.mp4" for i in (0, 1, 2, 3, 5)]
    assert asked == [f"clips/{i}.mp4" for i in (2, 4, 5)], "a known delay is not estimated"
    assert (found.num_known, found.num_estimated, found.unclear) == (3, 2, ("clips/4.mp4",))
    assert "known of 3 real clips, estimated of 2; left out: 1 of unclear delay, 0 without" in str(found)
    assert found.clips.input == input
    assert found.sources() == ["5 clips of grid (CC0)"]


def test_where_every_delay_is_known_no_weights_are_loaded(studio, monkeypatch):
    monkeypatch.setattr(corpus, "estimated_delay", lambda clip: pytest.fail("asked"))
    rows = [replace(row, audio_delay=0.03) for row in read_manifest(studio, ("train",))]
    assert set(real_clips(rows, studio / "work", input="mesh").clips.delays) == {0.03}


def test_a_clip_without_a_face_is_counted_with_its_reason(studio):
    path = studio / "clips" / "9.mp4"
    path.write_bytes(b"not a video")
    rows = read_manifest(studio, ("train",))
    rows = [replace(row, audio_delay=0.0) for row in rows]
    found = real_clips([*rows, replace(rows[0], path=path)], studio / "work", input="landmarks")
    assert len(found.clips) == 6
    ((name, reason),) = found.unusable
    assert name == "clips/9.mp4"
    assert reason
    assert "1 without a usable face" in str(found)


def test_clips_are_read_when_they_are_asked_for(studio):
    rows = [replace(row, audio_delay=0.0) for row in read_manifest(studio, ("train",))]
    clips = real_clips(rows, studio / "work", input="landmarks").clips
    assert len(clips) == 6
    assert [clip.name for clip in clips.take([3, 1])] == ["clips/3.mp4", "clips/1.mp4"]
    assert [clip.name for clip in clips[4:]] == ["clips/4.mp4", "clips/5.mp4"]
    assert isinstance(clips[0].video.base, np.memmap) or isinstance(clips[0].video, np.memmap)
    with pytest.raises(IndexError):
        clips[6]


def test_people_kept_apart_are_in_one_part_only(tmp_path):
    clips = clip_set(tmp_path, range(24))
    infos = tuple(replace(info, speaker="many" if i < 14 else f"p{i // 2}") for i, info in enumerate(clips.infos))
    clips = replace(clips, infos=infos)
    apart, rest = people_apart(clips, 4)
    names = [{info.speaker for info in part.infos} for part in (apart, rest)]
    assert len(apart) >= 4
    assert len(apart) + len(rest) == 24
    assert not names[0] & names[1]
    assert "many" in names[1], "nobody with most of the clips"
