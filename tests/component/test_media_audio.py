"""Audio: streams, levels, resampling, and gaps in the time stamps."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest

from media_files import click_time, make_clip, several, write_wav
from viseme.core.errors import NoAudio
from viseme.media import probe, read_audio, read_frames


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    return make_clip(tmp_path_factory.mktemp("clip") / "clip.mp4")


def test_several_audio_streams(tmp_path):
    path = several(tmp_path / "two.mkv")
    assert [(a.index, a.language, a.channels) for a in probe(path).audio] == [(0, "eng", 2), (1, "pol", 2)]
    assert click_time(path, 0) == pytest.approx(0.8, abs=0.002)
    assert click_time(path, 1) == pytest.approx(1.1, abs=0.002)
    with pytest.raises(NoAudio, match=r"no audio stream 2; choose among 0 \(eng\), 1 \(pol\)"):
        next(read_audio(path, stream=2))
    with pytest.raises(ValueError, match="stream"):
        read_audio(path, stream=-1)


@pytest.mark.parametrize(
    ("suffix", "codec"),
    [(".wav", "pcm_u8"), (".wav", "pcm_s24le"), (".wav", "pcm_f64le"), (".flac", "flac"), (".wav", "pcm_alaw")],
)
def test_sample_formats_keep_their_level(tmp_path, suffix, codec):
    tone = 0.5 * np.sin(2 * np.pi * 440 / 16000 * np.arange(16000, dtype=np.float32))
    path = write_wav(tmp_path / f"a{suffix}", tone[None], 16000, codec=codec)
    samples = np.concatenate([b.samples for b in read_audio(path)])
    assert samples.dtype == np.float32
    assert samples.shape == (16000,)
    assert np.abs(samples - tone).max() < 0.03


@pytest.mark.parametrize("layout", ["stereo", "5.1"])
def test_loud_channels_do_not_clip_in_the_mix(tmp_path, layout):
    num = {"stereo": 2, "5.1": 6}[layout]
    tone = 0.9 * np.sin(2 * np.pi * 300 / 48000 * np.arange(48000, dtype=np.float32))
    path = write_wav(tmp_path / "a.wav", np.repeat(tone[None], num, 0), 48000, layout=layout)
    samples = np.concatenate([b.samples for b in read_audio(path, rate=48000)])
    assert np.abs(samples - tone).max() < 0.001


def test_resampling_is_in_place(tmp_path):
    tone = np.sin(2 * np.pi * 440 / 44100 * np.arange(88200, dtype=np.float64)) * 0.5
    path = write_wav(tmp_path / "a.wav", tone[None], 44100)
    for rate in (8000, 16000, 44100, 48000):
        samples = np.concatenate([b.samples for b in read_audio(path, rate=rate)])
        assert abs(len(samples) - 2 * rate) <= 1
        times = np.arange(len(samples)) / rate
        inside = slice(rate // 10, -rate // 10)
        error = samples[inside] - 0.5 * np.sin(2 * np.pi * 440 * times[inside])
        assert np.abs(error).max() < 0.005, rate


def test_blocks_are_a_second_each(clip):
    blocks = list(read_audio(clip))
    assert [len(b.samples) for b in blocks[:-1]] == [16000] * (len(blocks) - 1)
    assert all(a.end == b.start for a, b in pairwise(blocks))


def test_audio_start_and_end(tmp_path):
    for name in ("a.mp4", "a.mkv", "a.mov", "a.mpg", "a.avi"):
        path = make_clip(tmp_path / name, num=100, click=2.2, flash=55)
        blocks = list(read_audio(path, start=2.0, end=2.5))
        assert abs(float(blocks[0].start) - 2.0) < 1 / 16000
        assert abs(float(blocks[-1].end) - 2.5) < 2 / 16000
        samples = np.concatenate([b.samples for b in blocks])
        at = float(blocks[0].start) + int(np.flatnonzero(np.abs(samples) > 0.3)[0]) / 16000
        assert at == pytest.approx(2.2, abs=0.002), name
        assert list(read_audio(path, start=100)) == []


def remuxed(source: Path, out: Path, change) -> Path:
    """Copy packets of audio, with `change(packet, number)` applied; None drops the packet."""
    with av.open(str(source)) as box, av.open(str(out), "w") as target:
        tracks = {s.index: target.add_stream_from_template(s, opaque=True) for s in box.streams}
        number = 0
        for packet in box.demux():
            if packet.dts is None:
                continue
            if packet.stream.type == "audio":
                number += 1
                if change(packet, number) is None:
                    continue
            packet.stream = tracks[packet.stream.index]
            target.mux(packet)
    return out


def test_a_gap_in_the_stamps_is_silence_with_a_warning(tmp_path):
    source = make_clip(tmp_path / "a.mkv", audio_codec="pcm_s16le", num=100, click=3.0)
    path = remuxed(source, tmp_path / "gap.mkv", lambda p, n: None if 20 <= n < 40 else p)
    told: list[str] = []
    blocks = list(read_audio(path, on_warning=told.append))
    assert all(a.end == b.start for a, b in pairwise(blocks))
    assert click_time(path) == pytest.approx(3.0, abs=0.002)
    assert len(told) == 1
    assert "filled with silence" in told[0]


def test_frames_with_stamps_that_jump_back_are_dropped(tmp_path):
    source = make_clip(tmp_path / "a.mkv", codec="mpeg4", num=30)
    with av.open(str(source)) as box, av.open(str(tmp_path / "b.mkv"), "w") as target:
        track = target.add_stream_from_template(box.streams.video[0], opaque=True)
        for number, packet in enumerate(p for p in box.demux(video=0) if p.size):
            packet.pts = packet.pts if number != 11 else packet.pts - 60  # before the tenth
            packet.dts = 40 * number - 1000
            packet.stream = track
            target.mux(packet)
    told: list[str] = []
    times = [p.time for p in read_frames(tmp_path / "b.mkv", on_warning=told.append)]
    assert all(a < b for a, b in pairwise(times))
    assert len(times) == 29
    assert any("1 frames with a time stamp out of order" in t for t in told)
