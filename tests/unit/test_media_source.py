"""A file and arrays are one seam: the same frames, times and samples come out; nonsense is refused."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest

from viseme.core.errors import NoAudio, NoVideo
from viseme.media import VideoWriter
from viseme.media.source import RATE, ArraySource, FileSource, open_source

TIMES = np.array([0.0, 0.04, 0.09, 0.12])


def frames(num: int = 4, height: int = 30, width: int = 40) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (num, height, width, 3), dtype=np.uint8)


def test_frames_come_with_their_times() -> None:
    images = frames()
    source = ArraySource(images, TIMES, np.zeros(100), RATE)
    for _ in range(2):  # an array may be read again
        found = list(source.frames())
        assert [f.index for f in found] == [0, 1, 2, 3]
        assert [float(f.time) for f in found] == pytest.approx(TIMES)
        for frame, image in zip(found, images):
            np.testing.assert_array_equal(frame.image, image)
            assert frame.scale == 1.0
    assert source.duration == pytest.approx(0.16)
    assert (source.width, source.height) == (40, 30)


def test_an_iterator_is_read_once_and_never_held() -> None:
    shown = []

    def film():
        for number, image in enumerate(frames(4)):
            shown.append(number)
            yield image

    source = ArraySource(film(), TIMES, np.zeros(10), RATE)
    assert shown == [0]
    reader = source.frames()
    next(reader)
    next(reader)
    assert shown == [0, 1]
    assert len(list(reader)) == 2


def test_large_frames_are_reduced() -> None:
    source = ArraySource(frames(4, 100, 200), TIMES, np.zeros(10), RATE)
    frame = next(source.frames(max_side=50))
    assert frame.image.shape == (25, 50, 3)
    assert frame.scale == 0.25


@pytest.mark.parametrize("rate", [8000, RATE, 44_100, 48_000])
@pytest.mark.parametrize("channels", [0, 2])
def test_samples_come_at_16_khz_where_they_lie(rate: int, channels: int) -> None:
    t = np.arange(3 * rate) / rate
    wave = np.sin(2 * np.pi * 300 * t) * np.exp(-(((t - 1.5) / 0.1) ** 2))
    source = ArraySource(frames(), TIMES, np.stack([wave] * channels, 1) if channels else wave, rate, audio_start=-0.25)
    blocks = list(source.audio())
    assert blocks[0].start == Fraction(-1, 4)
    for one, two in pairwise(blocks):
        assert one.end == two.start
    heard = np.concatenate([b.samples for b in blocks])
    at = -0.25 + np.arange(len(heard)) / RATE
    expected = np.sin(2 * np.pi * 300 * (at + 0.25)) * np.exp(-(((at + 0.25 - 1.5) / 0.1) ** 2))
    np.testing.assert_allclose(heard, expected, atol=0.02)
    part = source.samples(1.2, 1.3)
    np.testing.assert_allclose(part, heard[round(1.45 * RATE) :][: len(part)], atol=1e-6)
    assert not source.samples(90, 91).any()


@pytest.mark.parametrize(("kind", "full"), [(np.int16, 2**15), (np.int32, 2**31), (np.float64, 1)])
def test_integers_are_at_their_full_scale(kind: type, full: int) -> None:
    source = ArraySource(frames(), TIMES, np.full(RATE, full // 2 if full > 1 else 0.5, kind), RATE)
    np.testing.assert_allclose(source.samples(0.2, 0.5), 0.5, atol=1e-4)


@pytest.mark.parametrize(
    "wrong",
    [
        {"frames": frames(3)},
        {"frames": frames().astype(np.float32)},
        {"frames": frames()[..., 0]},
        {"frames": [], "times": []},
        {"times": TIMES[::-1]},
        {"times": [0, 0, 1, 2]},
        {"samples": np.zeros((2, 1000))},
        {"rate": 0},
    ],
)
def test_arrays_that_make_no_sense_are_refused(wrong: dict) -> None:
    right = {"frames": frames(), "times": TIMES, "samples": np.zeros(100), "rate": RATE}
    with pytest.raises(ValueError, match=r"frame|times|samples|rate"):
        ArraySource(**{**right, **wrong})


def test_frames_of_two_sizes_are_refused() -> None:
    source = ArraySource(iter([*frames(2), *frames(2, 10, 10)]), TIMES, np.zeros(10), RATE)
    with pytest.raises(ValueError, match="frame 2"):
        list(source.frames())


def test_a_file_or_arrays_and_not_both(tmp_path) -> None:
    arrays = {"frames": frames(), "times": TIMES, "samples": np.zeros(100), "rate": RATE}
    assert isinstance(open_source(None, **arrays), ArraySource)
    with pytest.raises(ValueError, match="not both"):
        open_source(tmp_path / "a.mp4", **arrays)
    with pytest.raises(ValueError, match="rate missing"):
        open_source(None, **{**arrays, "rate": None})
    with pytest.raises(ValueError, match="belong to a file"):
        open_source(None, audio="a.wav", **arrays)


def test_a_file_says_what_it_lacks(tmp_path) -> None:
    with VideoWriter(tmp_path / "a.mp4", width=64, height=48, rate=25) as video:
        for image in frames(10, 48, 64):
            video.write(image)
    source = FileSource(tmp_path / "a.mp4")
    assert (source.width, source.height, source.frame_rate) == (64, 48, 25.0)
    assert len(list(source.frames(max_side=32))) == 10
    with pytest.raises(NoAudio, match="--audio"):
        source.audio()
    import wave

    with wave.open(str(tmp_path / "a.wav"), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(b"\0\0" * RATE)
    with pytest.raises(NoVideo, match=r"a\.wav"):
        FileSource(tmp_path / "a.wav")


def test_arrays_without_audio_are_enough_where_none_is_needed() -> None:
    source = open_source(None, frames=frames(), times=TIMES, needs_audio=False)
    assert len(list(source.frames())) == 4
    with pytest.raises(NoAudio, match="pass samples and rate"):
        next(source.audio())
    with pytest.raises(ValueError, match="samples, rate missing"):
        open_source(None, frames=frames(), times=TIMES)
    with pytest.raises(ValueError, match="belong together"):
        ArraySource(frames(), TIMES, np.zeros(10))
