"""Files written by `VideoWriter` are read back: a flash and a click must lie where they were put."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from media_files import click_time, fill_disk, flash_time, make_clip, tone_click
from viseme.core.errors import OutputError
from viseme.media import VideoWriter, probe, read_audio, read_frames

KINDS = [
    (".mp4", {}),
    (".mkv", {"audio_codec": "libmp3lame"}),
    (".mkv", {"audio_codec": "aac"}),
    (".mkv", {}),
    (".mov", {}),
    (".webm", {}),
    (".webm", {"codec": "libvpx"}),
    (".avi", {}),
    (".avi", {"audio_codec": "libmp3lame"}),
    (".mpg", {}),
    (".ts", {}),
    (".mp4", {"codec": "mpeg4", "audio_codec": "libopus"}),
]


@pytest.mark.parametrize(("extension", "options"), KINDS)
def test_flash_and_click_land_where_they_were_put(tmp_path, extension, options):
    path = make_clip(tmp_path / f"clip{extension}", **options)
    assert flash_time(path) == pytest.approx(0.8, abs=0.001)
    assert click_time(path) == pytest.approx(0.8, abs=0.002)
    info = probe(path)
    assert (info.video.width, info.video.height, info.video.rate) == (64, 48, 25)
    assert sorted(p.name for p in tmp_path.iterdir()) == [path.name]


@pytest.mark.parametrize("rate", [8000, 11025, 16000, 22050, 44100, 96000])
def test_odd_sample_rates(tmp_path, rate):
    assert click_time(make_clip(tmp_path / "a.mkv", num=30, rate=rate)) == pytest.approx(0.8, abs=0.002)


def test_uneven_frame_times_come_back(tmp_path):
    times = [Fraction(n * n, 900) for n in range(50)]
    path = make_clip(tmp_path / "vfr.mp4", times=times, click=None)
    back = [p.time for p in read_frames(path)]
    assert len(back) == 50
    assert max(abs(float(a - b)) for a, b in zip(times, back)) < 0.0001


def test_ntsc_times_are_exact(tmp_path):
    with VideoWriter(tmp_path / "n.mp4", width=32, height=32, rate=Fraction(30000, 1001)) as video:
        for _ in range(10):
            video.write(np.zeros((32, 32, 3), np.uint8))
    assert [p.time for p in read_frames(tmp_path / "n.mp4")] == [Fraction(1001 * i, 30000) for i in range(10)]


def test_audio_may_begin_before_the_frame_or_after(tmp_path):
    early = make_clip(tmp_path / "early.mkv", audio_start=-0.3)
    assert float(next(read_audio(early)).start) == pytest.approx(-0.3, abs=0.001)
    assert click_time(early) == pytest.approx(0.8, abs=0.002)
    late = make_clip(tmp_path / "late.mp4", audio_start=0.25)
    assert float(probe(late).audio[0].start) == pytest.approx(0.25 - 1024 / 48000, abs=0.001)
    assert click_time(late) == pytest.approx(0.8, abs=0.002)


def test_a_hole_in_the_written_audio_is_silence(tmp_path):
    with VideoWriter(tmp_path / "h.mkv", width=32, height=32, rate=25, audio_rate=16000) as video:
        video.write(np.zeros((32, 32, 3), np.uint8))
        video.write_audio(np.zeros(1600, np.float32))
        video.write_audio(tone_click(1600, 0, 16000), start=2.5)
        with pytest.raises(ValueError, match="already written"):
            video.write_audio(np.zeros(10, np.float32), start=1)
    assert click_time(tmp_path / "h.mkv") == pytest.approx(2.5, abs=0.001)


def test_wrong_use_is_refused(tmp_path):
    with pytest.raises(ValueError, match="even"):
        VideoWriter(tmp_path / "a.mp4", width=31, height=32, rate=25)
    with pytest.raises(ValueError, match="rates"):
        VideoWriter(tmp_path / "a.mp4", width=32, height=32, rate=0)
    with pytest.raises(OutputError, match="no encoder"):
        VideoWriter(tmp_path / "a.mp4", width=32, height=32, rate=25, codec="nonsense")
    black = np.zeros((32, 32, 3), np.uint8)
    with VideoWriter(tmp_path / "a.avi", width=32, height=32, rate=25) as video:
        video.write(black)
        with pytest.raises(ValueError, match="shape"):
            video.write(black[:16])
        with pytest.raises(ValueError, match="increase"):
            video.write(black, 0)
        with pytest.raises(ValueError, match="cannot hold a frame"):
            video.write(black, 0.05)
        with pytest.raises(ValueError, match="without audio"):
            video.write_audio(np.zeros(5, np.float32))


def test_an_error_inside_leaves_nothing(tmp_path):
    (tmp_path / "old.mp4").write_bytes(b"precious")

    def stop():
        with VideoWriter(tmp_path / "old.mp4", width=32, height=32, rate=25) as video:
            video.write(np.zeros((32, 32, 3), np.uint8))
            raise KeyError("stop")

    with pytest.raises(KeyError):
        stop()
    assert [p.name for p in tmp_path.iterdir()] == ["old.mp4"]
    assert (tmp_path / "old.mp4").read_bytes() == b"precious"


def test_places_that_cannot_be_written(tmp_path):
    with pytest.raises(OutputError, match="folder does not exist"):
        make_clip(tmp_path / "nowhere" / "a.mp4")
    (tmp_path / "d.mp4").mkdir()
    with pytest.raises(OutputError, match="is a folder"):
        make_clip(tmp_path / "d.mp4")
    with pytest.raises(OutputError, match="too long"):
        make_clip(tmp_path / ("x" * 300 + ".mp4"))


@pytest.mark.parametrize("after", [0, 1, 2])
@pytest.mark.parametrize("extension", [".mp4", ".mkv"])
def test_full_disk(tmp_path, monkeypatch, extension, after):
    fill_disk(monkeypatch, after)
    noise = np.random.default_rng(0).integers(0, 255, (30, 96, 96, 3), dtype=np.uint8)

    def go():
        with VideoWriter(tmp_path / f"a{extension}", width=96, height=96, rate=25, crf=1) as video:
            for image in noise:
                video.write(image)

    with pytest.raises(OutputError, match="disk is full") as caught:
        go()
    assert "\n" not in str(caught.value)
    assert not list(tmp_path.iterdir())
