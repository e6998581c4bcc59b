"""What a file is: odd files, odd names, damage, and files that would make us open other files."""

from __future__ import annotations

import http.server
import os
import subprocess
import sys
import threading
from contextlib import contextmanager
from fractions import Fraction
from itertools import islice
from pathlib import Path

import av
import numpy as np
import pytest

from media_files import click_time, flash_time, make_clip
from viseme.core.errors import UnreadableMedia
from viseme.media import files, probe, read_audio, read_frames


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    return make_clip(tmp_path_factory.mktemp("clip") / "clip.mp4")


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


@pytest.mark.parametrize("code", ["10:00:00;00", None])
def test_the_time_code_of_the_first_frame(tmp_path, code):
    out = tmp_path / "coded.mov"
    with av.open(str(out), "w") as box:
        stream = box.add_stream("mpeg4", rate=Fraction(30000, 1001))
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        if code:
            stream.metadata["timecode"] = code
        for _ in range(3):
            box.mux(stream.encode(av.VideoFrame.from_ndarray(np.zeros((48, 64, 3), np.uint8), "rgb24")))
        box.mux(stream.encode(None))
    assert probe(out).timecode == code
