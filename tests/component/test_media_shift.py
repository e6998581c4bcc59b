"""The audio moves by exactly the amount asked for, and nothing else moves."""

from __future__ import annotations

import errno
import os
import stat
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from media_files import click_time, fill_disk, flash_time, make_clip, several, tone_click, turned, write_wav
from viseme.core.errors import NoAudio, NoVideo, OutputError, UnreadableMedia
from viseme.media import in_place_shift, mux, probe, read_audio, read_frames, shift_audio
from viseme.media import shift as shift_module

SHIFTS = ["0.2", "-0.2", "0.013", "-0.037", "1.5", "0"]
KINDS = [
    (".mp4", {}, "timestamps"),
    (".mkv", {}, "timestamps"),
    (".mkv", {"audio_codec": "aac"}, "timestamps"),
    (".mkv", {"audio_codec": "libopus"}, "timestamps"),
    (".mov", {}, "timestamps"),
    (".webm", {}, "timestamps"),
    (".webm", {"codec": "libvpx"}, "timestamps"),
    (".mpg", {}, "timestamps"),
    (".ts", {}, "timestamps"),
    (".avi", {"audio_codec": "libmp3lame"}, "re-encoded audio"),
    (".avi", {}, "re-encoded audio"),
]


def frame_packets(path) -> list[tuple[Fraction, bytes]]:
    """(seconds from the first frame, coded bytes) of every frame, in the order shown."""
    with av.open(str(path)) as box:
        found = [(p.pts * Fraction(p.time_base), bytes(p)) for p in box.demux(video=0) if p.size and p.pts is not None]
    first = min(t for t, _ in found)
    return sorted((t - first, b) for t, b in found)


def distance(path, stream=0) -> float:
    """Seconds from the flash to the click."""
    return click_time(path, stream) - flash_time(path)


@pytest.mark.parametrize(("extension", "options", "method"), KINDS)
def test_the_click_moves_by_exactly_the_shift(tmp_path, extension, options, method):
    source = make_clip(tmp_path / f"in{extension}", **options)
    before, coded = distance(source), frame_packets(source)
    content = source.read_bytes()
    for amount in SHIFTS:
        out = tmp_path / f"out{extension}"
        report = shift_audio(source, out, shift=Fraction(amount))
        expected = method if float(amount) else "timestamps"  # without a shift the file is copied
        assert (report.method, report.warnings, report.shift) == (expected, (), Fraction(amount))
        assert (report.kept.num_frames, report.kept.differences) == (50, ())
        assert distance(out) - before == pytest.approx(float(Fraction(amount)), abs=0.0015), amount
        after = frame_packets(out)
        assert [b for _, b in after] == [b for _, b in coded]
        assert max(abs(float(a - b)) for (a, _), (b, _) in zip(after, coded)) < 0.001
    assert source.read_bytes() == content
    assert sorted(p.name for p in tmp_path.iterdir()) == [source.name, f"out{extension}"]


@pytest.mark.parametrize(
    ("source", "target", "method"),
    [
        (("a.mp4", {}), ".mkv", "timestamps"),
        (("a.mkv", {"audio_codec": "aac"}), ".mp4", "timestamps"),
        (("a.mov", {}), ".mp4", "re-encoded audio"),  # PCM in .mp4 is ignored by players
        (("a.mov", {}), ".mkv", "timestamps"),
        (("a.avi", {"audio_codec": "libmp3lame"}), ".mp4", "timestamps"),
        (("a.avi", {}), ".mkv", "timestamps"),
        (("a.mpg", {}), ".mp4", "timestamps"),
        (("a.ts", {}), ".mp4", "timestamps"),
        (("a.mp4", {"codec": "mpeg4"}), ".avi", "re-encoded audio"),
    ],
)
@pytest.mark.parametrize("amount", ["0.25", "-0.123"])
def test_into_another_container(tmp_path, source, target, method, amount):
    name, options = source
    path = make_clip(tmp_path / name, **options)
    out = tmp_path / f"out{target}"
    assert shift_audio(path, out, shift=Fraction(amount)).method == method
    assert distance(out) - distance(path) == pytest.approx(float(Fraction(amount)), abs=0.0015)
    assert len(frame_packets(out)) == 50


