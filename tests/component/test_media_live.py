"""Streams that are read once: what comes through a pipe is what the file holds, and bad ones end in one line."""

from __future__ import annotations

import os
import subprocess
import threading
from contextlib import closing
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest

from media_files import make_clip, piped
from viseme.core.errors import NoAudio, NoVideo, UnreadableMedia
from viseme.media import AudioBlock, Frame, pipe, read_audio, read_frames
from viseme.media.live import LiveMedia
from viseme.media.pipe import PipeReader


def click(blocks: list[AudioBlock]) -> float:
    """Seconds of the loudest sample."""
    samples = np.concatenate([b.samples for b in blocks])
    return float(blocks[0].start) + int(np.abs(samples).argmax()) / 16000


FORMATS = {"matroska": {}, "mpegts": {}, "mp4": {"movflags": "frag_keyframe+empty_moov+default_base_moof"}}


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_clip(tmp_path_factory.mktemp("clip") / "clip.mp4")


def remuxed(
    source: Path, out: Path, muxer: str, *, keep: tuple[str, ...] = ("video", "audio"), late: float = 0
) -> Path:
    """The packets of a file in a container for streams; those after the first second `late` seconds later."""
    with av.open(str(source)) as old, av.open(str(out), "w", format=muxer, options=FORMATS[muxer]) as new:
        streams = {s.index: new.add_stream_from_template(s) for s in old.streams if s.type in keep}
        for packet in old.demux(*(old.streams[i] for i in streams)):
            if packet.dts is None:
                continue
            if packet.dts * packet.time_base > 1:
                packet.dts, packet.pts = (round(t + late / packet.time_base) for t in (packet.dts, packet.pts))
            packet.stream = streams[packet.stream.index]
            new.mux(packet)
    return out


def read(data: bytes, warnings: list[str] | None = None) -> tuple[list[Frame], list[AudioBlock]]:
    warn = None if warnings is None else warnings.append
    with open(piped(data), "rb") as file, closing(LiveMedia(file, on_warning=warn)) as media:
        items = list(media)
    return [i for i in items if isinstance(i, Frame)], [i for i in items if isinstance(i, AudioBlock)]


@pytest.mark.parametrize("muxer", FORMATS)
def test_a_pipe_gives_what_the_file_holds(clip: Path, tmp_path: Path, muxer: str) -> None:
    stream = remuxed(clip, tmp_path / "stream", muxer)
    seen, heard = read(stream.read_bytes())
    shown, blocks = list(read_frames(clip)), list(read_audio(clip))
    assert [float(p.time) for p in seen] == pytest.approx([float(p.time) for p in shown], abs=1e-3)
    assert all(np.array_equal(a.image, b.image) for a, b in zip(seen, shown))
    assert click(heard) == pytest.approx(click(blocks), abs=1e-3)
    assert heard[-1].end == pytest.approx(float(blocks[-1].end), abs=0.05)
    assert all(a.end == b.start for a, b in pairwise(heard)), "a seam"


def test_audio_and_frames_come_together(clip: Path, tmp_path: Path) -> None:
    """What is read once must not hold one stream back for the other."""
    stream = remuxed(clip, tmp_path / "stream", "matroska")
    frame = reach = 0.0
    apart = []
    with open(piped(stream.read_bytes()), "rb") as file, closing(LiveMedia(file)) as media:
        for item in media:
            if isinstance(item, Frame):
                frame = float(item.time)
                apart.append(abs(frame - reach))
            else:
                reach = float(item.end)
    assert max(apart[2:]) < 0.5


