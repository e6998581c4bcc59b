"""Complex spectrograms around video frames."""

from __future__ import annotations

import numpy as np
import pytest

from viseme.audio.stft import NUM_BINS, NUM_COLUMNS, WINDOW, speech_gain, stft_windows

RATE = 16_000


def test_a_click_lies_in_the_columns_whose_windows_hold_it() -> None:
    samples = np.zeros(RATE, np.float32)
    samples[8000] = 1  # at .5 s
    power = (stft_windows(samples, 0.0, np.array([0.5, 0.56, 2.0]), gain=1.0) ** 2).sum((1, 2))
    assert power.shape == (3, NUM_COLUMNS)
    assert np.flatnonzero(power[0] > 1e-6).tolist() == [11, 12]  # centred 5 ms before and after it
    assert np.flatnonzero(power[1] > 1e-6).tolist() == [5, 6]
    assert not power[2].any(), "beyond the end there is silence"


def test_a_start_moves_the_clock_and_times_need_no_grid() -> None:
    samples = np.random.default_rng(0).normal(0, 0.1, RATE)
    times = np.array([0.2, 0.233, 0.301])
    here = stft_windows(samples, 0.0, times)
    np.testing.assert_allclose(stft_windows(samples, -0.75, times - 0.75), here, atol=1e-6)
    one = stft_windows(samples, 0.0, times[1:2])
    np.testing.assert_allclose(one[0], here[1], atol=1e-6)


def test_a_tone_lies_in_its_bin_with_its_phase() -> None:
    tone = np.cos(2 * np.pi * 1000 * np.arange(RATE) / RATE).astype(np.float32)
    found = stft_windows(tone, 0.0, np.array([0.5]), gain=1.0)[0]
    values = found[0] + 1j * found[1]
    assert np.abs(values[:, 12]).argmax() == 32  # of 31.25 Hz
    assert np.abs(values[32, 12]) == pytest.approx(WINDOW / 4, rel=0.01)
    expected = tone[8000 + 80 - 240 : 8000 + 80 + 240] * np.hanning(WINDOW + 1)[:-1]
    np.testing.assert_allclose(values[:, 12], np.fft.rfft(expected, 512)[:NUM_BINS], atol=1e-3)


def test_loudness_of_the_recording_does_not_matter_and_silence_stays() -> None:
    rng = np.random.default_rng(1)
    voice = np.concatenate([rng.normal(0, 0.2, RATE), rng.normal(0, 1e-4, RATE)])
    times = np.array([0.5])
    np.testing.assert_allclose(
        stft_windows(voice, 0, times), stft_windows(voice * 0.05, 0, times), rtol=1e-4, atol=1e-5
    )
    assert np.sqrt(np.mean((speech_gain(voice) * voice[:RATE]) ** 2)) == pytest.approx(0.1, rel=0.01)
    assert speech_gain(np.zeros(RATE)) == 1.0
    assert not stft_windows(np.zeros(RATE), 0, times).any()
    assert stft_windows(np.zeros(0), 0, times).shape == (1, 2, NUM_BINS, NUM_COLUMNS)
