"""Frames: exact, in order, upright, at the right time, from damaged files too."""

from __future__ import annotations

import gc
import os
import tracemalloc
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from media_files import click_time, make_clip, tone_click, turned, write_wav
from viseme.core.errors import NoAudio, NoVideo
from viseme.media import probe, read_audio, read_frames


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    return make_clip(tmp_path_factory.mktemp("clip") / "clip.mp4")


# frames
def test_frames_are_exact_rgb_in_order(clip):
    seen = list(read_frames(clip))
    assert [p.index for p in seen] == list(range(50))
    assert [p.time for p in seen] == [Fraction(i, 25) for i in range(50)]
    assert seen[0].key
    image = seen[3].image
    assert image.shape == (48, 64, 3)
    assert image.dtype == np.uint8
    assert image.flags.c_contiguous
    assert image[24, 8, 0] > 100 > 40 > image[24, 56, 0]
    assert image[24, 8, 2] < 60


@pytest.mark.parametrize(("limit", "shape"), [(32, (24, 32, 3)), (64, (48, 64, 3)), (500, (48, 64, 3)), (1, (1, 1, 3))])
def test_scaled_down_only(clip, limit, shape):
    frame = next(read_frames(clip, max_side=limit))
    assert frame.image.shape == shape
    assert frame.scale == pytest.approx(shape[1] / 64)
    with pytest.raises(ValueError, match="max_side"):
        read_frames(clip, max_side=0)


ONE = 65536