def test_lossless_audio_stays_lossless_when_it_is_encoded_again(tmp_path):
    noise = np.random.default_rng(0).normal(0, 0.2, 96000).astype(np.float32)
    video, wav = make_clip(tmp_path / "v.mov", click=None), write_wav(tmp_path / "n.wav", noise[None], 48000)
    report = shift_audio(video, tmp_path / "o.mp4", shift=Fraction(1, 10), audio_file=wav)
    assert report.method == "re-encoded audio"
    assert probe(tmp_path / "o.mp4").audio[0].codec == "flac"
    back = np.concatenate([b.samples for b in read_audio(tmp_path / "o.mp4", rate=48000, start=Fraction(1, 10))])
    there = np.concatenate([b.samples for b in read_audio(wav, rate=48000)])
    assert np.array_equal(back[: len(there)], there)


def test_a_wmv_like_container_is_encoded_again(tmp_path):
    source = make_clip(tmp_path / "a.wmv", codec="wmv2", audio_codec="wmav2")
    report = shift_audio(source, tmp_path / "b.wmv", shift=Fraction(1, 4))
    assert report.method == "re-encoded audio"
    assert distance(tmp_path / "b.wmv") - distance(source) == pytest.approx(0.25, abs=0.0015)


def test_b_frames_and_the_turn_survive(tmp_path):
    matrix = (0, 65536, 0, -65536, 0, 0, 0, 0, 1 << 30)
    source = turned(make_clip(tmp_path / "a.mp4", noise=True), matrix)
    with av.open(str(source)) as box:
        assert any(p.pts != p.dts for p in box.demux(video=0) if p.size), "no B frames in the test clip"
    for out in (tmp_path / "b.mp4", tmp_path / "b.mov", tmp_path / "b.mkv"):
        shift_audio(source, out, shift=Fraction(1, 5))
        assert probe(out).video.rotation == 90
        for a, b in zip(read_frames(source), read_frames(out)):
            assert abs(float(a.time - b.time)) < 0.001
            assert np.array_equal(a.image, b.image)


def test_a_long_move_stays_exact_and_interleaved(tmp_path):
    source = make_clip(tmp_path / "a.mkv", num=300, click=10.5, flash=200, codec="mpeg4", audio_codec="aac")
    for amount in (Fraction(3), Fraction(-9)):
        for out in (tmp_path / "b.mkv", tmp_path / "b.mp4"):
            shift_audio(source, out, shift=amount)
            assert distance(out) == pytest.approx(2.5 + float(amount), abs=0.0015)
    latest = {"video": 0.0, "audio": 0.0}
    shift_audio(source, tmp_path / "c.mkv", shift=Fraction(-9))
    with av.open(str(tmp_path / "c.mkv")) as box:
        for packet in box.demux():
            if packet.pts is not None:
                latest[packet.stream.type] = float(packet.pts * packet.time_base)
                assert latest["audio"] > 2.7 or abs(latest["audio"] - latest["video"]) < 0.5


def test_uneven_frame_times_survive(tmp_path):
    times = [Fraction(n * n + 3 * n, 900) for n in range(50)]
    source = make_clip(tmp_path / "a.mp4", times=times, flash=20)
    shift_audio(source, tmp_path / "b.mp4", shift=Fraction(-1, 20))
    for a, b in zip(read_frames(source), read_frames(tmp_path / "b.mp4"), strict=True):
        assert abs(float(a.time - b.time)) < 0.0001


