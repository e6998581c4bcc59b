"""Small media files, made when a test asks for them: a flash and a click at known times, turned, damaged, cut off."""

from __future__ import annotations

import errno
import os
import threading
from contextlib import suppress
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import numpy as np

from viseme.media import VideoWriter, files, read_audio, read_frames

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


def moved(source: Path, out: Path, *, video_s: float, audio_s: float) -> Path:
    """The packets of a file with their stamps moved on, in an MPEG transport stream."""
    with av.open(str(source)) as box, av.open(str(out), "w", format="mpegts") as target:
        streams = {s.index: target.add_stream_from_template(s) for s in box.streams}
        for packet in box.demux():
            if packet.dts is not None:
                shift = round((video_s if packet.stream.type == "video" else audio_s) / packet.time_base)
                packet.pts, packet.dts = packet.pts + shift, packet.dts + shift
                packet.stream = streams[packet.stream.index]
                target.mux(packet)
    return out


def joined_ts(folder: Path, source: Path, *, video_s: float, audio_s: float | None = None) -> Path:
    """A file and the same file again, its stamps moved on: what `cat a.ts b.ts` makes. Zero = they start over."""
    audio_s = video_s if audio_s is None else audio_s
    first = moved(source, folder / "first.ts", video_s=1, audio_s=1)  # no stamp below zero
    second = moved(source, folder / "second.ts", video_s=1 + video_s, audio_s=1 + audio_s)
    out = folder / "joined.ts"
    out.write_bytes(first.read_bytes() + second.read_bytes())
    return out


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


def piped(data: bytes) -> int:
    """The reading end of a pipe that somebody writes `data` into."""
    reading, writing = os.pipe()

    def write() -> None:
        with open(writing, "wb") as file, suppress(BrokenPipeError):
            file.write(data)

    threading.Thread(target=write, daemon=True).start()
    return reading