@pytest.mark.parametrize(
    ("matrix", "degrees", "red"),
    [
        ((0, ONE, 0, -ONE, 0, 0, 0, 0, 1 << 30), 90, "top"),
        ((-ONE, 0, 0, 0, -ONE, 0, 0, 0, 1 << 30), 180, "right"),
        ((0, -ONE, 0, ONE, 0, 0, 0, 0, 1 << 30), 270, "bottom"),
        ((-ONE, 0, 0, 0, ONE, 0, 0, 0, 1 << 30), 0, "right"),
    ],
)
def test_turned_frames_come_upright(tmp_path, matrix, degrees, red):
    path = turned(make_clip(tmp_path / "t.mp4", num=5, flash=-1), matrix)
    info, frame = probe(path).video, next(read_frames(path, max_side=32))
    high, wide, _ = frame.image.shape
    assert info.rotation == degrees
    assert (info.width, info.height) == ((48, 64) if degrees in (90, 270) else (64, 48))
    assert (wide, high) == (info.width // 2, info.height // 2)
    assert frame.scale == 0.5
    halves = {
        "left": frame.image[:, : wide // 2],
        "right": frame.image[:, wide // 2 :],
        "top": frame.image[: high // 2],
        "bottom": frame.image[high // 2 :],
    }
    assert max(halves, key=lambda h: halves[h][..., 0].mean()) == red


def test_oblong_pixels_become_square(tmp_path):
    with av.open(str(tmp_path / "sar.mkv"), "w") as box:
        stream = box.add_stream("libx264", rate=25, width=64, height=64)
        stream.codec_context.sample_aspect_ratio = Fraction(4, 3)
        stream.pix_fmt = "yuv420p"
        frame = av.VideoFrame.from_ndarray(np.full((64, 64, 3), 90, np.uint8), "rgb24")
        box.mux(stream.encode(frame))
        box.mux(stream.encode(None))
    info, frame = probe(tmp_path / "sar.mkv").video, next(read_frames(tmp_path / "sar.mkv"))
    assert (info.width, info.height) == (64, 48)
    assert frame.image.shape == (48, 64, 3)


def test_start_and_end(tmp_path):
    for name in ("a.mp4", "a.mkv", "a.avi", "a.mpg", "a.ts"):
        path = make_clip(tmp_path / name)
        whole = [p.time for p in read_frames(path)]
        part = [p.time for p in read_frames(path, start=0.5, end=Fraction(3, 2))]
        assert part == [t for t in whole if Fraction(1, 2) <= t < Fraction(3, 2)], name
        assert list(read_frames(path, start=100)) == []
        assert len(list(read_frames(path, start=-5))) == 50


@pytest.mark.parametrize("name", ["a.mkv", "a.mp4", "a.ts", "a.avi"])
def test_damaged_tail_gives_what_decodes_and_says_so(tmp_path, name):
    path = make_clip(tmp_path / name, num=100, flash=30, noise=True)
    data = path.read_bytes()
    path.write_bytes(data[: len(data) * 6 // 10])
    told: list[str] = []
    seen = list(read_frames(path, on_warning=told.append))
    assert 55 < len(seen) < 65
    if name != "a.ts":  # a transport stream has no header that knows its length
        assert any("damaged after 0:00:02" in t for t in told), told
    assert all("\n" not in t for t in told)
    told.clear()
    assert 2 < sum(len(b.samples) for b in read_audio(path, on_warning=told.append)) / 16000 < 3


@pytest.mark.parametrize("name", ["a.mp4", "a.ts", "a.avi"])
def test_damage_in_the_middle_is_skipped(tmp_path, name):
    path = make_clip(tmp_path / name, num=100, noise=True)
    data = bytearray(path.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 4000] = b"\xff" * 4000
    path.write_bytes(data)
    told: list[str] = []
    seen = list(read_frames(path, on_warning=told.append))
    assert len(seen) > 90
    assert float(seen[-1].time) > 3.8
    assert sum(len(b.samples) for b in read_audio(path)) > 56000


def test_audio_only_and_frames_only(tmp_path):
    tone = write_wav(tmp_path / "s.wav", tone_click(16000, 8000, 16000)[None], 16000)
    assert probe(tone).video is None
    assert click_time(tone) == pytest.approx(0.5, abs=0.001)
    with pytest.raises(NoVideo, match="no video stream"):
        list(read_frames(tone))
    silent = make_clip(tmp_path / "v.mp4", click=None)
    assert probe(silent).audio == ()
    with pytest.raises(NoAudio, match=r"has no audio stream; pass --audio FILE"):
        list(read_audio(silent))


def test_cover_art_is_not_a_video(tmp_path):
    path = write_wav(tmp_path / "a.flac", tone_click(16000, 8000, 16000)[None], 16000, codec="flac")
    photo = photograph(tmp_path / "p.png").read_bytes()
    block = b"".join(
        [n.to_bytes(4, "big") if isinstance(n, int) else n for n in (3, 9, b"image/png", 0, 64, 48, 24, 0, len(photo))]
    )
    data = path.read_bytes()
    first = bytes([data[4] & 0x7F])  # STREAMINFO is no longer the last block
    size = int.from_bytes(data[5:8], "big")
    body = block + photo
    extra = bytes([6]) + len(body).to_bytes(3, "big") + body
    path.write_bytes(data[:4] + first + data[5 : 8 + size] + extra + data[8 + size :])
    with av.open(str(path)) as box:
        assert box.streams.video, "the test file has no cover"
    assert probe(path).video is None
    with pytest.raises(NoVideo):
        list(read_frames(path))
    assert click_time(path) == pytest.approx(0.5, abs=0.001)


def photograph(path: Path) -> Path:
    codec, layout = {".png": ("png", "rgb24"), ".jpg": ("mjpeg", "yuvj420p")}[path.suffix]
    context = av.CodecContext.create(codec, "w")
    context.width, context.height, context.pix_fmt, context.time_base = 64, 48, layout, Fraction(1, 25)
    image = np.full((48, 64, 3), 50, np.uint8)
    frame = av.VideoFrame.from_ndarray(image, "rgb24").reformat(format=layout)
    path.write_bytes(b"".join(bytes(p) for p in [*context.encode(frame), *context.encode(None)]))
    return path


@pytest.mark.parametrize("name", ["p.png", "p.jpg", "%03d.png", "p"])
def test_a_photograph_is_one_frame(tmp_path, name):
    path = photograph(tmp_path / "made.png" if name == "p" else tmp_path / name)
    path = path.rename(tmp_path / name)
    info = probe(path)
    assert info.video.is_still
    assert info.duration is None
    assert (info.video.width, info.video.height) == (64, 48)
    (frame,) = read_frames(path)
    assert frame.time == 0
    assert frame.image.shape == (48, 64, 3)
    assert list(read_frames(path, start=0, end=1))


def test_one_frame_video(tmp_path):
    path = make_clip(tmp_path / "one.mp4", num=1, flash=0, click=None)
    (frame,) = read_frames(path)
    assert frame.time == 0
    assert not probe(path).video.is_still


def test_memory_does_not_grow_with_length(tmp_path):
    path = make_clip(tmp_path / "long.mp4", num=600, size=(160, 120), flash=-1)
    tracemalloc.start()
    for _ in read_frames(path):
        pass
    for _ in read_audio(path):
        pass
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 4_000_000  # all frames would be 34 MB, all samples 1.5 MB


def resident() -> int:
    """Bytes of this process in memory, FFmpeg's included."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="needs Linux to see memory outside Python")
def test_decoded_frames_are_let_go_at_once(tmp_path):
    path = make_clip(tmp_path / "big.mp4", num=150, size=(640, 480), flash=-1, click=None)
    gc.collect()
    gc.disable()  # a frame in a reference cycle would wait for the collector
    try:
        for frame in read_frames(path, max_side=100):
            if frame.index == 30:
                before = resident()
        assert resident() - before < 25_000_000  # the frames in between are 55 MB
    finally:
        gc.enable()
