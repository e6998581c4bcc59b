"""Reading: odd files, odd names, odd times. Every clip is made here."""

from __future__ import annotations

import gc
import http.server
import os
import subprocess
import sys
import threading
import tracemalloc
from contextlib import contextmanager
from fractions import Fraction
from itertools import islice, pairwise
from pathlib import Path

import av
import numpy as np
import pytest
from test_media_writer import click_time, flash_time, make_clip, tone_click

from viseme.core.errors import NoAudio, NoVideo, UnreadableMedia
from viseme.media import files, probe, read_audio, read_frames

REAL = Path(__file__).resolve().parents[2].parent / "shared" / "data"


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    return make_clip(tmp_path_factory.mktemp("clip") / "clip.mp4")


def turned(path: Path, matrix: tuple[int, ...]) -> Path:
    """Write a display matrix into the frame track's header of an MP4."""
    data = bytearray(path.read_bytes())
    at = data.index(b"tkhd") + 4
    at += 4 + 8 + 4 + 4 + 4 + 8 + 2 + 2 + 2 + 2  # version 0: times, id, reserved, duration, layer, group, volume
    data[at : at + 36] = np.array(matrix, ">i4").tobytes()
    path.write_bytes(data)
    return path


def write_wav(path: Path, samples: np.ndarray, rate: int, codec="pcm_s16le", layout="mono", **tags) -> Path:
    """An audio-only file; `samples` is (channels, S)."""
    with av.open(str(path), "w", format={".m4a": "ipod"}.get(path.suffix)) as box:
        stream = box.add_stream(codec, rate=rate, layout=layout)
        stream.metadata.update(tags)
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples, np.float32), "fltp", layout)
        frame.sample_rate, frame.pts, frame.time_base = rate, 0, Fraction(1, rate)
        box.mux(stream.encode(frame))
        box.mux(stream.encode(None))
    return path


# what a file is


def test_probe(clip):
    info = probe(str(clip))
    assert (info.video.width, info.video.height, info.video.rotation, info.video.codec) == (64, 48, 0, "h264")
    assert info.video.start == 0
    assert not info.video.is_still
    assert float(info.duration) == pytest.approx(2, abs=0.05)
    (audio,) = info.audio
    assert (audio.index, audio.codec, audio.rate, audio.channels, audio.language) == (0, "aac", 48000, 1, None)


def test_bad_files_get_one_line(tmp_path):
    (tmp_path / "empty.mp4").touch()
    (tmp_path / "text.mp4").write_text("these are words, not frames\n" * 50)
    (tmp_path / "noise.mkv").write_bytes(np.random.default_rng(1).bytes(50_000))
    (tmp_path / "folder.mp4").mkdir()
    os.mkfifo(tmp_path / "pipe.mp4")
    for name, says in [
        ("missing.mp4", "does not exist"),
        ("folder.mp4", "is a folder"),
        ("empty.mp4", "is empty"),
        ("text.mp4", "not a readable media file"),
        ("noise.mkv", "not a readable media file"),
        ("pipe.mp4", "not a regular file"),
        ("x" * 300 + ".mp4", "cannot be opened|does not exist"),
    ]:
        for read in (probe, lambda p: next(read_frames(p)), lambda p: next(read_audio(p))):
            with pytest.raises(UnreadableMedia, match=says) as caught:
                read(tmp_path / name)
            assert "\n" not in str(caught.value)
            assert name in str(caught.value)


def test_no_permission(tmp_path, clip, monkeypatch):
    def refuse(path):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(files, "_Bytes", refuse)
    with pytest.raises(UnreadableMedia, match="Permission denied"):
        probe(clip)


def test_damage_before_the_first_frame(tmp_path):
    data = make_clip(tmp_path / "a.mkv").read_bytes()
    path = tmp_path / "head.mkv"
    path.write_bytes(data[: data.index(b"\x1f\x43\xb6\x75")])  # up to the first cluster
    with pytest.raises(UnreadableMedia):
        probe(path)
    data = make_clip(tmp_path / "a.mp4").read_bytes()
    path = tmp_path / "void.mp4"
    at = data.index(b"mdat") + 4
    path.write_bytes(data[:at] + b"\xff" * (len(data) - at))
    with pytest.raises(UnreadableMedia, match="no video in it can be decoded"):
        probe(path)
    with pytest.raises(UnreadableMedia, match="damaged before its first frame"):
        list(read_frames(path))
    with pytest.raises(UnreadableMedia, match="damaged before its first"):
        list(read_audio(path))


def test_extension_may_lie(tmp_path, clip):
    for name in ("a.wav", "a.jpg", "a.txt", "noextension", "a.m3u8"):
        path = tmp_path / name
        path.write_bytes(clip.read_bytes())
        assert probe(path).video.width == 64
        assert flash_time(path) == pytest.approx(0.8)
        assert click_time(path) == pytest.approx(0.8, abs=0.002)


@pytest.mark.parametrize(
    "name",
    [
        "a b.mp4",
        'it\'s "q".mp4',
        "two\nlines.mp4",
        "größe – 映画.mp4",
        "-i.mp4",
        "a:b.mp4",
        "concat:x|y.mp4",
        "%03d.mp4",
        "*?[a]{b}.mp4",
        "pipe:0.mp4",
        "file:..mp4",
        b"bad\xff.mp4",
    ],
)
def test_any_name_is_a_name(tmp_path, clip, name, monkeypatch):
    path = tmp_path / os.fsdecode(name)
    path.write_bytes(clip.read_bytes())
    assert len(list(read_frames(path))) == 50
    monkeypatch.chdir(tmp_path)
    assert probe(os.fsdecode(name)).video.width == 64
    assert len(list(islice(read_audio(name), 2))) == 2


