"""Files written by `VideoWriter` are read back: a flash and a click must lie where they were put.

Also holds the small clips that the other media tests use.
"""

from __future__ import annotations

import errno
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from viseme.core.errors import OutputError
from viseme.media import VideoWriter, files, probe, read_audio, read_frames

RATE = 25
CLICK_RATE = 48000


def tone_click(num: int, at: int, rate: int) -> np.ndarray:
    """`num` samples of silence with 4 ms of 2 kHz from sample `at`."""
    samples = np.zeros(num, np.float32)
    wave = 0.9 * np.sin(2 * np.pi * 2000 / rate * np.arange(round(0.004 * rate)))
    samples[at : at + len(wave)] = wave[: max(0, num - at)]
    return samples


def make_clip(
    out,
    *,
    num=50,
    flash=20,
    click: float | None = 0.8,
    rate=CLICK_RATE,
    size=(64, 48),
    audio_start: float | None = None,
    times=None,
    noise=False,
    **options,
):
    """A dark clip, one white frame, one click at `click` seconds; left half of each frame is red.

    `noise` makes the frames hard to compress, so that damage hits them and not the index.
    """
    random = np.random.default_rng(0)
    width, height = size
    with VideoWriter(
        out, width=width, height=height, rate=RATE, audio_rate=rate if click is not None else None, **options
    ) as video:
        first = 0.0 if audio_start is None else audio_start
        samples = None if click is None else tone_click(num * rate // RATE, round((click - first) * rate), rate)
        for i in range(num):
            image = np.full((height, width, 3), 16, np.uint8)
            image[:, : width // 2, 0] = 120
            if noise:
                image = random.integers(0, 120, image.shape, dtype=np.uint8)
            if i == flash:
                image[:] = 240
            video.write(image, None if times is None else times[i])
            if samples is not None:
                piece = samples[i * rate // RATE : (i + 1) * rate // RATE]
                video.write_audio(piece, audio_start if i == 0 and audio_start is not None else None)
    return Path(out)


def flash_time(path) -> float:
    """Seconds of the first bright frame."""
    return next(float(p.time) for p in read_frames(path) if p.image.mean() > 150)


def click_time(path, stream=0) -> float:
    """Seconds of the loud sample that begins the click."""
    blocks = list(read_audio(path, rate=16000, stream=stream))
    assert all(a.end == b.start for a, b in pairwise(blocks))
    samples = np.concatenate([b.samples for b in blocks])
    assert np.abs(samples).max() <= 1
    return float(blocks[0].start) + int(np.flatnonzero(np.abs(samples) > 0.3 * np.abs(samples).max())[0]) / 16000


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


def fill_disk(monkeypatch, after: int) -> None:
    """From the `after`-th write on, the disk is full."""
    real = files.OutputFile.write
    count = iter(range(10**9))

    def write(self, data):
        if next(count) >= after:
            self.error = self.error or OSError(errno.ENOSPC, "No space left on device")
            raise self.error
        return real(self, data)

    monkeypatch.setattr(files.OutputFile, "write", write)


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
