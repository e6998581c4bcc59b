"""A file written again with changed frames and another audio: what is not changed stays, and nothing breaks."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from av.stream import Disposition

from media_files import click_time, fill_disk, flash_time, make_clip, tone_click, turned, write_wav
from viseme.core.errors import OutputError
from viseme.media import probe, read_frames
from viseme.media.planes import FramePlanes, read_planes
from viseme.media.rewrite import rewrite_video

UNEVEN = [Fraction(i, 25) + Fraction(i % 3, 200) for i in range(30)]


@pytest.fixture(scope="module")
def voice(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One second and a half with a click at .3 s."""
    return write_wav(tmp_path_factory.mktemp("voice") / "new.wav", tone_click(24000, 4800, 16000)[None], 16000)


def with_corner(path: Path) -> Iterator[FramePlanes]:
    """The frames of a file, each with a bright corner."""
    for planes in read_planes(path):
        planes.make_writable()
        box = planes.box(0, 0, 9, 9)
        planes.add(box, np.full((box[3] - box[1], box[2] - box[0], 3), 0.5, np.float32))
        yield planes


@pytest.mark.parametrize("name", ["out.mp4", "out.mkv", "out.mov"])
def test_times_turn_and_size_stay_and_the_corner_and_the_audio_are_new(tmp_path: Path, voice: Path, name: str) -> None:
    source = make_clip(tmp_path / "in.mp4", num=30, flash=20, times=UNEVEN, audio_start=0.2, click=None)
    turned(source, (0, 65536, 0, -65536, 0, 0, 48 << 16, 0, 1 << 30))  # a quarter turn clockwise
    report = rewrite_video(source, tmp_path / name, with_corner(source), audio_file=voice)
    before, after = list(read_frames(source)), list(read_frames(tmp_path / name))
    assert report.num_frames == 30
    assert [f.time for f in after] == [f.time for f in before]
    info = probe(tmp_path / name)
    assert info.video is not None
    assert (info.video.width, info.video.height, info.video.rotation) == (48, 64, 90)
    assert after[0].image[2, 2].mean() > before[0].image[2, 2].mean() + 80
    assert np.abs(after[0].image[20:].astype(int) - before[0].image[20:]).mean() < 2
    assert (flash_time(tmp_path / name), len(info.audio)) == (flash_time(source), 1)
    assert click_time(tmp_path / name) == pytest.approx(0.3, abs=0.002)


def test_audio_ends_where_it_is_told_to(tmp_path: Path, voice: Path) -> None:
    source = make_clip(tmp_path / "in.mkv", num=10, click=None)
    out = tmp_path / "out.mkv"
    rewrite_video(source, out, with_corner(source), audio_file=voice, audio_end=Fraction(2, 5))
    with av.open(str(out)) as box:
        num = sum(frame.samples for frame in box.decode(audio=0))
    assert num == 6400


@pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="ffmpeg makes the input")
def test_other_streams_and_tags_are_copied(tmp_path: Path, voice: Path) -> None:
    source = tmp_path / "in.mkv"
    make_clip(tmp_path / "clip.mkv", num=30)
    (tmp_path / "words.srt").write_text("1\n00:00:00,500 --> 00:00:01,000\nhello\n")
    chapters = ";FFMETADATA1\ntitle=A film\n[CHAPTER]\nTIMEBASE=1/1\nSTART=0\nEND=1\ntitle=One\n"
    (tmp_path / "c.txt").write_text(chapters)
    inputs = ["-i", "clip.mkv", "-i", "words.srt", "-i", "c.txt", "-map", "0", "-map", "1", "-map_metadata", "2"]
    command = ["ffmpeg", "-v", "error", *inputs, "-c", "copy", "-disposition:s:0", "forced", str(source)]
    subprocess.run(command, check=True, cwd=tmp_path)
    rewrite_video(source, tmp_path / "out.mkv", with_corner(source), audio_file=voice)
    with av.open(str(tmp_path / "out.mkv")) as box:
        assert [s.type for s in box.streams] == ["video", "subtitle", "audio"]
        assert box.metadata["title"] == "A film"
        assert [c["metadata"]["title"] for c in box.chapters()] == ["One"]
        subtitles = box.streams.subtitles[0]
        assert subtitles.disposition & Disposition.forced
        assert any(b"hello" in bytes(p) for p in box.demux(subtitles))


def test_a_full_disk_and_a_broken_frame_leave_nothing(
    tmp_path: Path, voice: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = make_clip(tmp_path / "in.mp4", num=10, click=None)

    def broken() -> Iterator[FramePlanes]:
        yield from list(with_corner(source))[:3]
        raise OutputError("no more")

    with pytest.raises(OutputError, match="no more"):
        rewrite_video(source, tmp_path / "out.mp4", broken(), audio_file=voice)
    fill_disk(monkeypatch, 0)
    with pytest.raises(OutputError, match="disk is full"):
        rewrite_video(source, tmp_path / "out.mp4", with_corner(source), audio_file=voice)
    assert [p.name for p in tmp_path.iterdir()] == ["in.mp4"]


def test_what_a_container_cannot_hold_is_said(tmp_path: Path, voice: Path) -> None:
    source = make_clip(tmp_path / "in.mp4", num=10, times=UNEVEN[:10], click=None)
    with pytest.raises(OutputError, match=r"cannot hold a frame at .*use \.mkv"):
        rewrite_video(source, tmp_path / "out.avi", with_corner(source), audio_file=voice)
    turned(source, (0, 65536, 0, -65536, 0, 0, 48 << 16, 0, 1 << 30))
    with pytest.raises(OutputError, match="cannot say that the video is turned"):
        rewrite_video(source, tmp_path / "out.ts", with_corner(source), audio_file=voice)


@pytest.mark.parametrize(
    ("encoder", "pixels", "space", "full"),
    [("libx264", "yuv420p", 1, 1), ("libx264", "yuv420p10le", 9, 1), ("libx264", "yuv444p", 6, 2)],
)
def test_a_colour_is_laid_in_as_it_is_and_the_rest_stays(
    tmp_path: Path, encoder: str, pixels: str, space: int, full: int
) -> None:
    path = tmp_path / "in.mkv"
    with av.open(str(path), "w") as box:
        stream = box.add_stream(encoder, rate=25, width=66, height=50, pix_fmt=pixels)
        stream.codec_context.colorspace, stream.codec_context.color_range = space, full
        image = np.full((50, 66, 3), (200, 60, 30), np.uint8)
        box.mux(stream.encode(av.VideoFrame.from_ndarray(image, "rgb24").reformat(format=pixels)))
        box.mux(stream.encode(None))
    planes = next(read_planes(path))
    planes.make_writable()
    before = planes.copy()
    box = planes.box(11, 11, 30, 30)
    planes.add(box, np.float32([0.5, 0.4, 0.9]) - planes.rgb(box))
    assert np.abs(planes.rgb(box) - np.float32([0.5, 0.4, 0.9])).max() < 0.006
    for rest in ((0, 0, 66, 10), (0, 30, 66, 50), (30, 0, 66, 50), (0, 0, 10, 50)):
        assert (planes.rgb(rest) == before.rgb(rest)).all()
