"""Voice activity on drawn levels, and band levels against the frames they are read from."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from viseme.audio.band_levels import BandLevels, band_levels
from viseme.audio.features import mel_filters, power_spectrum
from viseme.audio.mel_frames import AudioPiece, MelFrames
from viseme.audio.voice_activity import speech_level, voice_ceiling, voice_fraction, voice_log_odds
from viseme.speakers.interface import audio_steps


def syllables(seconds: float, rng: np.random.Generator) -> np.ndarray:
    t = np.arange(int(seconds * 16000)) / 16000
    tone = sum(np.sin(2 * np.pi * f * t) for f in (220, 440, 880, 1760)) / 4
    return (0.2 * tone * np.clip(np.sin(2 * np.pi * 2 * t), 0, 1) ** 2 + 1e-3 * rng.standard_normal(len(t))).astype(
        np.float32
    )


def odds_of(samples: np.ndarray, start: Fraction = Fraction(0)) -> tuple[int, np.ndarray]:
    reader = BandLevels(MelFrames([AudioPiece(start, samples)]))
    reader.read_to(float("inf"))
    first, bands = reader.steps()
    return first, voice_log_odds(speech_level(bands))


def test_syllables_between_silences_are_a_voice() -> None:
    rng = np.random.default_rng(0)
    quiet = (1e-3 * rng.standard_normal(3 * 16000)).astype(np.float32)
    first, odds = odds_of(np.concatenate([quiet, syllables(3, rng), quiet]))
    assert first == 0
    assert (odds[5:60] < 0).all()
    assert (odds[85:140] > 0).mean() > 0.5
    assert (odds[170:] < 0).all()


@pytest.mark.parametrize("level", [0.0, 1e-3, 0.1])
def test_steady_noise_and_silence_are_none(level: float) -> None:
    samples = (level * np.random.default_rng(1).standard_normal(6 * 16000)).astype(np.float32)
    assert (odds_of(samples)[1] > 0).mean() < 0.05


@pytest.mark.parametrize("gain", [1.0, 0.1])
def test_syllables_are_a_voice_loud_or_soft(gain: float) -> None:
    rng = np.random.default_rng(2)
    samples = np.concatenate([syllables(1, rng) * 0.01, syllables(3, rng)])
    reader = BandLevels(MelFrames([AudioPiece(Fraction(0), samples * np.float32(gain))]))
    reader.read_to(float("inf"))
    level = speech_level(reader.steps()[1])
    assert (voice_log_odds(level)[level > level.max() - 5] > 0).all()


@pytest.mark.parametrize("start", [Fraction(0), Fraction(1, 3), Fraction(-7, 10), Fraction(9), Fraction(100)])
def test_band_levels_lie_where_the_audio_does(start: Fraction) -> None:
    """A burst at 2 s after the beginning lies at `start` + 2 s, read at once or bit by bit."""
    samples = np.zeros(4 * 16000, np.float32)
    samples[32000:35200] = 0.3 * np.random.default_rng(3).standard_normal(3200)
    reader = BandLevels(MelFrames([AudioPiece(start, samples)]))
    for until in (0.5, 0.51, 1.7, 9.0, float(start) + 9.0):
        reader.read_to(until)
    first, bands = reader.steps()
    level = speech_level(bands)
    middle = (first + np.flatnonzero(level > level.max() - 6).mean() + 0.5) * 0.04
    assert middle == pytest.approx(float(start) + 2.1, abs=0.03)


def test_the_delay_is_taken_out() -> None:
    bands = np.full((50, 40), -60.0, np.float16)
    bands[20:25] = 0
    odds = np.where(np.arange(50) // 5 == 4, 5.0, -5.0)
    late = audio_steps(0, bands, 0.2, odds)
    assert late.first == -5
    when = (late.first + np.flatnonzero(late.voice > 0)) * 0.04
    assert when.mean() == pytest.approx((20 + 25) / 2 * 0.04 - 0.2, abs=0.021)
    assert len(audio_steps(0, np.zeros((0, 40)), 0.1).voice) == 0


def test_no_audio_is_no_voice() -> None:
    reader = BandLevels(MelFrames([]))
    reader.read_to(float("inf"))
    assert reader.steps()[1].shape == (0, 40)
    assert len(voice_log_odds(np.zeros(0))) == 0


@pytest.mark.parametrize("db", [-60.0, -40.0, -20.0])
def test_steady_noise_and_hum_are_no_voice_whoever_judges(db):
    num = 8 * 16_000
    noise = np.random.default_rng(0).normal(size=num) * 10 ** (db / 20)
    hum = np.sin(2 * np.pi * 120 * np.arange(num) / 16_000) * 10 ** (db / 20)
    for sound in (noise, hum, 0 * noise):
        _, levels = band_levels(0, power_spectrum(sound.astype(np.float32)) @ mel_filters())
        assert (voice_ceiling(speech_level(levels)) < 0).all()
        assert voice_fraction(sound) == 0