def test_a_late_frame_start_is_kept(tmp_path):
    source = make_clip(tmp_path / "a.mkv", audio_start=-0.3)
    for amount in (Fraction(1, 5), Fraction(-1, 10)):
        for out in (tmp_path / "b.mkv", tmp_path / "b.mp4"):
            shift_audio(source, out, shift=amount)
            assert distance(out) - distance(source) == pytest.approx(float(amount), abs=0.0015), out


def test_second_language_moves_too_unless_one_is_chosen(tmp_path):
    source = several(tmp_path / "a.mkv")
    shift_audio(source, tmp_path / "all.mkv", shift=Fraction(1, 4))
    assert distance(tmp_path / "all.mkv", 0) == pytest.approx(0.25, abs=0.002)
    assert distance(tmp_path / "all.mkv", 1) == pytest.approx(0.55, abs=0.002)
    for out in (tmp_path / "one.mkv", tmp_path / "one.mp4"):
        shift_audio(source, out, shift=Fraction(1, 4), stream=1)
        assert distance(out, 0) == pytest.approx(0, abs=0.002)
        assert distance(out, 1) == pytest.approx(0.55, abs=0.002)
        assert [a.language for a in probe(out).audio] == ["eng", "pol"]
    with pytest.raises(NoAudio, match="choose among"):
        shift_audio(source, tmp_path / "no.mkv", shift=1, stream=2)


def with_subtitles(source: Path, out: Path) -> Path:
    with av.open(str(source)) as box, av.open(str(out), "w") as target:
        target.metadata["title"] = "A title"
        tracks = {s.index: target.add_stream_from_template(s, opaque=True) for s in box.streams}
        words = target.add_mux_stream("subrip", time_base=Fraction(1, 1000))
        target.add_attachment("note.txt", "text/plain", b"hello")
        packet = av.Packet(b"some words")
        packet.pts = packet.dts = 400
        packet.duration, packet.time_base, packet.stream = 500, Fraction(1, 1000), words
        target.set_chapters([{"id": 1, "start": 0, "end": 1000, "time_base": Fraction(1, 1000), "metadata": {}}])
        sent = False
        for p in box.demux():
            if p.dts is None and p.pts is None:
                continue
            if p.dts is None:
                p.dts = -1000
            p.stream = tracks[p.stream.index]
            if not sent:
                sent = True
                target.mux(packet)
            target.mux(p)
    return out


@pytest.mark.skipif(
    not hasattr(av.container.OutputContainer, "add_mux_stream"), reason="PyAV < 17 cannot make the clip"
)
def test_subtitles_chapters_attachments_and_tags_are_kept_where_possible(tmp_path):
    plain = make_clip(tmp_path / "plain.mkv", codec="mpeg4", audio_codec="aac")
    source = with_subtitles(plain, tmp_path / "a.mkv")
    report = shift_audio(source, tmp_path / "b.mkv", shift=Fraction(1, 5))
    assert report.warnings == ()
    with av.open(str(tmp_path / "b.mkv")) as box:
        assert sorted(s.type for s in box.streams) == ["attachment", "audio", "subtitle", "video"]
        assert box.metadata["title"] == "A title"
        assert len(box.chapters()) == 1
        (words,) = [p for p in box.demux(subtitles=0) if p.size]
        assert (words.pts, bytes(words)) == (400, b"some words")
    report = shift_audio(source, tmp_path / "b.mp4", shift=Fraction(1, 5))
    with av.open(str(tmp_path / "b.mp4")) as box:
        assert [s.codec_context.name for s in box.streams.subtitles] == ["mov_text"]
    assert any("the attached file note.txt cannot be kept" in w for w in report.warnings)
    assert distance(tmp_path / "b.mp4") - distance(source) == pytest.approx(0.2, abs=0.0015)


