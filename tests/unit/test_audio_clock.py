"""One clock for audio frames: a click at a known time lands in the same frame through every path."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from viseme.audio.band_levels import BandLevels
from viseme.audio.bands import band_filters, bands
from viseme.audio.clock import RATE, centre_sample, first_frame, frame_centre
from viseme.audio.features import mel_filters, mfcc, power_frames
from viseme.audio.mel_frames import AudioPiece, MelFrames
from viseme.sync.augment.config import AugmentConfig
from viseme.sync.augment.crops import draw_points
from viseme.sync.clips import Clip
from viseme.sync.embeddings import normalise_mels

STARTS = [Fraction(0), Fraction(-7, 100), Fraction(123, 1000), Fraction(1, 3), Fraction(-1, 16000), Fraction(5)]


def click(start: Fraction, time: float, seconds: float = 1.0) -> np.ndarray:
    """Samples from `start` on with a click at a time of the clip's clock."""
    samples = np.zeros(round(seconds * RATE), np.float32)
    samples[round(time * RATE) - round(start * RATE)] = 1.0
    return samples


def pieces(samples: np.ndarray, start: Fraction, size: int) -> list[AudioPiece]:
    return [AudioPiece(start + Fraction(at, RATE), samples[at : at + size]) for at in range(0, len(samples), size)]


@given(time=st.floats(-100, 100))
def test_numbers_and_times_belong_together(time: float) -> None:
    number = first_frame(time)
    assert frame_centre(number) >= time - 1e-8
    assert frame_centre(number - 1) < time + 1e-8
    assert centre_sample(number) / RATE == pytest.approx(frame_centre(number), abs=1e-9)


@pytest.mark.parametrize("start", STARTS)
@pytest.mark.parametrize("after", [0.205, 0.4, 0.51])
def test_a_click_lands_in_the_frame_that_covers_it(start: Fraction, after: float) -> None:
    frame = first_frame(float(start) + after)
    samples = click(start, frame_centre(frame))
    first, power = power_frames(samples, start)
    assert first + int(power.sum(1).argmax()) == frame
    for mel_frames in (
        MelFrames.of_samples(samples, start),
        MelFrames(pieces(samples, start, 777)),
        MelFrames(pieces(samples, start, RATE)),
    ):
        begin, mels = mel_frames.window(-10, 10)
        assert begin == first
        np.testing.assert_allclose(mels, power @ mel_filters(), rtol=1e-4, atol=1e-9)
    handed_over = MelFrames(None)
    for piece in pieces(samples, start, 999):
        handed_over.take(piece)
    handed_over.take(None)
    begin, mels = handed_over.window(-10, 10)
    assert begin + int(mels.sum(1).argmax()) == frame
    begin, logs = bands(samples, float(start))
    assert begin + int(np.exp(logs.astype(np.float64)).sum(1).argmax()) == frame


@pytest.mark.parametrize("start", STARTS)
def test_a_click_lands_in_the_step_that_covers_it(start: Fraction) -> None:
    step = round((float(start) + 0.5) / 0.04)
    levels = BandLevels(MelFrames(pieces(click(start, 0.04 * step + 0.02), start, 1234)))
    levels.read_to(9.0)
    first, decibels = levels.steps()
    assert first + int((10 ** (decibels.astype(np.float64) / 10)).sum(1).argmax()) == step


@pytest.mark.parametrize("gap", [11, 600, 36_000])
def test_no_levels_are_kept_where_the_audio_breaks_off(gap: int) -> None:
    later = Fraction(2 + gap)
    levels = BandLevels(MelFrames([*pieces(click(0, 0.5), 0, 4000), *pieces(click(0, 0.5), later, 4000)]))
    levels.read_to(float("inf"))
    (first, before), (second, after) = levels.stretches()
    assert (first, second) == (0, 25 * (2 + gap))
    for decibels in (before, after):
        assert len(decibels) == pytest.approx(25 * len(click(0, 0.5)) / RATE, abs=1)
        assert int(decibels.astype(np.float64).sum(1).argmax()) == 12


def test_cepstra_begin_where_the_authors_program_begins_them() -> None:
    """Frame `j` is centred on sample 160 j + 200: 7.5 ms after the clock's frame."""
    energy = mfcc(click(Fraction(0), (160 * 40 + 200) / RATE) + np.float32(1e-4))[:, 0]
    loud = np.flatnonzero(energy > energy.max() - 1e-3)
    assert loud.mean() == pytest.approx(40, abs=0.5)


@settings(max_examples=30, deadline=None, derandomize=True)
@given(start=st.floats(-3, 3), num=st.integers(1, 5000))
def test_a_whole_array_and_a_stream_have_the_same_frames(start: float, num: int) -> None:
    samples = (np.random.default_rng(num).standard_normal(num) * 0.1).astype(np.float32)
    begin = Fraction(round(start * RATE), RATE)
    first, power = power_frames(samples, start)
    number, mels = MelFrames(pieces(samples, begin, 321)).window(-5, 5)
    assert len(mels) == len(power)
    assert number == first or not len(power)
    np.testing.assert_allclose(mels, power @ mel_filters(), rtol=1e-3, atol=1e-9)


@pytest.mark.parametrize("start", [Fraction(0), Fraction(-213, 1000), Fraction(1, 3)])
def test_a_training_crop_and_the_frames_that_are_compared_are_one_clock(start: Fraction) -> None:
    """Step `i` of the lips meets mel rows 4 (i + lead) to 4 (i + lead) + 3, whose middle is that instant."""
    times = np.arange(100) * 0.04 + 0.4
    moment = times[50]
    samples = click(start, moment, 5.0) + np.float32(1e-4)
    first, logs = bands(samples, float(start))
    points = np.zeros((len(times), 67, 3), np.float32)
    points[50] = 1.0
    clip = Clip(name="a", speaker="a", times=times, video=points, audio=logs, first_audio_frame=first, level=0.0)
    plain = AugmentConfig(
        stretch=(1.0, 1.0), warp=(1.0, 1.0), mixing=0, region_gain=0, jitter=(1e-9, 2e-9), shake=(1e-9, 2e-9), manner=0,
        widening=(0, 0), frozen=0, hidden=0, voice=0, dynamics=0, reverb=0, noise=0, codec=0,
    )  # fmt: skip
    middles = []
    for seed in range(40):
        batch = draw_points([clip], 60, plain, np.random.default_rng(seed), landmarks=False)
        lips = batch.video[0].reshape(60, -1)
        lips = np.abs(lips - np.median(lips, 0)).sum(1)
        loud = np.exp(3 * batch.mels[0]).sum(1)
        rows = np.arange(len(loud))
        if lips.max() < 1 or loud.max() < 5 * np.median(loud):
            continue  # the instant lies outside one of the crops
        step = (lips * np.arange(60)).sum() / lips.sum()
        near = np.abs(rows - loud.argmax()) < 4
        row = (((loud - np.median(loud)) * rows)[near]).sum() / (loud - np.median(loud))[near].sum()
        middles.append(0.25 * (row - 1.5) - batch.lead - step)
    assert len(middles) > 10
    assert np.mean(middles) == pytest.approx(0, abs=0.06), "the audio of a crop is not where its lips are"
    number, power = MelFrames.of_samples(samples, start).window(-5, 9)
    assert number == first
    ours = normalise_mels(np.exp(logs.astype(np.float32)) @ band_filters(1.0))
    assert np.corrcoef(ours.ravel(), normalise_mels(power).ravel())[0, 1] > 0.95
