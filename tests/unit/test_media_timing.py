"""Time maths of the media room: no files, no decoding."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from viseme.core.errors import OutputError
from viseme.media.alignment import lag_of, misplacement
from viseme.media.files import WarningSink
from viseme.media.packet_stamps import with_stamps
from viseme.media.search import shown
from viseme.media.timing import GAP, AudioClock, FrameClock, Orientation, fitted_size, orientation
from viseme.media.writer import lossless, muxer_for

ONE = 65536
seconds = st.fractions(min_value=-10, max_value=10, max_denominator=90000)


@given(st.lists(st.none() | seconds, max_size=60))
def test_frame_times_strictly_increase_and_all_are_accounted_for(stamps):
    clock = FrameClock(Fraction(1, 25))
    placed = [clock.place(s) for s in stamps]
    kept = [p for p in placed if p is not None]
    assert all(a < b for a, b in pairwise(kept))
    assert len(kept) + clock.num_dropped == len(stamps)
    assert clock.num_missing == sum(s is None for s in stamps)
    assert all(p == s for p, s in zip(placed, stamps) if p is not None and s is not None)


def test_missing_stamp_goes_one_step_on():
    clock = FrameClock(Fraction(1, 25))
    assert [clock.place(s) for s in (Fraction(1), None, None, Fraction(2))] == [
        1,
        Fraction(26, 25),
        Fraction(27, 25),
        2,
    ]


def test_backward_stamp_is_dropped():
    clock = FrameClock(Fraction(1, 25))
    assert [clock.place(Fraction(s)) for s in (1, 1, 0, 2)] == [1, None, None, 2]
    assert clock.num_dropped == 2


@given(
    start=seconds,
    jitter=st.lists(st.fractions(min_value=-GAP, max_value=GAP, max_denominator=1000), min_size=1, max_size=40),
    rate=st.sampled_from([8000, 16000, 44100, 48000]),
)
def test_rounded_stamps_change_nothing(start, jitter, rate):
    clock = AudioClock(rate)
    assert clock.place(start, 1024) == (0, 0)
    for number, error in enumerate(jitter, 1):
        assert clock.place(start + Fraction(1024 * number, rate) + error, 1024) == (0, 0)
    assert clock.now == start + Fraction(1024 * (len(jitter) + 1), rate)
    assert not clock.gaps
    assert not clock.overlaps


@given(st.lists(st.none() | seconds, min_size=1, max_size=30))
def test_audio_grid_never_runs_backward_and_samples_stay_near_their_stamp(stamps):
    clock = AudioClock(16000)
    for stamp in stamps:
        before = clock.count
        zeros, cut = clock.place(stamp, 400)
        assert zeros >= 0
        assert 0 <= cut <= 400
        assert clock.count == before + zeros + 400 - cut
        if stamp is not None and cut < 400:
            first = clock.now - Fraction(400 - cut, 16000)
            assert abs(first - (stamp + Fraction(cut, 16000))) <= GAP + Fraction(1, 16000)


def test_hole_is_filled_and_repetition_cut():
    clock = AudioClock(1000)
    assert clock.place(Fraction(-1, 2), 100) == (0, 0)
    assert clock.place(Fraction(0), 100) == (400, 0)
    assert clock.place(Fraction(50, 1000), 100) == (0, 50)
    assert clock.gaps == [(Fraction(-4, 10), Fraction(4, 10))]
    assert clock.overlaps == [(Fraction(1, 10), Fraction(1, 20))]
    assert clock.now == Fraction(15, 100)


@pytest.mark.parametrize(
    ("matrix", "expected"),
    [
        ((ONE, 0, 0, 0, ONE, 0, 0, 0, 1 << 30), Orientation(0)),
        ((0, ONE, 0, -ONE, 0, 0, 0, 0, 1 << 30), Orientation(90)),
        ((-ONE, 0, 0, 0, -ONE, 0, 0, 0, 1 << 30), Orientation(180)),
        ((0, -ONE, 0, ONE, 0, 0, 0, 0, 1 << 30), Orientation(270)),
        ((-ONE, 0, 0, 0, ONE, 0, 0, 0, 1 << 30), Orientation(0, True)),
        ((ONE, 0, 0, 0, -ONE, 0, 0, 0, 1 << 30), Orientation(180, True)),
        ((0, 0, 0, 0, 0, 0, 0, 0, 0), Orientation(0)),
    ],
)
def test_orientation(matrix, expected):
    assert orientation(matrix) == expected


@given(st.floats(-1, 1), st.integers(0, 3))
def test_slightly_tilted_matrix_is_the_nearest_quarter(tilt, quarter):
    angle = np.radians(quarter * 90 + tilt * 40)
    a, b = round(np.cos(angle) * ONE), round(np.sin(angle) * ONE)
    assert orientation((a, b, 0, -b, a, 0, 0, 0, 1 << 30)) == Orientation(quarter * 90)


@given(
    st.integers(1, 5000),
    st.integers(1, 5000),
    st.fractions(min_value=Fraction(1, 4), max_value=4, max_denominator=100),
    st.none() | st.integers(1, 3000),
)
def test_never_up_scaled_and_never_over_the_limit(width, height, aspect, limit):
    wide, high, out_w, out_h = fitted_size(width, height, aspect, limit)
    assert 1 <= out_w <= wide <= width
    assert 1 <= out_h <= high <= height
    if limit is not None:
        assert max(out_w, out_h) <= limit
    if limit is None:
        assert (out_w, out_h) == (wide, high)


def test_names_stay_on_one_line():
    assert shown("a\nb\t\udcff.mp4") == "a\\nb\\t\\udcff.mp4"
    assert shown("größe – 'x'.mp4") == "größe – 'x'.mp4"


def test_a_warning_is_told_once():
    told: list[str] = []
    sink = WarningSink(told.append)
    for text in ("a", "b", "a"):
        sink(text)
    assert told == ["a", "b"]


def test_unknown_extension_names_the_remedy():
    assert muxer_for("x.MKV") == "matroska"
    with pytest.raises(OutputError, match=r"use \.mkv"):
        muxer_for("x.doc")


def test_lossless():
    assert lossless("pcm_s16le")
    assert lossless("flac")
    assert not lossless("aac")


@given(st.integers(-300, 300))
def test_lag_is_found_to_the_sample(lag):
    x = np.random.default_rng(3).normal(size=4000).astype(np.float32)
    a, b = x[400:3600], x[400 - lag : 3600 - lag]
    found, likeness = lag_of(a, b, 320)
    assert found == lag
    assert likeness > 0.8


def test_misplacement_canary():
    x = np.random.default_rng(4).normal(size=128_000).astype(np.float32)
    late = np.concatenate([np.zeros(48, np.float32), x[:-48]])
    assert misplacement(lambda at: x, lambda at: x, begin=Fraction(0)) == 0
    assert misplacement(lambda at: x, lambda at: late, begin=Fraction(0)) == Fraction(3, 1000)
    assert misplacement(lambda at: x, lambda at: x[::-1], begin=Fraction(0)) > Fraction(1, 10)
    assert misplacement(lambda at: 0 * x, lambda at: x, begin=Fraction(0)) is None


def _packet(stream, pts, dts, duration=40):
    return SimpleNamespace(stream=stream, pts=pts, dts=dts, duration=duration)


def test_decoding_stamps_are_counted_back_from_the_first_known():
    video, audio = SimpleNamespace(index=0), SimpleNamespace(index=1)
    packets = [
        _packet(video, 0, None),
        _packet(audio, 0, None, 20),
        _packet(video, 160, None),
        _packet(video, 80, 0),
        _packet(video, 40, 40),
        _packet(video, None, None),
    ]
    done = list(with_stamps(iter(packets), video))
    assert [p.dts for p in done if p.stream is video] == [-80, -40, 0, 40]
    assert [p.dts for p in done if p.stream is audio] == [0]


def test_decoding_stamps_that_never_come():
    video = SimpleNamespace(index=0)
    done = list(with_stamps(iter([_packet(video, p, None) for p in (0, 40, 80)]), video))
    assert [p.dts for p in done] == [0, 40, 80]