# files that would make us open other files


@contextmanager
def local_server(folder):
    asked = []

    class Handler(http.server.SimpleHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            super().do_GET()

        def log_message(self, *args):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), lambda *a: Handler(*a, directory=folder))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield server.server_address[1], asked
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def traps(secret: Path, port: int) -> dict[str, str]:
    url = f"http://127.0.0.1:{port}/{secret.name}"
    hls = "#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXT-X-MEDIA-SEQUENCE:0\n#EXTINF:2,\n{}\n#EXT-X-ENDLIST\n"
    mpd = (
        '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static" '
        'mediaPresentationDuration="PT2S"><Period><AdaptationSet mimeType="video/mp4"><Representation id="1" '
        f'bandwidth="1"><BaseURL>{url}</BaseURL></Representation></AdaptationSet></Period></MPD>'
    )
    return {
        "file.m3u8": hls.format(secret),
        "net.m3u8": hls.format(url),
        "hidden.mp4": hls.format(f"file:{secret}"),
        "list.ffconcat": f"ffconcat version 1.0\nfile '{secret}'\n",
        "list.mp4": f"ffconcat version 1.0\nfile '{secret}'\n",
        "session.sdp": "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 5004 RTP/AVP 96\n"
        "a=rtpmap:96 H264/90000\n",
        "manifest.mpd": mpd,
    }


def test_playlists_cannot_reach_other_files_or_the_network(tmp_path):
    secret = make_clip(tmp_path / "secret.ts")
    with local_server(tmp_path) as (port, asked):
        for name, text in traps(secret, port).items():
            (tmp_path / name).write_text(text)
            with pytest.raises(UnreadableMedia):
                probe(tmp_path / name)
        assert not asked


def test_canary_the_traps_do_spring_without_the_guard(tmp_path):
    secret = make_clip(tmp_path / "secret.ts")
    with local_server(tmp_path) as (port, asked):
        texts = traps(secret, port)
        for name in ("file.m3u8", "list.ffconcat", "net.m3u8"):
            (tmp_path / name).write_text(texts[name])
            loose = {"safe": "0"} if "concat" in name else {"protocol_whitelist": "file,http,tcp"}
            with av.open(str(tmp_path / name), options=loose) as box:
                assert next(box.decode(video=0)) is not None
        assert asked


def test_canary_a_demuxer_that_asks_for_another_file_is_refused(tmp_path, monkeypatch):
    secret = make_clip(tmp_path / "secret.ts")
    monkeypatch.setattr(files, "DEMUXERS", files.DEMUXERS + ",hls,concat")
    for name in ("file.m3u8", "list.ffconcat"):
        (tmp_path / name).write_text(traps(secret, 1)[name])
        with pytest.raises(UnreadableMedia):
            probe(tmp_path / name)


def test_ffmpeg_says_nothing_on_the_terminal(tmp_path, clip):
    data = bytearray(clip.read_bytes())
    at = data.index(b"mdat") + 200
    data[at : at + 1500] = os.urandom(1500)
    (tmp_path / "bad.mp4").write_bytes(data)
    code = (
        "import sys; from viseme.core.errors import VisemeError; from viseme.media import *\n"
        "try: print(len(list(read_frames(sys.argv[1]))), len(list(read_audio(sys.argv[1]))))\n"
        "except VisemeError as e: print(e)"
    )
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path / "bad.mp4")], capture_output=True, text=True)
    assert done.stderr == ""
    assert done.stdout.count("\n") == 1


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


# audio


def several(path: Path) -> Path:
    """Frames with two languages, the click of the second 0.3 s later."""
    with av.open(str(path), "w") as box:
        video = box.add_stream("libx264", rate=25, width=64, height=48)
        tracks = [box.add_stream("aac", rate=48000, layout="stereo") for _ in range(2)]
        for track, language in zip(tracks, ("eng", "pol")):
            track.metadata["language"] = language
        for i in range(50):
            image = np.full((48, 64, 3), 240 if i == 20 else 16, np.uint8)
            box.mux(video.encode(av.VideoFrame.from_ndarray(image, "rgb24")))
        box.mux(video.encode(None))
        for track, at in zip(tracks, (0.8, 1.1)):
            samples = np.repeat(tone_click(96000, round(at * 48000), 48000)[None], 2, 0)
            frame = av.AudioFrame.from_ndarray(samples, "fltp", "stereo")
            frame.sample_rate, frame.pts, frame.time_base = 48000, 0, Fraction(1, 48000)
            box.mux(track.encode(frame))
            box.mux(track.encode(None))
    return path


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


# real clips


@pytest.mark.real
@pytest.mark.skipif(not REAL.exists(), reason="the real clips are not beside the checkout")
@pytest.mark.parametrize(
    ("folder", "pattern", "container"),
    [
        ("elospheres", "*.wav", ("mov", "matroska")),
        ("grid_misc", "*.mpg", ("mpeg",)),
        ("clearervoice", "*.avi", ("avi",)),
        ("mcgurk_pl", "*.mp4", ("mov",)),
        ("grid_s1", "*.mkv", ("matroska",)),
    ],
)
def test_real_clips(folder, pattern, container):
    path = sorted((REAL / folder).glob(pattern))[0]
    info = probe(path)
    assert info.format.split(",")[0] in container
    told: list[str] = []
    times = [p.time for p in islice(read_frames(path, max_side=320, on_warning=told.append), 60)]
    assert times[0] == 0
    assert np.diff(np.array(times, float)) == pytest.approx(1 / float(info.video.rate), abs=0.003)
    last = None
    for block in read_audio(path, on_warning=told.append):
        last = block.end
    assert float(last) == pytest.approx(float(info.duration), abs=0.6)
    assert not told
