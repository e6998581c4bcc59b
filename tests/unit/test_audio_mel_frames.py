"""Audio as a moving window: any block sizes, any start, bounded memory, levels in decibels."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from viseme.audio.clock import HOP, RATE, WINDOW
from viseme.audio.features import mel_filters, power_frames, power_spectrum
from viseme.audio.mel_frames import MelFrames
from viseme.audio.voice_activity import voiced


@dataclass(frozen=True)
class Block:
    start: Fraction
    samples: np.ndarray


def _cut(samples: np.ndarray, cuts: list[int], start: Fraction = Fraction(0)) -> list[Block]:
    places = [0, *sorted(c for c in cuts if 0 < c < len(samples)), len(samples)]
    return [Block(start + Fraction(a, RATE), samples[a:b]) for a, b in pairwise(places)]


def _noise(num: int, seed: int = 0) -> np.ndarray:
    return (np.random.default_rng(seed).standard_normal(num) * 0.1).astype(np.float32)


@settings(max_examples=40, deadline=None, derandomize=True)
@given(
    num=st.integers(1, 9000),
    cuts=st.lists(st.integers(1, 9000), max_size=12),
    start=st.integers(-4000, 4000),
    asked=st.lists(st.floats(-0.3, 0.9), max_size=3),
)
def test_block_sizes_and_questions_do_not_change_the_frames(num, cuts, start, asked):
    samples, begin = _noise(num), Fraction(start, RATE)
    first, whole = MelFrames(_cut(samples, [], begin)).window(-2, 2)
    mel_frames = MelFrames(_cut(samples, cuts, begin))
    for until in asked:
        mel_frames.window(-2, until)
    number, pieces = mel_frames.window(-2, 2)
    assert number == first or not len(whole)
    assert pieces.shape == whole.shape
    np.testing.assert_allclose(pieces, whole, rtol=1e-4, atol=1e-9)


@pytest.mark.parametrize("start", [Fraction(0), Fraction(-7, 100), Fraction(123, 1000), Fraction(1, 3)])
def test_frames_lie_on_the_absolute_grid(start):
    """A click at a known instant is loudest in the frame centred nearest to it."""
    samples = np.zeros(RATE, np.float32)
    click = 0.405  # the centre of frame 40
    samples[round((click - float(start)) * RATE)] = 1.0
    first, power = MelFrames([Block(start, samples)]).window(-1, 3)
    assert first + int(power.sum(1).argmax()) == 40
    assert abs((first / 100 + 0.005) - float(start)) <= 0.01


def test_a_frame_equals_the_spectrum_around_its_centre():
    samples = _noise(RATE)
    first, power = MelFrames(_cut(samples, [700, 1111])).window(0, 1)
    assert first == 0
    assert len(power) == 100
    for frame in (3, 50, 90):
        centre = round((frame / 100 + 0.005) * RATE)
        around = samples[centre - WINDOW // 2 : centre + WINDOW // 2]
        expected = power_spectrum(around) @ mel_filters()
        np.testing.assert_allclose(power[frame], expected[0], rtol=1e-4)


def test_windows_end_where_the_audio_ends():
    mel_frames = MelFrames([Block(Fraction(1, 2), _noise(RATE // 2))])
    assert mel_frames.start is None
    first, power = mel_frames.window(-5, 5)
    assert (first, len(power)) == (50, 50)
    assert mel_frames.start == pytest.approx(0.5)
    assert mel_frames.end == pytest.approx(1.0)
    assert len(mel_frames.window(2, 3)[1]) == 0
    assert len(MelFrames([]).window(0, 1)[1]) == 0


def test_forgetting_keeps_memory_bounded():
    held, seconds = [], 200
    mel_frames = MelFrames(Block(Fraction(s), _noise(RATE, s)) for s in range(seconds))
    for now in range(10, seconds, 5):
        first, power = mel_frames.window(now - 5, now)
        assert (first, len(power)) == ((now - 5) * 100, 500), "what is still needed must not be forgotten"
        mel_frames.forget(now - 10)
        held.append(sum(len(m) for m in mel_frames._kept))
    assert max(held) <= 3000 + 1600
    assert len(mel_frames._pending) < WINDOW + HOP
    first, power = mel_frames.window(0, 1)
    assert len(power) == 0, "forgotten frames are absent, not silent"


def test_reading_to_the_end_keeps_little():
    mel_frames = MelFrames(Block(Fraction(s), _noise(RATE, s)) for s in range(60))
    mel_frames.read_to_end()
    assert mel_frames.end == pytest.approx(60.0)
    assert mel_frames.num_frames == 6000
    assert len(mel_frames.levels) == len(mel_frames.level_times) == 1200
    assert sum(len(m) for m in mel_frames._kept) < 3300


@pytest.mark.parametrize("amplitude", [1.0, 0.1, 0.01])
def test_levels_of_a_sine_are_its_power_in_decibels(amplitude):
    wave = (amplitude * np.sin(2 * np.pi * 440 * np.arange(2 * RATE) / RATE)).astype(np.float32)
    mel_frames = MelFrames(_cut(wave, [5000, 20000]))
    mel_frames.read_to_end()
    inner = np.array(mel_frames.levels[2:-2])
    np.testing.assert_allclose(inner, 20 * math.log10(amplitude / math.sqrt(2)), atol=0.15)
    np.testing.assert_allclose(np.diff(mel_frames.level_times), 0.05, atol=0.011)


def test_silence_holds_no_voice_and_speech_levels_do():
    _, power = power_frames(np.concatenate([np.zeros(RATE), _noise(RATE), np.zeros(RATE)]).astype(np.float32))
    flags = voiced(power)
    assert not flags[:95].any()
    assert flags[105:195].all()
    mel_frames = MelFrames([Block(Fraction(0), np.zeros(RATE, np.float32))])
    mel_frames.read_to_end()
    assert mel_frames.num_voiced == 0
    assert max(mel_frames.levels) <= -99


def test_a_hum_below_the_band_of_speech_is_no_voice():
    hum = (0.05 * np.sin(2 * np.pi * 50 * np.arange(RATE) / RATE)).astype(np.float32)
    assert not voiced(power_spectrum(hum))[5:-5].any()


def _broken_off(gap_s: int) -> list[Block]:
    """Two seconds of noise, a gap, two seconds more, in blocks of a second."""
    noise, second = _noise(4 * RATE), Fraction(2 + gap_s)
    return [
        *(Block(Fraction(i), noise[i * RATE : (i + 1) * RATE]) for i in range(2)),
        *(Block(second + i, noise[(2 + i) * RATE : (3 + i) * RATE]) for i in range(2)),
    ]


@pytest.mark.parametrize("gap_s", [11, 600, 36_000])
def test_where_the_audio_breaks_off_there_are_no_frames(gap_s):
    whole = MelFrames(_broken_off(gap_s))
    first, power = whole.window(-5, 10)
    assert (first, len(power)) == (0, 200)
    first, power = whole.window(gap_s - 5, gap_s + 10)
    assert (first, len(power)) == (100 * (gap_s + 2), 200)
    assert len(whole.window(5, 9)[1]) == 0
    whole.read_to_end()
    assert whole.num_frames == 400
    assert len(whole.levels) == 80
    assert whole.end == gap_s + 4


def test_a_window_over_a_break_holds_zeros_in_between():
    first, power = MelFrames(_broken_off(11)).window(0, 20)
    assert (first, len(power)) == (0, 1500)
    assert (power[:200].sum(1) > 0).all()
    assert (power[200:1300] == 0).all()
    assert (power[1300:].sum(1) > 0).all()


def test_where_the_audio_goes_on_after_a_break():
    frames = MelFrames(_broken_off(600))
    assert frames.next_after(1.5) == pytest.approx(1.5)
    assert frames.next_after(2.5) == pytest.approx(602)
    assert frames.next_after(605) is None


def test_what_lies_before_a_break_is_forgotten():
    frames = MelFrames(_broken_off(600))
    frames.window(600, 604)
    frames.forget(601)
    assert len(frames.window(-5, 10)[1]) == 0
    assert len(frames.window(600, 610)[1]) == 200
