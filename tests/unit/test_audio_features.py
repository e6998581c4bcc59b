"""Audio features against slow references: a direct Fourier transform, filters drawn by hand, cepstra step by step."""

from __future__ import annotations

import math

import numpy as np
import pytest

from viseme.audio.clock import HOP, RATE, WINDOW
from viseme.audio.features import (
    FFT,
    filter_banks,
    mel_filters,
    mfcc,
    power_frames,
    power_spectrum,
    speech_features,
)


def _noise(num: int, seed: int = 0) -> np.ndarray:
    return (np.random.default_rng(seed).standard_normal(num) * 0.1).astype(np.float32)


def _direct_power(frame: np.ndarray) -> np.ndarray:
    """Power at the 257 frequencies of a 512-point transform, summed term by term."""
    angle = -2j * np.pi * np.outer(np.arange(FFT // 2 + 1), np.arange(len(frame))) / FFT
    return np.abs(np.exp(angle) @ frame) ** 2


def test_power_equals_a_direct_fourier_transform():
    samples = _noise(2000)
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(WINDOW) / WINDOW)
    found = power_spectrum(samples)
    assert found.shape == ((2000 - WINDOW) // HOP + 1, FFT // 2 + 1)
    for frame in (0, 5, len(found) - 1):
        direct = _direct_power(window * samples[frame * HOP : frame * HOP + WINDOW])
        np.testing.assert_allclose(found[frame], direct, rtol=2e-3, atol=1e-5)


@pytest.mark.parametrize(("num", "frames"), [(0, 0), (399, 0), (400, 1), (559, 1), (560, 2)])
def test_number_of_whole_windows(num, frames):
    assert power_spectrum(_noise(num)).shape == (frames, 257)


@pytest.mark.parametrize(("num", "frames"), [(0, 0), (80, 0), (81, 1), (240, 1), (241, 2), (1600, 10)])
def test_number_of_frames_centred_within_the_samples(num, frames):
    first, power = power_frames(_noise(num))
    assert (first, power.shape) == (0, (frames, 257))


def test_half_a_window_beyond_the_samples_is_silent():
    samples = _noise(1600)
    _, found = power_frames(samples)
    padded = np.pad(samples, WINDOW)
    for frame in (0, 1, 8, 9):
        at = WINDOW + frame * HOP + HOP // 2 - WINDOW // 2
        np.testing.assert_allclose(found[frame], power_spectrum(padded[at : at + WINDOW])[0], rtol=1e-4, atol=1e-9)


def test_mel_filters_are_triangles_on_the_htk_scale():
    filters = mel_filters()
    mels = [2595 * math.log10(1 + 8000 / 700) * i / 41 for i in range(42)]
    edges = [700 * (10 ** (m / 2595) - 1) for m in mels]
    for band in (0, 7, 25, 39):
        low, middle, high = edges[band : band + 3]
        for k in range(257):
            hertz = k * RATE / FFT
            rise, fall = (hertz - low) / (middle - low), (high - hertz) / (high - middle)
            assert filters[k, band] == pytest.approx(max(0.0, min(rise, fall)), abs=1e-5)


def test_mel_filters_share_every_frequency_between_two_bands():
    filters = mel_filters()
    hertz = np.arange(257) * RATE / FFT
    inner = (hertz > 700 * (10 ** (2595 * math.log10(1 + 8000 / 700) / 41 / 2595) - 1)) & (hertz < 7400)
    np.testing.assert_allclose(filters[inner].sum(1), 1.0, atol=1e-5)
    assert (filters.sum(0) > 0).all()
    assert filters.max() <= 1


def test_a_warp_moves_every_filter():
    middles = [(mel_filters(warp=w) * np.arange(257)[:, None]).sum(0) / mel_filters(warp=w).sum(0) for w in (0.8, 1.0)]
    np.testing.assert_allclose(middles[0][10:30], 0.8 * middles[1][10:30], rtol=0.02)


def test_mel_bands_of_a_tone():
    tone = np.sin(2 * np.pi * 1000 * np.arange(RATE) / RATE).astype(np.float32)
    mels = power_frames(tone)[1] @ mel_filters()
    assert mels.shape == (100, 40)
    centres = (mel_filters() * np.arange(257)[:, None]).sum(0) / mel_filters().sum(0) * RATE / FFT
    assert abs(centres[mels[50].argmax()] - 1000) < 60


def _bands_step_by_step(samples: np.ndarray) -> tuple[list[list[float]], list[float]]:
    """Mel bands and energies as python_speech_features makes them, in plain loops: nfft 512, nfilt 26."""
    signal = [float(s) * 32768 for s in samples]
    signal = [signal[0]] + [signal[i] - 0.97 * signal[i - 1] for i in range(1, len(signal))]
    num = 1 if len(signal) <= 400 else 1 + math.ceil((len(signal) - 400) / 160)
    signal += [0.0] * ((num - 1) * 160 + 400 - len(signal))
    top = 2595 * math.log10(1 + 8000 / 700)
    bins = [math.floor(513 * 700 * (10 ** (top * i / 27 / 2595) - 1) / 16000) for i in range(28)]
    rows, energies = [], []
    for n in range(num):
        power = _direct_power(np.array(signal[n * 160 : n * 160 + 400])) / 512
        bands = []
        for j in range(26):
            total = 0.0
            for k in range(bins[j], bins[j + 1]):
                total += power[k] * (k - bins[j]) / (bins[j + 1] - bins[j])
            for k in range(bins[j + 1], bins[j + 2]):
                total += power[k] * (bins[j + 2] - k) / (bins[j + 2] - bins[j + 1])
            bands.append(math.log(total) if total else math.log(2.0**-52))
        rows.append(bands)
        energies.append(float(power.sum()))
    return rows, energies


def _mfcc_step_by_step(samples: np.ndarray) -> np.ndarray:
    """Cepstra of those bands, lifter 22."""
    rows = []
    for bands, energy in zip(*_bands_step_by_step(samples)):
        row = []
        for c in range(13):
            norm = math.sqrt(1 / 26) if c == 0 else math.sqrt(2 / 26)
            value = norm * sum(b * math.cos(math.pi * c * (2 * i + 1) / 52) for i, b in enumerate(bands))
            row.append(value * (1 + 11 * math.sin(math.pi * c / 22)))
        row[0] = math.log(energy)
        rows.append(row)
    return np.array(rows)


@pytest.mark.parametrize("num", [300, 400, 401, 560, 1234])
def test_mfcc_equals_the_step_by_step_reference(num):
    samples = _noise(num, seed=num)
    found, expected = mfcc(samples), _mfcc_step_by_step(samples)
    assert found.shape == expected.shape
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=2e-3)


def test_mfcc_of_nothing_and_of_silence():
    assert mfcc(np.zeros(0, np.float32)).shape == (0, 13)
    assert np.isfinite(mfcc(np.zeros(800, np.float32))).all()


@pytest.mark.parametrize("num", [0, 300, 400, 401, 560, 1234])
def test_filter_banks_equal_the_step_by_step_reference(num):
    samples = _noise(num, seed=num)
    expected = np.array(_bands_step_by_step(samples)[0]) if num else np.zeros((0, 26))
    np.testing.assert_allclose(filter_banks(samples), expected, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize(("num", "rows"), [(1, 1), (880, 1), (881, 2), (640 * 5 + 240, 5), (640 * 5 + 241, 6)])
def test_speech_features_equal_the_step_by_step_reference(num, rows):
    samples = _noise(num, seed=num)
    bands = _bands_step_by_step(samples)[0]
    bands += [[0.0] * 26] * (-len(bands) % 4)
    found = speech_features(samples)
    assert found.shape == (rows, 104)
    assert found.dtype == np.float32
    for t, row in enumerate(found):
        values = [v for band in bands[4 * t : 4 * t + 4] for v in band]
        mean = sum(values) / 104
        spread = math.sqrt(sum((v - mean) ** 2 for v in values) / 104 + 1e-5)
        np.testing.assert_allclose(row, [(v - mean) / spread for v in values], atol=1e-4)


def test_speech_features_have_the_length_of_the_video():
    samples = _noise(16_000)
    whole = speech_features(samples)
    assert len(whole) == 25
    np.testing.assert_array_equal(speech_features(samples, 20), whole[:20])
    longer = speech_features(samples, 30)
    np.testing.assert_array_equal(longer[:25], whole)
    assert not longer[25:].any()


def test_speech_features_lie_on_the_clock_of_the_video():
    """Audio that begins before or after the first frame gives the rows it would give in its place."""
    samples = _noise(16_000)
    np.testing.assert_array_equal(
        speech_features(np.append(_noise(960, 1), samples), start=-0.06)[1:], speech_features(samples)[1:]
    )
    late = speech_features(samples, start=0.08)
    assert not late[:1].any()
    np.testing.assert_allclose(late[3:20], speech_features(samples)[1:18], atol=1e-6)


def test_speech_features_do_not_depend_on_gain_and_silence_is_zero():
    samples = _noise(640 * 10 + 240)
    np.testing.assert_allclose(speech_features(samples * 0.5), speech_features(samples), atol=1e-5)
    assert not speech_features(np.zeros(640 * 10 + 240)).any()
    samples[3000:] = 0
    assert not speech_features(samples)[6:].any()