@pytest.mark.parametrize("target", [".mp4", ".mkv", ".mov", ".webm", ".avi", ".mpg"])
@pytest.mark.parametrize("amount", ["0.2", "-0.2"])
def test_audio_from_another_file(tmp_path, target, amount):
    codec = {".webm": "libvpx", ".avi": "mpeg4", ".mpg": "mpeg1video"}.get(target, "libx264")
    video = make_clip(tmp_path / f"v{target}", codec=codec, click=0.3)
    wav = write_wav(tmp_path / "s.wav", tone_click(96000, 48000, 48000)[None], 48000)
    out = tmp_path / f"out{target}"
    shift_audio(video, out, shift=Fraction(amount), audio_file=wav)
    assert len(probe(out).audio) == 1
    assert click_time(out) == pytest.approx(1 + float(Fraction(amount)), abs=0.0015)
    assert flash_time(out) == pytest.approx(0.8, abs=0.001)


def test_compressed_audio_from_another_file_is_not_encoded_again(tmp_path):
    video = make_clip(tmp_path / "v.mp4", click=None)
    m4a = write_wav(tmp_path / "s.m4a", tone_click(96000, 48000, 48000)[None], 48000, codec="aac")
    assert shift_audio(video, tmp_path / "o.mp4", shift=Fraction(-1, 8), audio_file=m4a).method == "timestamps"
    assert click_time(tmp_path / "o.mp4") == pytest.approx(0.875, abs=0.0015)
    other = make_clip(tmp_path / "other.mkv", click=1.2, audio_codec="libopus")
    shift_audio(video, tmp_path / "p.mp4", shift=0, audio_file=other)
    assert click_time(tmp_path / "p.mp4") == pytest.approx(1.2, abs=0.0015)


def test_what_cannot_be_done_is_said_in_one_line(tmp_path):
    source = make_clip(tmp_path / "a.mp4")
    old = make_clip(tmp_path / "old.avi")
    flac = make_clip(tmp_path / "flac.mkv")
    silent = make_clip(tmp_path / "silent.mp4", click=None)
    tone = write_wav(tmp_path / "t.wav", tone_click(16000, 8000, 16000)[None], 16000)
    tone_as_mov = tmp_path / "t.mov"
    tone_as_mov.write_bytes(tone.read_bytes())
    os.link(source, tmp_path / "hard.mp4")
    (tmp_path / "text.mp4").write_text("words")
    (tmp_path / "dir.mp4").mkdir()
    out = tmp_path / "o.mp4"
    cases = [
        (OutputError, "is an input", (source, source), {}),
        (OutputError, "is an input", (source, tmp_path / "hard.mp4"), {}),
        (OutputError, "is an input", (silent, tone_as_mov), {"audio_file": tone_as_mov}),
        (OutputError, "folder does not exist", (source, tmp_path / "no" / "o.mp4"), {}),
        (OutputError, "is a folder", (source, tmp_path / "dir.mp4"), {}),
        (OutputError, "use .mkv", (source, tmp_path / "o.doc"), {}),
        (OutputError, r"webm cannot hold the video \(h264\); use .mkv", (source, tmp_path / "o.webm"), {}),
        (OutputError, "leaves no audio", (source, out), {"shift": -50}),
        (OutputError, "leaves no audio", (old, tmp_path / "o.avi"), {"shift": -50}),
        (OutputError, r"avi cannot hold the video \(h264\); use .mkv", (source, tmp_path / "o.avi"), {}),
        (OutputError, r"mov cannot hold the audio \(flac\); use .mkv", (flac, tmp_path / "o.mov"), {}),
        (OutputError, r"mpegts cannot hold the audio \(flac\); use .mkv", (flac, tmp_path / "o.ts"), {}),
        (NoAudio, "pass --audio FILE", (silent, out), {}),
        (NoVideo, "no moving frame", (tone, out), {}),
        (UnreadableMedia, "not a readable", (tmp_path / "text.mp4", out), {}),
        (UnreadableMedia, "does not exist", (source, out), {"audio_file": tmp_path / "none.wav"}),
    ]
    before = sorted(tmp_path.iterdir())
    for kind, says, (path, target), options in cases:
        with pytest.raises(kind, match=says) as caught:
            shift_audio(path, target, **{"shift": 0.1, **options})
        assert "\n" not in str(caught.value)
    assert sorted(tmp_path.iterdir()) == before
    assert tone_as_mov.read_bytes() == tone.read_bytes()