@pytest.mark.parametrize("muxer", ["matroska", "mpegts"])
def test_a_stream_that_is_cut_off_ends(clip: Path, tmp_path: Path, muxer: str) -> None:
    data = remuxed(clip, tmp_path / muxer, muxer).read_bytes()
    seen, heard = read(data[: 2 * len(data) // 3])
    assert 5 < len(seen) < len(list(read_frames(clip)))
    assert heard[-1].end > 0.5


@pytest.mark.parametrize(
    ("data", "error", "words"),
    [
        (b"", UnreadableMedia, "is empty"),
        (np.random.default_rng(0).bytes(300_000), UnreadableMedia, "MPEG-TS, Matroska"),
        (b"hello", UnreadableMedia, "not a readable media file"),
    ],
)
def test_no_media_is_refused(data: bytes, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words) as refusal:
        read(data)
    assert "\n" not in str(refusal.value)


def test_a_file_with_its_index_at_the_end_is_refused(tmp_path: Path) -> None:
    large = make_clip(tmp_path / "large.mp4", noise=True, size=(320, 240))
    with av.open(str(large)) as old, av.open(str(tmp_path / "slow.mp4"), "w", format="mp4") as new:
        streams = {s.index: new.add_stream_from_template(s) for s in old.streams}
        for packet in old.demux():
            if packet.dts is not None:
                packet.stream = streams[packet.stream.index]
                new.mux(packet)
    assert (tmp_path / "slow.mp4").stat().st_size > 1 << 20
    with pytest.raises(UnreadableMedia, match="fragmented"):
        read((tmp_path / "slow.mp4").read_bytes())


def test_a_stream_without_audio_or_frame_is_refused(clip: Path, tmp_path: Path) -> None:
    silent = remuxed(clip, tmp_path / "silent", "matroska", keep="video").read_bytes()
    with pytest.raises(NoAudio, match="no audio"):
        read(silent)
    blind = remuxed(clip, tmp_path / "blind", "matroska", keep="audio").read_bytes()
    with pytest.raises(NoVideo, match="no moving frame"):
        read(blind)


def test_time_stamps_that_leap_end_the_stream(clip: Path, tmp_path: Path) -> None:
    """An hour of silence would otherwise be made up to fill the gap."""
    warnings: list[str] = []
    seen, heard = read(remuxed(clip, tmp_path / "leap", "matroska", late=3600).read_bytes(), warnings)
    assert 20 < len(seen) < 40
    assert heard[-1].end < 2
    assert any("leap by +3600 s" in w for w in warnings)


def test_a_named_pipe_and_a_file_that_grows(clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = remuxed(clip, tmp_path / "stream", "mpegts").read_bytes()
    fifo, growing = tmp_path / "fifo", tmp_path / "growing"
    os.mkfifo(fifo)
    writer = threading.Thread(target=fifo.write_bytes, args=(data,), daemon=True)
    writer.start()
    with closing(LiveMedia(fifo)) as media:
        whole = sum(isinstance(i, Frame) for i in media)
    monkeypatch.setattr(pipe, "GROWTH_S", 1.0)
    growing.write_bytes(data[: len(data) // 2])

    def grow() -> None:
        with growing.open("ab") as file:
            file.write(data[len(data) // 2 :])

    with closing(LiveMedia(growing)) as media:
        later = threading.Timer(0.3, grow)
        later.start()
        assert sum(isinstance(i, Frame) for i in media) == whole
    assert whole == len(list(read_frames(clip)))


def test_a_file_that_nobody_writes_is_finished_at_once(
    clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    finished = remuxed(clip, tmp_path / "stream", "mpegts")
    monkeypatch.setattr(pipe, "GROWTH_S", 60.0)
    os.utime(finished, (0, 0))
    naps: list[float] = []
    monkeypatch.setattr(pipe, "NAP_S", 0.0)
    with closing(LiveMedia(finished)) as media:
        reader = vars(media)["_pipe"]
        monkeypatch.setattr(vars(reader)["_stop"], "wait", naps.append)
        assert sum(isinstance(i, Frame) for i in media) == len(list(read_frames(clip)))
    assert naps == []


def test_a_file_written_just_now_is_waited_for_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "young").write_bytes(b"abc")
    monkeypatch.setattr(pipe, "GROWTH_S", 0.5)
    with open(tmp_path / "young", "rb") as file:
        reader = PipeReader(file)
        naps: list[float] = []
        monkeypatch.setattr(vars(reader)["_stop"], "wait", naps.append)
        assert reader.read(10) == b"abc"
        assert (reader.read(10), len(naps)) == (b"", 5)
        assert (reader.read(10), len(naps)) == (b"", 5)


def test_stopping_wakes_who_waits_for_bytes() -> None:
    reading, writing = os.pipe()
    with open(reading, "rb") as file:
        reader = PipeReader(file)
        timer = threading.Timer(0.3, reader.stop)
        timer.start()
        assert reader.read(10) == b""
    os.close(writing)


def test_devices_folders_and_nothing_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UnreadableMedia, match=r"is a device; send it through a pipe: ffmpeg .* --live -"):
        PipeReader("/dev/zero")
    with pytest.raises(UnreadableMedia, match="is a folder"):
        PipeReader(tmp_path)
    with pytest.raises(UnreadableMedia, match="does not exist"):
        PipeReader(tmp_path / "nothing")


def test_ffmpeg_pipes(clip: Path) -> None:
    """The documented way, with the program itself."""
    words = ["ffmpeg", "-v", "error", "-i", str(clip), "-c", "copy", "-f", "matroska", "-"]
    try:
        program = subprocess.Popen(words, stdout=subprocess.PIPE)
    except FileNotFoundError:
        pytest.skip("ffmpeg is not installed")
    assert program.stdout is not None
    with program, closing(LiveMedia(program.stdout)) as media:
        times = [i.time for i in media if isinstance(i, Frame)]
    assert times[0] == Fraction(0)
    assert len(times) == len(list(read_frames(clip)))
