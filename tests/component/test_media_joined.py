"""Transport streams whose stamps start over or leap, joined here as people join them: one file after the other."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from media_files import joined_ts, make_clip, moved
from viseme.media import read_audio, read_frames

LONG = [40.0, 600.0, 3600.0, 36000.0]


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    """Two seconds, a flash and a click at 0.8 s."""
    return make_clip(tmp_path_factory.mktemp("clip") / "clip.mp4")


def seen(path):
    """Times of all frames, times of the white ones, and what was said."""
    notes: list[str] = []
    frames = [(float(f.time), f.image.min() > 128) for f in read_frames(path, on_warning=notes.append)]
    return [t for t, _ in frames], [t for t, white in frames if white], notes


def heard(path):
    """Start and end of every stretch of audio, times of the clicks, and what was said."""
    notes: list[str] = []
    stretches: list[list[float]] = []
    clicks: list[float] = []
    for block in read_audio(path, on_warning=notes.append):
        if not stretches or abs(float(block.start) - stretches[-1][1]) > 1e-6:
            stretches.append([float(block.start), 0.0])
        stretches[-1][1] = float(block.end)
        loud = float(block.start) + np.flatnonzero(np.abs(block.samples) > 0.3) / 16000
        for at in loud.tolist():
            if not clicks or at - clicks[-1] > 0.1:
                clicks.append(at)
    return stretches, clicks, notes


def test_stamps_that_start_over_go_on(clip, tmp_path):
    path = joined_ts(tmp_path, clip, video_s=0)
    times, flashes, told = seen(path)
    stretches, clicks, told_of_audio = heard(path)
    assert len(times) == 100
    assert max(b - a for a, b in pairwise(times)) < 0.2
    assert len(stretches) == 1
    assert np.subtract(clicks, flashes) == pytest.approx([0, 0], abs=0.003)
    assert len(told) == 1
    assert told == told_of_audio
    assert "start over" in told[0]


def test_a_joined_file_read_from_the_middle_is_the_same(clip, tmp_path):
    path = joined_ts(tmp_path, clip, video_s=0)
    times, flashes, _ = seen(path)
    assert [float(f.time) for f in read_frames(path, start=times[70])] == times[70:]
    blocks = list(read_audio(path, start=flashes[1] - 0.1, end=flashes[1] + 0.1))
    samples = np.concatenate([b.samples for b in blocks])
    click = float(blocks[0].start) + int(np.argmax(np.abs(samples) > 0.3)) / 16000
    assert click == pytest.approx(flashes[1], abs=0.003)


@pytest.mark.parametrize("leap", LONG)
def test_leaps_stay_and_nothing_is_put_into_them(clip, tmp_path, leap):
    path = joined_ts(tmp_path, clip, video_s=leap)
    times, flashes, told = seen(path)
    stretches, clicks, told_of_audio = heard(path)
    assert len(times) == 100
    assert flashes == pytest.approx([0.8, leap + 0.8], abs=0.001)
    assert clicks == pytest.approx(flashes, abs=0.003)
    assert [b - a for a, b in stretches] == pytest.approx([2, 2], abs=0.1)
    assert len(told) == 1
    assert told == told_of_audio


@pytest.mark.parametrize("streams", [(600.0, 2.0), (2.0, 600.0)])
def test_a_leap_of_one_stream_alone(clip, tmp_path, streams):
    path = joined_ts(tmp_path, clip, video_s=streams[0], audio_s=streams[1])
    assert seen(path)[1] == pytest.approx([0.8, streams[0] + 0.8], abs=0.001)
    assert heard(path)[1] == pytest.approx([0.8, streams[1] + 0.8], abs=0.02)


def test_a_gap_of_three_seconds_is_filled_with_silence(clip, tmp_path):
    path = joined_ts(tmp_path, clip, video_s=5.0)
    stretches, clicks, told = heard(path)
    assert len(stretches) == 1
    assert clicks == pytest.approx([0.8, 5.8], abs=0.003)
    assert "filled with silence" in told[0]


def test_stamps_that_run_over_33_bits_go_on(clip, tmp_path):
    """A transport stream counts to 26.5 hours and begins again."""
    path = moved(clip, tmp_path / "wrap.ts", video_s=2**33 / 90_000 - 2.4, audio_s=2**33 / 90_000 - 2.4)
    times, flashes, told = seen(path)
    assert len(times) == 50
    assert times[-1] == pytest.approx(49 / 25)
    assert heard(path)[1] == pytest.approx(flashes, abs=0.003)
    assert told == []