@pytest.mark.parametrize("after", [0, 1])
@pytest.mark.parametrize("name", ["o.mp4", "o.mkv", "o.avi"])
def test_full_disk_leaves_nothing(tmp_path, monkeypatch, name, after):
    source = make_clip(tmp_path / "a.mp4", noise=True, size=(160, 120), codec="mpeg4")
    (tmp_path / name).write_bytes(b"old")
    fill_disk(monkeypatch, after)
    with pytest.raises(OutputError, match="disk is full"):
        shift_audio(source, tmp_path / name, shift=0.1)
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted(["a.mp4", name])
    assert (tmp_path / name).read_bytes() == b"old"


def test_a_folder_without_permission(tmp_path, monkeypatch):
    source = make_clip(tmp_path / "a.mp4")

    def refuse(path, flags, mode=0o777):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(OutputError, match="permission denied; choose a folder"):
        shift_audio(source, tmp_path / "b.mp4", shift=0.1)


def test_the_new_file_has_ordinary_permissions_and_replaces_the_old(tmp_path):
    source = make_clip(tmp_path / "a.mp4")
    (tmp_path / "b.mp4").write_bytes(b"old")
    shift_audio(source, tmp_path / "b.mp4", shift=0.1)
    assert probe(tmp_path / "b.mp4").video is not None
    assert stat.S_IMODE((tmp_path / "b.mp4").stat().st_mode) == stat.S_IMODE(source.stat().st_mode)


def test_a_name_is_only_a_name(tmp_path, monkeypatch):
    make_clip(tmp_path / "a.mp4").rename(tmp_path / "-i a:b\n%d.mp4")
    monkeypatch.chdir(tmp_path)
    shift_audio("-i a:b\n%d.mp4", "pipe:1 'x'\n%03d.mp4", shift=0.1)
    assert distance("pipe:1 'x'\n%03d.mp4") == pytest.approx(0.1, abs=0.002)


def test_a_damaged_source_is_copied_as_far_as_it_goes(tmp_path):
    source = make_clip(tmp_path / "a.mkv", num=100, noise=True)
    data = source.read_bytes()
    source.write_bytes(data[: len(data) * 6 // 10])
    shift_audio(source, tmp_path / "b.mkv", shift=0.1)
    assert 55 < len(frame_packets(tmp_path / "b.mkv")) < 65


def test_canary_misplaced_audio_does_not_pass(tmp_path, monkeypatch):
    """With the packets moved 5 ms too far, the check refuses every method and nothing is left."""
    source = make_clip(tmp_path / "a.mkv")
    real_place = in_place_shift.move_mkv_audio
    monkeypatch.setattr(
        in_place_shift, "move_mkv_audio", lambda file, which, shift: real_place(file, which, shift + Fraction(5, 1000))
    )
    real = mux.advance_stamps

    def too_far(packet, offset):
        real(packet, offset + (Fraction(5, 1000) if packet.stream.type == "audio" else 0))

    monkeypatch.setattr(mux, "advance_stamps", too_far)
    assert shift_audio(source, tmp_path / "b.mkv", shift=0.1).method == "re-encoded audio"
    monkeypatch.setattr(shift_module, "STAMPED", ())
    track = mux.AudioTrack
    late = Fraction(5, 1000)
    monkeypatch.setattr(mux, "AudioTrack", lambda o, p, i, s, w, **more: track(o, p, i, s + late, w, **more))
    with pytest.raises(OutputError, match=r"\+5\.0 ms off"):
        shift_audio(source, tmp_path / "c.mkv", shift=0.1)
    assert not (tmp_path / "c.mkv").exists()
